//! `LeadService`.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_service_server::LeadService};
use kontor_records::{Choice, Record, query::Page};
use tonic::{Request, Response};

use super::{Answer, Grpc, now};
use crate::{service::reason, states::Step};

#[tonic::async_trait]
impl LeadService for Grpc {
    async fn list_leads(&self, request: Request<v1::ListLeadsRequest>) -> Answer<v1::ListLeadsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.leads.list(&caller, &query).await?;
        let answer = v1::ListLeadsResponse {
            leads: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        };
        Ok(Response::new(answer))
    }

    async fn create_lead(&self, request: Request<v1::CreateLeadRequest>) -> Answer<v1::CreateLeadResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().lead.unwrap_or_default();
        let lead = self.leads.create(&caller, message, now()).await?;
        Ok(Response::new(v1::CreateLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn get_lead(&self, request: Request<v1::GetLeadRequest>) -> Answer<v1::GetLeadResponse> {
        let caller = Caller::of(&request)?;
        let lead = self.leads.get(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::GetLeadResponse { lead: Some(lead) }))
    }

    async fn update_lead(&self, request: Request<v1::UpdateLeadRequest>) -> Answer<v1::UpdateLeadResponse> {
        let caller = Caller::of(&request)?;
        let lead = self.leads.update(&caller, request.into_inner(), now()).await?;
        Ok(Response::new(v1::UpdateLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn delete_lead(&self, request: Request<v1::DeleteLeadRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteLeadRequest { id, etag } = request.into_inner();
        self.leads.delete(&caller, &id, &etag, now()).await?;
        Ok(Response::new(()))
    }

    async fn restore_lead(
        &self,
        request: Request<v1::RestoreLeadRequest>,
    ) -> Answer<v1::RestoreLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::RestoreLeadRequest { id, etag } = request.into_inner();
        let lead = self.leads.restore(&caller, &id, &etag, now()).await?;
        Ok(Response::new(v1::RestoreLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn start_lead(&self, request: Request<v1::StartLeadRequest>) -> Answer<v1::StartLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::StartLeadRequest { id, etag } = request.into_inner();
        let lead = self
            .leads
            .take(&caller, &id, &etag, Step::Start, None, now())
            .await?;
        Ok(Response::new(v1::StartLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn qualify_lead(
        &self,
        request: Request<v1::QualifyLeadRequest>,
    ) -> Answer<v1::QualifyLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::QualifyLeadRequest { id, etag } = request.into_inner();
        let lead = self
            .leads
            .take(&caller, &id, &etag, Step::Qualify, None, now())
            .await?;
        Ok(Response::new(v1::QualifyLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn disqualify_lead(
        &self,
        request: Request<v1::DisqualifyLeadRequest>,
    ) -> Answer<v1::DisqualifyLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::DisqualifyLeadRequest {
            id,
            reason: text,
            etag,
        } = request.into_inner();
        let reason = reason(&text).map_err(kontor_chassis::Error::from)?;
        let lead = self
            .leads
            .take(&caller, &id, &etag, Step::Disqualify, Some(reason), now())
            .await?;
        Ok(Response::new(v1::DisqualifyLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn reopen_lead(&self, request: Request<v1::ReopenLeadRequest>) -> Answer<v1::ReopenLeadResponse> {
        let caller = Caller::of(&request)?;
        let v1::ReopenLeadRequest { id, etag } = request.into_inner();
        let lead = self
            .leads
            .take(&caller, &id, &etag, Step::Reopen, None, now())
            .await?;
        Ok(Response::new(v1::ReopenLeadResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn assign_lead_territory(
        &self,
        request: Request<v1::AssignLeadTerritoryRequest>,
    ) -> Answer<v1::AssignLeadTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let (lead, rule) = self
            .leads
            .assign_territory(&caller, request.into_inner(), now())
            .await?;
        Ok(Response::new(v1::AssignLeadTerritoryResponse {
            lead: Some(lead.into_message()),
            rule,
        }))
    }

    async fn score_lead(&self, request: Request<v1::ScoreLeadRequest>) -> Answer<v1::ScoreLeadResponse> {
        let caller = Caller::of(&request)?;
        let (lead, score) = self.leads.score(&caller, request.get_ref(), now()).await?;
        let answer = v1::ScoreLeadResponse {
            score: score.total,
            rating: lead.rating.map(Choice::number),
            factors: score.factors.into_iter().map(Into::into).collect(),
        };
        Ok(Response::new(answer))
    }

    async fn assign_lead_owner(
        &self,
        request: Request<v1::AssignLeadOwnerRequest>,
    ) -> Answer<v1::AssignLeadOwnerResponse> {
        let caller = Caller::of(&request)?;
        let lead = self
            .leads
            .assign_owner(&caller, request.into_inner(), now())
            .await?;
        Ok(Response::new(v1::AssignLeadOwnerResponse {
            lead: Some(lead.into_message()),
        }))
    }

    async fn get_lead_stats(
        &self,
        request: Request<v1::GetLeadStatsRequest>,
    ) -> Answer<v1::GetLeadStatsResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        Ok(Response::new(self.leads.stats(&caller, &query).await?))
    }

    async fn bulk_action_leads(
        &self,
        request: Request<v1::BulkActionLeadsRequest>,
    ) -> Answer<v1::BulkActionLeadsResponse> {
        let caller = Caller::of(&request)?;
        let action = request.into_inner().action.unwrap_or_default();
        let result = self.leads.bulk(&caller, action, now()).await?;
        Ok(Response::new(v1::BulkActionLeadsResponse {
            result: Some(result),
        }))
    }
}
