//! `DealConversionService`.

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_conversion_service_server::DealConversionService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl DealConversionService for Grpc {
    async fn plan_deal_step(
        &self,
        request: Request<v1::PlanDealStepRequest>,
    ) -> Answer<v1::PlanDealStepResponse> {
        let caller = Caller::of(&request)?;
        let step = request.into_inner().step.unwrap_or_default();
        let plan = self
            .deals
            .plan_step(&caller, step, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::PlanDealStepResponse { plan: Some(plan) }))
    }

    async fn list_deal_touches(
        &self,
        request: Request<v1::ListDealTouchesRequest>,
    ) -> Answer<v1::ListDealTouchesResponse> {
        let caller = Caller::of(&request)?;
        let touches = self.deals.touches(&caller, request.into_inner()).await?;
        Ok(Response::new(v1::ListDealTouchesResponse { touches }))
    }
}
