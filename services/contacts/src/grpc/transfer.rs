//! The rpcs of imports and exports.

use kontor_proto::contacts::v1::contact_transfer_service_server::ContactTransferService;
use kontor_records::transfer_rpcs;

use super::Grpc;

transfer_rpcs! {
    impl ContactTransferService for Grpc, of kontor_proto::contacts::v1;
    import_contacts: ImportContactsRequest(import_contacts_request) -> ImportContactsResponse,
    preview_contact_import: PreviewContactImportRequest(preview_contact_import_request) -> PreviewContactImportResponse,
    list_contact_imports: ListContactImportsRequest -> ListContactImportsResponse,
    get_contact_import: GetContactImportRequest -> GetContactImportResponse,
    watch_contact_import: WatchContactImportRequest,
    download_contact_import_errors: DownloadContactImportErrorsRequest,
    cancel_contact_import: CancelContactImportRequest -> CancelContactImportResponse,
    undo_contact_import: UndoContactImportRequest -> UndoContactImportResponse,
    export_contacts: ExportContactsRequest,
}
