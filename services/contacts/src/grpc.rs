//! Decode, one call, encode.

mod conversion;
mod history;
mod setup;
mod transfer;

use kontor_proto::contacts::v1::{self, contact_service_server::ContactService};
use kontor_records::{query::Page, record_rpcs, transfer::Imports};
use tonic::{Response, Status};

use crate::service::Contacts;

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of contacts.
#[derive(Clone)]
pub struct Grpc {
    contacts: Contacts,
    imports: Imports<Contacts>,
}

impl Grpc {
    /// Over these use-cases and imports.
    #[must_use]
    pub fn new(contacts: Contacts, imports: Imports<Contacts>) -> Self {
        Self { contacts, imports }
    }
}

record_rpcs! {
    impl ContactService for Grpc(contacts), of kontor_proto::contacts::v1, as contact and contacts;
    create_contact: CreateContactRequest -> CreateContactResponse,
    list_contacts: ListContactsRequest -> ListContactsResponse,
    get_contact: GetContactRequest -> GetContactResponse,
    get_contact_stats: GetContactStatsRequest -> GetContactStatsResponse,
    update_contact: UpdateContactRequest -> UpdateContactResponse,
    delete_contact: DeleteContactRequest,
    restore_contact: RestoreContactRequest -> RestoreContactResponse,
    assign_contact_owner: AssignContactOwnerRequest -> AssignContactOwnerResponse,
    bulk_action_contacts: BulkActionContactsRequest -> BulkActionContactsResponse,
    get_contact_bulk_action: GetContactBulkActionRequest -> GetContactBulkActionResponse;

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
}
