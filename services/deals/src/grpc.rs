//! Decode, one call, encode.

mod conversion;
mod forecast;
mod history;
mod pipelines;
mod setup;
mod transfer;

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_service_server::DealService};
use kontor_records::{Record, record_rpcs, transfer::Imports};
use time::OffsetDateTime;
use tonic::{Response, Status};

use crate::{model::Step, service::Deals};

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of deals.
#[derive(Clone)]
pub struct Grpc {
    deals: Deals,
    imports: Imports<Deals>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(deals: Deals, imports: Imports<Deals>) -> Self {
        Self { deals, imports }
    }

    async fn take(&self, caller: &Caller, id: &str, etag: &str, step: Step) -> Result<v1::Deal, Status> {
        let deal = self
            .deals
            .take(caller, id, etag, step, OffsetDateTime::now_utc())
            .await?;
        Ok(deal.into_message())
    }
}

record_rpcs! {
    impl DealService for Grpc(deals), of kontor_proto::deals::v1, as deal and deals;
    create_deal: CreateDealRequest -> CreateDealResponse,
    list_deals: ListDealsRequest -> ListDealsResponse,
    get_deal: GetDealRequest -> GetDealResponse,
    get_deal_stats: GetDealStatsRequest -> GetDealStatsResponse,
    update_deal: UpdateDealRequest -> UpdateDealResponse,
    delete_deal: DeleteDealRequest,
    restore_deal: RestoreDealRequest -> RestoreDealResponse,
    assign_deal_owner: AssignDealOwnerRequest -> AssignDealOwnerResponse,
    bulk_action_deals: BulkActionDealsRequest -> BulkActionDealsResponse,
    get_deal_bulk_action: GetDealBulkActionRequest -> GetDealBulkActionResponse;

    async fn move_deal(&self, request: Request<v1::MoveDealRequest>) -> Answer<v1::MoveDealResponse> {
        let caller = Caller::of(&request)?;
        let deal = self
            .deals
            .move_to(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::MoveDealResponse {
            deal: Some(deal.into_message()),
        }))
    }

    async fn win_deal(&self, request: Request<v1::WinDealRequest>) -> Answer<v1::WinDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::WinDealRequest { id, etag } = request.into_inner();
        let deal = self.take(&caller, &id, &etag, Step::Win).await?;
        Ok(Response::new(v1::WinDealResponse { deal: Some(deal) }))
    }

    async fn lose_deal(&self, request: Request<v1::LoseDealRequest>) -> Answer<v1::LoseDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::LoseDealRequest { id, reason, etag } = request.into_inner();
        let deal = self.take(&caller, &id, &etag, Step::Lose(reason)).await?;
        Ok(Response::new(v1::LoseDealResponse { deal: Some(deal) }))
    }

    async fn reopen_deal(&self, request: Request<v1::ReopenDealRequest>) -> Answer<v1::ReopenDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::ReopenDealRequest { id, etag } = request.into_inner();
        let deal = self.take(&caller, &id, &etag, Step::Reopen).await?;
        Ok(Response::new(v1::ReopenDealResponse { deal: Some(deal) }))
    }
}
