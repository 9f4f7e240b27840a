//! The rpcs of views and of the company's own fields.

use kontor_proto::contacts::v1::contact_setup_service_server::ContactSetupService;
use kontor_records::setup_rpcs;

use super::Grpc;

setup_rpcs! {
    impl ContactSetupService for Grpc(contacts), of kontor_proto::contacts::v1;
    list_contact_views: ListContactViewsRequest -> ListContactViewsResponse,
    create_contact_view: CreateContactViewRequest -> CreateContactViewResponse,
    update_contact_view: UpdateContactViewRequest -> UpdateContactViewResponse,
    delete_contact_view: DeleteContactViewRequest,
    list_contact_fields: ListContactFieldsRequest -> ListContactFieldsResponse,
    create_contact_field: CreateContactFieldRequest -> CreateContactFieldResponse,
    update_contact_field: UpdateContactFieldRequest -> UpdateContactFieldResponse,
    delete_contact_field: DeleteContactFieldRequest,
}
