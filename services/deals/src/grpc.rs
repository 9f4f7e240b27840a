//! Decode, one call, encode.

mod forecast;
mod history;
mod pipelines;
mod transfer;

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_service_server::DealService};
use kontor_records::{Record, query::Page, transfer::Imports};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    imports::Importing,
    model::{Deal, Step},
    pipeline,
    service::Deals,
};

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of deals.
#[derive(Clone)]
pub struct Grpc {
    deals: Deals,
    imports: Imports<Importing>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(deals: Deals, imports: Imports<Importing>) -> Self {
        Self { deals, imports }
    }

    /// A deal with what its stage says of it.
    async fn shown(&self, caller: &Caller, deal: Deal) -> Result<v1::Deal, Status> {
        let mut deals = [deal.into_message()];
        self.mark_rotting(caller, &mut deals).await?;
        let [deal] = deals;
        Ok(deal)
    }

    /// Marks those that are longer in their stages than those allow.
    async fn mark_rotting(&self, caller: &Caller, deals: &mut [v1::Deal]) -> Result<(), Status> {
        let stage = |deal: &v1::Deal| -> Option<Uuid> { deal.stage_id.as_deref()?.parse().ok() };
        let stages: Vec<Uuid> = deals.iter().filter_map(stage).collect();
        let limits = self.deals.rotting_days(caller, &stages).await?;
        mark_rotting(deals, |deal| limits.get(&stage(deal)?).copied());
        Ok(())
    }

    async fn take(&self, caller: &Caller, id: &str, etag: &str, step: Step) -> Result<v1::Deal, Status> {
        let deal = self
            .deals
            .take(caller, id, etag, step, OffsetDateTime::now_utc())
            .await?;
        self.shown(caller, deal).await
    }
}

/// Marks those that are longer in their stages than the limits allow.
fn mark_rotting(deals: &mut [v1::Deal], limit: impl Fn(&v1::Deal) -> Option<i32>) {
    for deal in deals {
        let is_open = deal.status() == v1::DealStatus::Open;
        deal.is_rotting = is_open && pipeline::is_rotting(limit(deal), deal.days_in_stage);
    }
}

#[tonic::async_trait]
impl DealService for Grpc {
    async fn create_deal(&self, request: Request<v1::CreateDealRequest>) -> Answer<v1::CreateDealResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().deal.unwrap_or_default();
        let deal = self
            .deals
            .create(&caller, message, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateDealResponse {
            deal: Some(self.shown(&caller, deal).await?),
        }))
    }

    async fn list_deals(&self, request: Request<v1::ListDealsRequest>) -> Answer<v1::ListDealsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            mut records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.deals.list(&caller, &query).await?;
        self.mark_rotting(&caller, &mut records).await?;
        Ok(Response::new(v1::ListDealsResponse {
            deals: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn get_deal(&self, request: Request<v1::GetDealRequest>) -> Answer<v1::GetDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetDealRequest { id, expand } = request.into_inner();
        let mut deals = [self.deals.get(&caller, &id, &expand).await?];
        self.mark_rotting(&caller, &mut deals).await?;
        let [deal] = deals;
        Ok(Response::new(v1::GetDealResponse { deal: Some(deal) }))
    }

    async fn get_deal_stats(
        &self,
        request: Request<v1::GetDealStatsRequest>,
    ) -> Answer<v1::GetDealStatsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        Ok(Response::new(self.deals.stats(&caller, &query).await?))
    }

    async fn update_deal(&self, request: Request<v1::UpdateDealRequest>) -> Answer<v1::UpdateDealResponse> {
        let caller = Caller::of(&request)?;
        let deal = self
            .deals
            .update(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdateDealResponse {
            deal: Some(self.shown(&caller, deal).await?),
        }))
    }

    async fn delete_deal(&self, request: Request<v1::DeleteDealRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteDealRequest { id, etag } = request.into_inner();
        self.deals
            .delete(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(()))
    }

    async fn restore_deal(
        &self,
        request: Request<v1::RestoreDealRequest>,
    ) -> Answer<v1::RestoreDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreDealRequest { id, etag } = request.into_inner();
        let deal = self
            .deals
            .restore(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::RestoreDealResponse {
            deal: Some(self.shown(&caller, deal).await?),
        }))
    }

    async fn assign_deal_owner(
        &self,
        request: Request<v1::AssignDealOwnerRequest>,
    ) -> Answer<v1::AssignDealOwnerResponse> {
        let caller = Caller::of(&request)?;
        let deal = self
            .deals
            .assign_owner(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::AssignDealOwnerResponse {
            deal: Some(self.shown(&caller, deal).await?),
        }))
    }

    async fn move_deal(&self, request: Request<v1::MoveDealRequest>) -> Answer<v1::MoveDealResponse> {
        let caller = Caller::of(&request)?;
        let deal = self
            .deals
            .move_to(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::MoveDealResponse {
            deal: Some(self.shown(&caller, deal).await?),
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
