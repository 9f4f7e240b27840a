//! The rpcs of imports and exports.

use kontor_proto::deals::v1::deal_transfer_service_server::DealTransferService;
use kontor_records::transfer_rpcs;

use super::Grpc;

transfer_rpcs! {
    impl DealTransferService for Grpc, of kontor_proto::deals::v1;
    import_deals: ImportDealsRequest(import_deals_request) -> ImportDealsResponse,
    preview_deal_import: PreviewDealImportRequest(preview_deal_import_request) -> PreviewDealImportResponse,
    list_deal_imports: ListDealImportsRequest -> ListDealImportsResponse,
    get_deal_import: GetDealImportRequest -> GetDealImportResponse,
    watch_deal_import: WatchDealImportRequest,
    download_deal_import_errors: DownloadDealImportErrorsRequest,
    cancel_deal_import: CancelDealImportRequest -> CancelDealImportResponse,
    undo_deal_import: UndoDealImportRequest -> UndoDealImportResponse,
    export_deals: ExportDealsRequest,
}
