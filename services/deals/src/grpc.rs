//! Decode, one call, encode.

mod pipelines;

use std::collections::HashMap;

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_service_server::DealService};
use kontor_records::Record;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    model::{Deal, DealStatus, Step},
    pipeline,
    service::Deals,
};

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of deals.
#[derive(Clone)]
pub struct Grpc {
    deals: Deals,
}

impl Grpc {
    /// Over these use-cases.
    #[must_use]
    pub fn new(deals: Deals) -> Self {
        Self { deals }
    }

    /// A deal with what its stage says of it.
    async fn shown(&self, caller: &Caller, deal: Deal) -> Result<v1::Deal, Status> {
        let limits = self.deals.rotting_days(caller, &[deal.stage_id]).await?;
        Ok(shown(deal, &limits))
    }

    async fn take(&self, caller: &Caller, id: &str, etag: &str, step: Step) -> Result<v1::Deal, Status> {
        let deal = self.deals.take(caller, id, etag, step, OffsetDateTime::now_utc()).await?;
        self.shown(caller, deal).await
    }
}

/// A deal as it is answered, by the days after which deals of its stage rot.
fn shown(deal: Deal, limits: &HashMap<Uuid, i32>) -> v1::Deal {
    let days = pipeline::days_between(deal.stage_entered_at, OffsetDateTime::now_utc());
    let is_rotting =
        deal.status == DealStatus::Open && limits.get(&deal.stage_id).is_some_and(|limit| days > *limit);
    v1::Deal { is_rotting, ..deal.into_message() }
}

#[tonic::async_trait]
impl DealService for Grpc {
    async fn create_deal(&self, request: Request<v1::CreateDealRequest>) -> Answer<v1::CreateDealResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().deal.unwrap_or_default();
        let deal = self.deals.create(&caller, message, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::CreateDealResponse { deal: Some(self.shown(&caller, deal).await?) }))
    }

    async fn get_deal(&self, request: Request<v1::GetDealRequest>) -> Answer<v1::GetDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetDealRequest { id, expand: _ } = request.into_inner();
        let deal = self.deals.get(&caller, &id).await?;
        Ok(Response::new(v1::GetDealResponse { deal: Some(self.shown(&caller, deal).await?) }))
    }

    async fn update_deal(&self, request: Request<v1::UpdateDealRequest>) -> Answer<v1::UpdateDealResponse> {
        let caller = Caller::of(&request)?;
        let deal = self.deals.update(&caller, request.into_inner(), OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::UpdateDealResponse { deal: Some(self.shown(&caller, deal).await?) }))
    }

    async fn delete_deal(&self, request: Request<v1::DeleteDealRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteDealRequest { id, etag } = request.into_inner();
        self.deals.delete(&caller, &id, &etag, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(()))
    }

    async fn restore_deal(&self, request: Request<v1::RestoreDealRequest>) -> Answer<v1::RestoreDealResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreDealRequest { id, etag } = request.into_inner();
        let deal = self.deals.restore(&caller, &id, &etag, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::RestoreDealResponse { deal: Some(self.shown(&caller, deal).await?) }))
    }

    async fn assign_deal_owner(
        &self,
        request: Request<v1::AssignDealOwnerRequest>,
    ) -> Answer<v1::AssignDealOwnerResponse> {
        let caller = Caller::of(&request)?;
        let deal = self.deals.assign_owner(&caller, request.into_inner(), OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::AssignDealOwnerResponse { deal: Some(self.shown(&caller, deal).await?) }))
    }

    async fn move_deal(&self, request: Request<v1::MoveDealRequest>) -> Answer<v1::MoveDealResponse> {
        let caller = Caller::of(&request)?;
        let deal = self.deals.move_to(&caller, request.into_inner(), OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::MoveDealResponse { deal: Some(self.shown(&caller, deal).await?) }))
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
