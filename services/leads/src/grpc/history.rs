//! The rpcs of what leads were, and whether one is two.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_history_service_server::LeadHistoryService};
use kontor_records::{
    Record, duplicates,
    history::Page,
    merge::{Merged, Unmerged, Wish},
};
use tonic::{Request, Response};

use super::{Answer, Grpc, now};

#[tonic::async_trait]
impl LeadHistoryService for Grpc {
    async fn list_lead_history(
        &self,
        request: Request<v1::ListLeadHistoryRequest>,
    ) -> Answer<v1::ListLeadHistoryResponse> {
        let caller = Caller::of(&request)?;
        let Page {
            changes,
            next_page_token,
        } = self.leads.history(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::ListLeadHistoryResponse {
            changes,
            next_page_token,
        }))
    }

    async fn list_lead_scores(
        &self,
        request: Request<v1::ListLeadScoresRequest>,
    ) -> Answer<v1::ListLeadScoresResponse> {
        let caller = Caller::of(&request)?;
        let scores = self.leads.scores(&caller, request.get_ref(), now()).await?;
        Ok(Response::new(scores))
    }

    async fn list_lead_duplicates(
        &self,
        request: Request<v1::ListLeadDuplicatesRequest>,
    ) -> Answer<v1::ListLeadDuplicatesResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListLeadDuplicatesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let found = self
            .leads
            .duplicates()
            .list(&caller, page_size, &page_token)
            .await?;
        let duplicates::Page {
            groups,
            next_page_token,
        } = found;
        Ok(Response::new(v1::ListLeadDuplicatesResponse {
            groups,
            next_page_token,
        }))
    }

    async fn dismiss_lead_duplicates(
        &self,
        request: Request<v1::DismissLeadDuplicatesRequest>,
    ) -> Answer<()> {
        let caller = Caller::of(&request)?;
        self.leads
            .duplicates()
            .dismiss(&caller, &request.get_ref().ids)
            .await?;
        Ok(Response::new(()))
    }

    async fn merge_lead(&self, request: Request<v1::MergeLeadRequest>) -> Answer<v1::MergeLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::MergeLeadRequest {
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
        let Merged { merge_id, record } = self.leads.merges().merge(&caller, &wish, now()).await?;
        Ok(Response::new(v1::MergeLeadResponse {
            merge_id: merge_id.map(|id| id.to_string()).unwrap_or_default(),
            lead: Some(record.into_message()),
        }))
    }

    async fn unmerge_lead(
        &self,
        request: Request<v1::UnmergeLeadRequest>,
    ) -> Answer<v1::UnmergeLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::UnmergeLeadRequest { id, merge_id } = request.into_inner();
        let merges = self.leads.merges();
        // In a box: it holds several whole leads.
        let Unmerged {
            record,
            restored,
            lost,
        } = Box::pin(merges.unmerge(&caller, &id, &merge_id, now())).await?;
        Ok(Response::new(v1::UnmergeLeadResponse {
            lead: Some(record.into_message()),
            restored: restored.into_iter().map(Record::into_message).collect(),
            lost,
        }))
    }

    async fn list_lead_merges(
        &self,
        request: Request<v1::ListLeadMergesRequest>,
    ) -> Answer<v1::ListLeadMergesResponse> {
        let caller = Caller::of(&request)?;
        let merges = self.leads.merges().list(&caller, &request.get_ref().id).await?;
        Ok(Response::new(v1::ListLeadMergesResponse { merges }))
    }
}
