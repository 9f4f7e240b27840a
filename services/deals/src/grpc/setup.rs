//! The rpcs of views and of the company's own fields.

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_setup_service_server::DealSetupService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl DealSetupService for Grpc {
    async fn list_deal_views(
        &self,
        request: Request<v1::ListDealViewsRequest>,
    ) -> Answer<v1::ListDealViewsResponse> {
        let caller = Caller::of(&request)?;
        let views = self.deals.views().list(&caller).await?;
        Ok(Response::new(v1::ListDealViewsResponse { views }))
    }

    async fn create_deal_view(
        &self,
        request: Request<v1::CreateDealViewRequest>,
    ) -> Answer<v1::CreateDealViewResponse> {
        let caller = Caller::of(&request)?;
        let view = request.into_inner().view.unwrap_or_default();
        let view = self
            .deals
            .views()
            .create(&caller, view, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateDealViewResponse { view: Some(view) }))
    }

    async fn update_deal_view(
        &self,
        request: Request<v1::UpdateDealViewRequest>,
    ) -> Answer<v1::UpdateDealViewResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateDealViewRequest {
            id,
            view,
            update_mask,
        } = request.into_inner();
        let view = self
            .deals
            .views()
            .update(&caller, &id, view.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateDealViewResponse { view: Some(view) }))
    }

    async fn delete_deal_view(&self, request: Request<v1::DeleteDealViewRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.deals.views().delete(&caller, &request.get_ref().id).await?;
        Ok(Response::new(()))
    }

    async fn list_deal_fields(
        &self,
        request: Request<v1::ListDealFieldsRequest>,
    ) -> Answer<v1::ListDealFieldsResponse> {
        let caller = Caller::of(&request)?;
        let fields = self.deals.fields().list(&caller).await?;
        Ok(Response::new(v1::ListDealFieldsResponse { fields }))
    }

    async fn create_deal_field(
        &self,
        request: Request<v1::CreateDealFieldRequest>,
    ) -> Answer<v1::CreateDealFieldResponse> {
        let caller = Caller::of(&request)?;
        let field = request.into_inner().field.unwrap_or_default();
        let field = self.deals.fields().create(&caller, field).await?;
        Ok(Response::new(v1::CreateDealFieldResponse { field: Some(field) }))
    }

    async fn update_deal_field(
        &self,
        request: Request<v1::UpdateDealFieldRequest>,
    ) -> Answer<v1::UpdateDealFieldResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateDealFieldRequest {
            key,
            field,
            update_mask,
        } = request.into_inner();
        let field = self
            .deals
            .fields()
            .update(&caller, &key, field.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateDealFieldResponse { field: Some(field) }))
    }

    async fn delete_deal_field(&self, request: Request<v1::DeleteDealFieldRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.deals
            .fields()
            .delete(&caller, &request.get_ref().key)
            .await?;
        Ok(Response::new(()))
    }
}
