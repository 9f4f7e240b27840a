//! `AccountConversionService`.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_conversion_service_server::AccountConversionService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl AccountConversionService for Grpc {
    async fn plan_account_step(
        &self,
        request: Request<v1::PlanAccountStepRequest>,
    ) -> Answer<v1::PlanAccountStepResponse> {
        let caller = Caller::of(&request)?;
        let step = request.into_inner().step.unwrap_or_default();
        let plan = self
            .accounts
            .plan_step(&caller, step, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::PlanAccountStepResponse { plan: Some(plan) }))
    }

    async fn list_account_touches(
        &self,
        request: Request<v1::ListAccountTouchesRequest>,
    ) -> Answer<v1::ListAccountTouchesResponse> {
        let caller = Caller::of(&request)?;
        let touches = self.accounts.touches(&caller, request.into_inner()).await?;
        Ok(Response::new(v1::ListAccountTouchesResponse { touches }))
    }
}
