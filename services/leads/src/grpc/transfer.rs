//! The rpcs of imports and exports.

use kontor_proto::leads::v1::lead_transfer_service_server::LeadTransferService;
use kontor_records::transfer_rpcs;

use super::Grpc;

transfer_rpcs! {
    impl LeadTransferService for Grpc, of kontor_proto::leads::v1;
    import_leads: ImportLeadsRequest(import_leads_request) -> ImportLeadsResponse,
    preview_lead_import: PreviewLeadImportRequest(preview_lead_import_request) -> PreviewLeadImportResponse,
    list_lead_imports: ListLeadImportsRequest -> ListLeadImportsResponse,
    get_lead_import: GetLeadImportRequest -> GetLeadImportResponse,
    watch_lead_import: WatchLeadImportRequest,
    download_lead_import_errors: DownloadLeadImportErrorsRequest,
    cancel_lead_import: CancelLeadImportRequest -> CancelLeadImportResponse,
    undo_lead_import: UndoLeadImportRequest -> UndoLeadImportResponse,
    export_leads: ExportLeadsRequest,
}
