//! The rpcs of imports and exports.

use kontor_proto::accounts::v1::account_transfer_service_server::AccountTransferService;
use kontor_records::transfer_rpcs;

use super::Grpc;

transfer_rpcs! {
    impl AccountTransferService for Grpc, of kontor_proto::accounts::v1;
    import_accounts: ImportAccountsRequest(import_accounts_request) -> ImportAccountsResponse,
    preview_account_import: PreviewAccountImportRequest(preview_account_import_request) -> PreviewAccountImportResponse,
    list_account_imports: ListAccountImportsRequest -> ListAccountImportsResponse,
    get_account_import: GetAccountImportRequest -> GetAccountImportResponse,
    watch_account_import: WatchAccountImportRequest,
    download_account_import_errors: DownloadAccountImportErrorsRequest,
    cancel_account_import: CancelAccountImportRequest -> CancelAccountImportResponse,
    undo_account_import: UndoAccountImportRequest -> UndoAccountImportResponse,
    export_accounts: ExportAccountsRequest,
}
