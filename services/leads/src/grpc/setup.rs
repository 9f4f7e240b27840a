//! The rpcs of views and of the company's own fields.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_setup_service_server::LeadSetupService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl LeadSetupService for Grpc {
    async fn list_lead_views(
        &self,
        request: Request<v1::ListLeadViewsRequest>,
    ) -> Answer<v1::ListLeadViewsResponse> {
        let caller = Caller::of(&request)?;
        let views = self.leads.views().list(&caller).await?;
        Ok(Response::new(v1::ListLeadViewsResponse { views }))
    }

    async fn create_lead_view(
        &self,
        request: Request<v1::CreateLeadViewRequest>,
    ) -> Answer<v1::CreateLeadViewResponse> {
        let caller = Caller::of(&request)?;
        let view = request.into_inner().view.unwrap_or_default();
        let view = self
            .leads
            .views()
            .create(&caller, view, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateLeadViewResponse { view: Some(view) }))
    }

    async fn update_lead_view(
        &self,
        request: Request<v1::UpdateLeadViewRequest>,
    ) -> Answer<v1::UpdateLeadViewResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateLeadViewRequest {
            id,
            view,
            update_mask,
        } = request.into_inner();
        let view = self
            .leads
            .views()
            .update(&caller, &id, view.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateLeadViewResponse { view: Some(view) }))
    }

    async fn delete_lead_view(&self, request: Request<v1::DeleteLeadViewRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.leads.views().delete(&caller, &request.get_ref().id).await?;
        Ok(Response::new(()))
    }

    async fn list_lead_fields(
        &self,
        request: Request<v1::ListLeadFieldsRequest>,
    ) -> Answer<v1::ListLeadFieldsResponse> {
        let caller = Caller::of(&request)?;
        let fields = self.leads.fields().list(&caller).await?;
        Ok(Response::new(v1::ListLeadFieldsResponse { fields }))
    }

    async fn create_lead_field(
        &self,
        request: Request<v1::CreateLeadFieldRequest>,
    ) -> Answer<v1::CreateLeadFieldResponse> {
        let caller = Caller::of(&request)?;
        let field = request.into_inner().field.unwrap_or_default();
        let field = self.leads.fields().create(&caller, field).await?;
        Ok(Response::new(v1::CreateLeadFieldResponse { field: Some(field) }))
    }

    async fn update_lead_field(
        &self,
        request: Request<v1::UpdateLeadFieldRequest>,
    ) -> Answer<v1::UpdateLeadFieldResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateLeadFieldRequest {
            key,
            field,
            update_mask,
        } = request.into_inner();
        let field = self
            .leads
            .fields()
            .update(&caller, &key, field.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateLeadFieldResponse { field: Some(field) }))
    }

    async fn delete_lead_field(&self, request: Request<v1::DeleteLeadFieldRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.leads
            .fields()
            .delete(&caller, &request.get_ref().key)
            .await?;
        Ok(Response::new(()))
    }
}
