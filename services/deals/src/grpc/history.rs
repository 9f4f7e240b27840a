//! The rpcs of what deals were.

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_history_service_server::DealHistoryService};
use kontor_records::{history::Page, keep};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl DealHistoryService for Grpc {
    async fn list_deal_history(
        &self,
        request: Request<v1::ListDealHistoryRequest>,
    ) -> Answer<v1::ListDealHistoryResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListDealHistoryRequest {
            id,
            page_size,
            page_token,
        } = request.into_inner();
        let Page {
            changes,
            next_page_token,
        } = keep::history(&self.deals, &caller, &id, page_size, &page_token).await?;
        Ok(Response::new(v1::ListDealHistoryResponse {
            changes,
            next_page_token,
        }))
    }

    async fn list_deal_stages(
        &self,
        request: Request<v1::ListDealStagesRequest>,
    ) -> Answer<v1::ListDealStagesResponse> {
        let caller = Caller::of(&request)?;
        let stages = self
            .deals
            .stages(&caller, &request.get_ref().id, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::ListDealStagesResponse { stages }))
    }
}
