//! The rpcs of what accounts were, and whether one is two.

use kontor_proto::accounts::v1::account_history_service_server::AccountHistoryService;
use kontor_records::history_rpcs;

use super::Grpc;

history_rpcs! {
    impl AccountHistoryService for Grpc(accounts), of kontor_proto::accounts::v1, as account;
    list_account_history: ListAccountHistoryRequest -> ListAccountHistoryResponse,
    list_account_duplicates: ListAccountDuplicatesRequest -> ListAccountDuplicatesResponse,
    dismiss_account_duplicates: DismissAccountDuplicatesRequest,
    merge_account: MergeAccountRequest -> MergeAccountResponse,
    unmerge_account: UnmergeAccountRequest -> UnmergeAccountResponse,
    list_account_merges: ListAccountMergesRequest -> ListAccountMergesResponse,
}
