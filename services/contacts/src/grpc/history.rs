//! The rpcs of what contacts were, and whether one is two.

use kontor_chassis::Caller;
use kontor_proto::contacts::v1::{self, contact_history_service_server::ContactHistoryService};
use kontor_records::{
    Record, duplicates,
    history::Page,
    merge::{Merged, Unmerged, Wish},
};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl ContactHistoryService for Grpc {
    async fn list_contact_history(
        &self,
        request: Request<v1::ListContactHistoryRequest>,
    ) -> Answer<v1::ListContactHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.contacts.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListContactHistoryResponse {
            changes,
            next_page_token,
        }))
    }

    async fn list_contact_duplicates(
        &self,
        request: Request<v1::ListContactDuplicatesRequest>,
    ) -> Answer<v1::ListContactDuplicatesResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListContactDuplicatesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let found = self
            .contacts
            .duplicates()
            .list(&caller, page_size, &page_token)
            .await?;
        let duplicates::Page {
            groups,
            next_page_token,
        } = found;
        Ok(Response::new(v1::ListContactDuplicatesResponse {
            groups,
            next_page_token,
        }))
    }

    async fn dismiss_contact_duplicates(
        &self,
        request: Request<v1::DismissContactDuplicatesRequest>,
    ) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.contacts
            .duplicates()
            .dismiss(&caller, &request.get_ref().ids)
            .await?;
        Ok(Response::new(()))
    }

    async fn merge_contact(
        &self,
        request: Request<v1::MergeContactRequest>,
    ) -> Answer<v1::MergeContactResponse> {
        let caller = Caller::of(&request)?;
        let v1::MergeContactRequest {
            id,
            source_ids,
            fields,
            dry_run,
            etag,
        } = request.into_inner();
        let wish = Wish {
            id,
            source_ids,
            fields,
            dry_run,
            etag,
        };
        let Merged { merge_id, record } = self
            .contacts
            .merges()
            .merge(&caller, &wish, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::MergeContactResponse {
            merge_id: merge_id.map(|id| id.to_string()).unwrap_or_default(),
            contact: Some(record.into_message()),
        }))
    }

    async fn unmerge_contact(
        &self,
        request: Request<v1::UnmergeContactRequest>,
    ) -> Answer<v1::UnmergeContactResponse> {
        let caller = Caller::of(&request)?;
        let v1::UnmergeContactRequest { id, merge_id } = request.into_inner();
        let Unmerged {
            record,
            restored,
            lost,
        } = self
            .contacts
            .merges()
            .unmerge(&caller, &id, &merge_id, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UnmergeContactResponse {
            contact: Some(record.into_message()),
            restored: restored.into_iter().map(Record::into_message).collect(),
            lost,
        }))
    }

    async fn list_contact_merges(
        &self,
        request: Request<v1::ListContactMergesRequest>,
    ) -> Answer<v1::ListContactMergesResponse> {
        let caller = Caller::of(&request)?;
        let merges = self
            .contacts
            .merges()
            .list(&caller, &request.get_ref().id)
            .await?;
        Ok(Response::new(v1::ListContactMergesResponse { merges }))
    }
}
