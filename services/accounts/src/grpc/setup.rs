//! The rpcs of views and of the company's own fields.

use kontor_proto::accounts::v1::account_setup_service_server::AccountSetupService;
use kontor_records::setup_rpcs;

use super::Grpc;

setup_rpcs! {
    impl AccountSetupService for Grpc(accounts), of kontor_proto::accounts::v1;
    list_account_views: ListAccountViewsRequest -> ListAccountViewsResponse,
    create_account_view: CreateAccountViewRequest -> CreateAccountViewResponse,
    update_account_view: UpdateAccountViewRequest -> UpdateAccountViewResponse,
    delete_account_view: DeleteAccountViewRequest,
    list_account_fields: ListAccountFieldsRequest -> ListAccountFieldsResponse,
    create_account_field: CreateAccountFieldRequest -> CreateAccountFieldResponse,
    update_account_field: UpdateAccountFieldRequest -> UpdateAccountFieldResponse,
    delete_account_field: DeleteAccountFieldRequest,
}
