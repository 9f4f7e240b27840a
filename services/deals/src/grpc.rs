//! Decode, one call, encode.

mod conversion;
mod forecast;
mod history;
mod pipelines;
mod setup;
mod transfer;

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_service_server::DealService};
use kontor_records::{Record, query::Page, transfer::Imports};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use crate::{imports::Importing, model::Step, service::Deals};

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

    async fn take(&self, caller: &Caller, id: &str, etag: &str, step: Step) -> Result<v1::Deal, Status> {
        let deal = self
            .deals
            .take(caller, id, etag, step, OffsetDateTime::now_utc())
            .await?;
        Ok(deal.into_message())
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
            deal: Some(deal.into_message()),
        }))
    }

    async fn list_deals(&self, request: Request<v1::ListDealsRequest>) -> Answer<v1::ListDealsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.deals.list(&caller, &query).await?;
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
        let deal = self.deals.get(&caller, &id, &expand).await?;
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
            deal: Some(deal.into_message()),
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
            deal: Some(deal.into_message()),
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
            deal: Some(deal.into_message()),
        }))
    }

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

    async fn bulk_action_deals(
        &self,
        request: Request<v1::BulkActionDealsRequest>,
    ) -> Answer<v1::BulkActionDealsResponse> {
        let caller = Caller::of(&request)?;
        let action = request.into_inner().action.unwrap_or_default();
        let result = self
            .deals
            .bulk(&caller, action, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::BulkActionDealsResponse {
            result: Some(result),
        }))
    }
}
