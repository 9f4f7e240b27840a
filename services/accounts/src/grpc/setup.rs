//! The rpcs of views and of the company's own fields.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_setup_service_server::AccountSetupService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl AccountSetupService for Grpc {
    async fn list_account_views(
        &self,
        request: Request<v1::ListAccountViewsRequest>,
    ) -> Answer<v1::ListAccountViewsResponse> {
        let caller = Caller::of(&request)?;
        let views = self.accounts.views().list(&caller).await?;
        Ok(Response::new(v1::ListAccountViewsResponse { views }))
    }

    async fn create_account_view(
        &self,
        request: Request<v1::CreateAccountViewRequest>,
    ) -> Answer<v1::CreateAccountViewResponse> {
        let caller = Caller::of(&request)?;
        let view = request.into_inner().view.unwrap_or_default();
        let view = self
            .accounts
            .views()
            .create(&caller, view, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateAccountViewResponse { view: Some(view) }))
    }

    async fn update_account_view(
        &self,
        request: Request<v1::UpdateAccountViewRequest>,
    ) -> Answer<v1::UpdateAccountViewResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateAccountViewRequest {
            id,
            view,
            update_mask,
        } = request.into_inner();
        let view = self
            .accounts
            .views()
            .update(&caller, &id, view.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateAccountViewResponse { view: Some(view) }))
    }

    async fn delete_account_view(&self, request: Request<v1::DeleteAccountViewRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.accounts
            .views()
            .delete(&caller, &request.get_ref().id)
            .await?;
        Ok(Response::new(()))
    }

    async fn list_account_fields(
        &self,
        request: Request<v1::ListAccountFieldsRequest>,
    ) -> Answer<v1::ListAccountFieldsResponse> {
        let caller = Caller::of(&request)?;
        let fields = self.accounts.fields().list(&caller).await?;
        Ok(Response::new(v1::ListAccountFieldsResponse { fields }))
    }

    async fn create_account_field(
        &self,
        request: Request<v1::CreateAccountFieldRequest>,
    ) -> Answer<v1::CreateAccountFieldResponse> {
        let caller = Caller::of(&request)?;
        let field = request.into_inner().field.unwrap_or_default();
        let field = self.accounts.fields().create(&caller, field).await?;
        Ok(Response::new(v1::CreateAccountFieldResponse {
            field: Some(field),
        }))
    }

    async fn update_account_field(
        &self,
        request: Request<v1::UpdateAccountFieldRequest>,
    ) -> Answer<v1::UpdateAccountFieldResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateAccountFieldRequest {
            key,
            field,
            update_mask,
        } = request.into_inner();
        let field = self
            .accounts
            .fields()
            .update(&caller, &key, field.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateAccountFieldResponse {
            field: Some(field),
        }))
    }

    async fn delete_account_field(&self, request: Request<v1::DeleteAccountFieldRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.accounts
            .fields()
            .delete(&caller, &request.get_ref().key)
            .await?;
        Ok(Response::new(()))
    }
}
