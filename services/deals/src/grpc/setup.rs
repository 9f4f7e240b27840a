//! The rpcs of views and of the company's own fields.

use kontor_proto::deals::v1::deal_setup_service_server::DealSetupService;
use kontor_records::setup_rpcs;

use super::Grpc;

setup_rpcs! {
    impl DealSetupService for Grpc(deals), of kontor_proto::deals::v1;
    list_deal_views: ListDealViewsRequest -> ListDealViewsResponse,
    create_deal_view: CreateDealViewRequest -> CreateDealViewResponse,
    update_deal_view: UpdateDealViewRequest -> UpdateDealViewResponse,
    delete_deal_view: DeleteDealViewRequest,
    list_deal_fields: ListDealFieldsRequest -> ListDealFieldsResponse,
    create_deal_field: CreateDealFieldRequest -> CreateDealFieldResponse,
    update_deal_field: UpdateDealFieldRequest -> UpdateDealFieldResponse,
    delete_deal_field: DeleteDealFieldRequest,
}
