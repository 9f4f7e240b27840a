//! The rpcs of what leads were, and whether one is two.

use kontor_proto::leads::v1::{self, lead_history_service_server::LeadHistoryService};
use kontor_records::history_rpcs;

use super::{Answer, Grpc, now};

history_rpcs! {
    impl LeadHistoryService for Grpc(leads), of kontor_proto::leads::v1, as lead;
    list_lead_history: ListLeadHistoryRequest -> ListLeadHistoryResponse,
    list_lead_duplicates: ListLeadDuplicatesRequest -> ListLeadDuplicatesResponse,
    dismiss_lead_duplicates: DismissLeadDuplicatesRequest,
    merge_lead: MergeLeadRequest -> MergeLeadResponse,
    unmerge_lead: UnmergeLeadRequest -> UnmergeLeadResponse,
    list_lead_merges: ListLeadMergesRequest -> ListLeadMergesResponse;

    async fn list_lead_scores(
        &self,
        request: Request<v1::ListLeadScoresRequest>,
    ) -> Answer<v1::ListLeadScoresResponse> {
        let caller = Caller::of(&request)?;
        let scores = self.leads.scores(&caller, request.get_ref(), now()).await?;
        Ok(Response::new(scores))
    }
}
