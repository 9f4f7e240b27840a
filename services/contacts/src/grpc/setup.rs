//! The rpcs of views and of the company's own fields.

use kontor_chassis::Caller;
use kontor_proto::contacts::v1::{self, contact_setup_service_server::ContactSetupService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl ContactSetupService for Grpc {
    async fn list_contact_views(
        &self,
        request: Request<v1::ListContactViewsRequest>,
    ) -> Answer<v1::ListContactViewsResponse> {
        let caller = Caller::of(&request)?;
        let views = self.contacts.views().list(&caller).await?;
        Ok(Response::new(v1::ListContactViewsResponse { views }))
    }

    async fn create_contact_view(
        &self,
        request: Request<v1::CreateContactViewRequest>,
    ) -> Answer<v1::CreateContactViewResponse> {
        let caller = Caller::of(&request)?;
        let view = request.into_inner().view.unwrap_or_default();
        let view = self
            .contacts
            .views()
            .create(&caller, view, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateContactViewResponse { view: Some(view) }))
    }

    async fn update_contact_view(
        &self,
        request: Request<v1::UpdateContactViewRequest>,
    ) -> Answer<v1::UpdateContactViewResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateContactViewRequest {
            id,
            view,
            update_mask,
        } = request.into_inner();
        let view = self
            .contacts
            .views()
            .update(&caller, &id, view.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateContactViewResponse { view: Some(view) }))
    }

    async fn delete_contact_view(&self, request: Request<v1::DeleteContactViewRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.contacts
            .views()
            .delete(&caller, &request.get_ref().id)
            .await?;
        Ok(Response::new(()))
    }

    async fn list_contact_fields(
        &self,
        request: Request<v1::ListContactFieldsRequest>,
    ) -> Answer<v1::ListContactFieldsResponse> {
        let caller = Caller::of(&request)?;
        let fields = self.contacts.fields().list(&caller).await?;
        Ok(Response::new(v1::ListContactFieldsResponse { fields }))
    }

    async fn create_contact_field(
        &self,
        request: Request<v1::CreateContactFieldRequest>,
    ) -> Answer<v1::CreateContactFieldResponse> {
        let caller = Caller::of(&request)?;
        let field = request.into_inner().field.unwrap_or_default();
        let field = self.contacts.fields().create(&caller, field).await?;
        Ok(Response::new(v1::CreateContactFieldResponse {
            field: Some(field),
        }))
    }

    async fn update_contact_field(
        &self,
        request: Request<v1::UpdateContactFieldRequest>,
    ) -> Answer<v1::UpdateContactFieldResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdateContactFieldRequest {
            key,
            field,
            update_mask,
        } = request.into_inner();
        let field = self
            .contacts
            .fields()
            .update(&caller, &key, field.unwrap_or_default(), update_mask.as_ref())
            .await?;
        Ok(Response::new(v1::UpdateContactFieldResponse {
            field: Some(field),
        }))
    }

    async fn delete_contact_field(&self, request: Request<v1::DeleteContactFieldRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.contacts
            .fields()
            .delete(&caller, &request.get_ref().key)
            .await?;
        Ok(Response::new(()))
    }
}
