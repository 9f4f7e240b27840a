//! Decode, one call, encode.

mod conversion;
mod history;
mod setup;
mod transfer;

use kontor_chassis::Caller;
use kontor_proto::contacts::v1::{self, contact_service_server::ContactService};
use kontor_records::{Record, query::Page, transfer::Imports};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use crate::{imports::Importing, service::Contacts};

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of contacts.
#[derive(Clone)]
pub struct Grpc {
    contacts: Contacts,
    imports: Imports<Importing>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(contacts: Contacts, imports: Imports<Importing>) -> Self {
        Self { contacts, imports }
    }
}

#[tonic::async_trait]
impl ContactService for Grpc {
    async fn create_contact(
        &self,
        request: Request<v1::CreateContactRequest>,
    ) -> Answer<v1::CreateContactResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().contact.unwrap_or_default();
        let contact = self
            .contacts
            .create(&caller, message, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateContactResponse {
            contact: Some(contact.into_message()),
        }))
    }

    async fn list_contacts(
        &self,
        request: Request<v1::ListContactsRequest>,
    ) -> Answer<v1::ListContactsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.contacts.list(&caller, &query).await?;
        Ok(Response::new(v1::ListContactsResponse {
            contacts: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn get_contact(&self, request: Request<v1::GetContactRequest>) -> Answer<v1::GetContactResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetContactRequest { id, expand } = request.into_inner();
        let contact = self.contacts.get(&caller, &id, &expand).await?;
        Ok(Response::new(v1::GetContactResponse {
            contact: Some(contact),
        }))
    }

    async fn list_account_contacts(
        &self,
        request: Request<v1::ListAccountContactsRequest>,
    ) -> Answer<v1::ListAccountContactsResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListAccountContactsRequest { id, query } = request.into_inner();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self
            .contacts
            .list_of_account(&caller, &id, query.unwrap_or_default())
            .await?;
        Ok(Response::new(v1::ListAccountContactsResponse {
            contacts: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn get_contact_stats(
        &self,
        request: Request<v1::GetContactStatsRequest>,
    ) -> Answer<v1::GetContactStatsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        Ok(Response::new(self.contacts.stats(&caller, &query).await?))
    }

    async fn update_contact(
        &self,
        request: Request<v1::UpdateContactRequest>,
    ) -> Answer<v1::UpdateContactResponse> {
        let caller = Caller::of(&request)?;
        let contact = self
            .contacts
            .update(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdateContactResponse {
            contact: Some(contact.into_message()),
        }))
    }

    async fn delete_contact(&self, request: Request<v1::DeleteContactRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteContactRequest { id, etag } = request.into_inner();
        self.contacts
            .delete(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(()))
    }

    async fn restore_contact(
        &self,
        request: Request<v1::RestoreContactRequest>,
    ) -> Answer<v1::RestoreContactResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreContactRequest { id, etag } = request.into_inner();
        let contact = self
            .contacts
            .restore(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::RestoreContactResponse {
            contact: Some(contact.into_message()),
        }))
    }

    async fn assign_contact_owner(
        &self,
        request: Request<v1::AssignContactOwnerRequest>,
    ) -> Answer<v1::AssignContactOwnerResponse> {
        let caller = Caller::of(&request)?;
        let contact = self
            .contacts
            .assign_owner(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::AssignContactOwnerResponse {
            contact: Some(contact.into_message()),
        }))
    }

    async fn set_primary_contact(
        &self,
        request: Request<v1::SetPrimaryContactRequest>,
    ) -> Answer<v1::SetPrimaryContactResponse> {
        let caller = Caller::of(&request)?;
        let v1::SetPrimaryContactRequest { id, etag } = request.into_inner();
        let contact = self
            .contacts
            .set_primary(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::SetPrimaryContactResponse {
            contact: Some(contact.into_message()),
        }))
    }

    async fn bulk_action_contacts(
        &self,
        request: Request<v1::BulkActionContactsRequest>,
    ) -> Answer<v1::BulkActionContactsResponse> {
        let caller = Caller::of(&request)?;
        let action = request.into_inner().action.unwrap_or_default();
        let result = self
            .contacts
            .bulk(&caller, action, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::BulkActionContactsResponse {
            result: Some(result),
        }))
    }
}
