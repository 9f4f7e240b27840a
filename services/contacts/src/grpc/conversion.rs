//! `ContactConversionService`.

use kontor_chassis::Caller;
use kontor_proto::contacts::v1::{self, contact_conversion_service_server::ContactConversionService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl ContactConversionService for Grpc {
    async fn plan_contact_step(
        &self,
        request: Request<v1::PlanContactStepRequest>,
    ) -> Answer<v1::PlanContactStepResponse> {
        let caller = Caller::of(&request)?;
        let step = request.into_inner().step.unwrap_or_default();
        let plan = self
            .contacts
            .plan_step(&caller, step, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::PlanContactStepResponse { plan: Some(plan) }))
    }

    async fn list_contact_touches(
        &self,
        request: Request<v1::ListContactTouchesRequest>,
    ) -> Answer<v1::ListContactTouchesResponse> {
        let caller = Caller::of(&request)?;
        let touches = self.contacts.touches(&caller, request.into_inner()).await?;
        Ok(Response::new(v1::ListContactTouchesResponse { touches }))
    }
}
