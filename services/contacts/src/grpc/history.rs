//! The rpcs of what contacts were, and whether one is two.

use kontor_proto::contacts::v1::contact_history_service_server::ContactHistoryService;
use kontor_records::history_rpcs;

use super::Grpc;

history_rpcs! {
    impl ContactHistoryService for Grpc(contacts), of kontor_proto::contacts::v1, as contact;
    list_contact_history: ListContactHistoryRequest -> ListContactHistoryResponse,
    list_contact_duplicates: ListContactDuplicatesRequest -> ListContactDuplicatesResponse,
    dismiss_contact_duplicates: DismissContactDuplicatesRequest,
    merge_contact: MergeContactRequest -> MergeContactResponse,
    unmerge_contact: UnmergeContactRequest -> UnmergeContactResponse,
    list_contact_merges: ListContactMergesRequest -> ListContactMergesResponse,
}
