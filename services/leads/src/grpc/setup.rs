//! The rpcs of views and of the company's own fields.

use kontor_proto::leads::v1::lead_setup_service_server::LeadSetupService;
use kontor_records::setup_rpcs;

use super::Grpc;

setup_rpcs! {
    impl LeadSetupService for Grpc(leads), of kontor_proto::leads::v1;
    list_lead_views: ListLeadViewsRequest -> ListLeadViewsResponse,
    create_lead_view: CreateLeadViewRequest -> CreateLeadViewResponse,
    update_lead_view: UpdateLeadViewRequest -> UpdateLeadViewResponse,
    delete_lead_view: DeleteLeadViewRequest,
    list_lead_fields: ListLeadFieldsRequest -> ListLeadFieldsResponse,
    create_lead_field: CreateLeadFieldRequest -> CreateLeadFieldResponse,
    update_lead_field: UpdateLeadFieldRequest -> UpdateLeadFieldResponse,
    delete_lead_field: DeleteLeadFieldRequest,
}
