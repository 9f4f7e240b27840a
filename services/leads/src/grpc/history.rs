//! `LeadHistoryService`. Duplicates and merges are not built yet.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_history_service_server::LeadHistoryService};
use kontor_records::history::Page;
use tonic::{Request, Response};

use super::{Answer, Grpc, now};

#[tonic::async_trait]
impl LeadHistoryService for Grpc {
    async fn list_lead_history(
        &self,
        request: Request<v1::ListLeadHistoryRequest>,
    ) -> Answer<v1::ListLeadHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.leads.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListLeadHistoryResponse {
            changes,
            next_page_token,
        }))
    }
    async fn list_lead_scores(
        &self,
        request: Request<v1::ListLeadScoresRequest>,
    ) -> Answer<v1::ListLeadScoresResponse> {
        let caller = Caller::of(&request)?;
        let scores = self.leads.scores(&caller, request.get_ref(), now()).await?;
        Ok(Response::new(scores))
    }
}
