//! The rpcs of what accounts were, and whether one is two.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, account_history_service_server::AccountHistoryService};
use kontor_records::{
    Record, duplicates,
    history::Page,
    merge::{Merged, Unmerged, Wish},
};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl AccountHistoryService for Grpc {
    async fn list_account_history(
        &self,
        request: Request<v1::ListAccountHistoryRequest>,
    ) -> Answer<v1::ListAccountHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.accounts.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListAccountHistoryResponse {
            changes,
            next_page_token,
        }))
    }

    async fn list_account_duplicates(
        &self,
        request: Request<v1::ListAccountDuplicatesRequest>,
    ) -> Answer<v1::ListAccountDuplicatesResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListAccountDuplicatesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let found = self
            .accounts
            .duplicates()
            .list(&caller, page_size, &page_token)
            .await?;
        let duplicates::Page {
            groups,
            next_page_token,
        } = found;
        Ok(Response::new(v1::ListAccountDuplicatesResponse {
            groups,
            next_page_token,
        }))
    }

    async fn dismiss_account_duplicates(
        &self,
        request: Request<v1::DismissAccountDuplicatesRequest>,
    ) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.accounts
            .duplicates()
            .dismiss(&caller, &request.get_ref().ids)
            .await?;
        Ok(Response::new(()))
    }

    async fn merge_account(
        &self,
        request: Request<v1::MergeAccountRequest>,
    ) -> Answer<v1::MergeAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::MergeAccountRequest {
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
            .accounts
            .merges()
            .merge(&caller, &wish, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::MergeAccountResponse {
            merge_id: merge_id.map(|id| id.to_string()).unwrap_or_default(),
            account: Some(record.into_message()),
        }))
    }

    async fn unmerge_account(
        &self,
        request: Request<v1::UnmergeAccountRequest>,
    ) -> Answer<v1::UnmergeAccountResponse> {
        let caller = Caller::of(&request)?;
        let v1::UnmergeAccountRequest { id, merge_id } = request.into_inner();
        let Unmerged {
            record,
            restored,
            lost,
        } = self
            .accounts
            .merges()
            .unmerge(&caller, &id, &merge_id, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UnmergeAccountResponse {
            account: Some(record.into_message()),
            restored: restored.into_iter().map(Record::into_message).collect(),
            lost,
        }))
    }

    async fn list_account_merges(
        &self,
        request: Request<v1::ListAccountMergesRequest>,
    ) -> Answer<v1::ListAccountMergesResponse> {
        let caller = Caller::of(&request)?;
        let merges = self
            .accounts
            .merges()
            .list(&caller, &request.get_ref().id)
            .await?;
        Ok(Response::new(v1::ListAccountMergesResponse { merges }))
    }
}
