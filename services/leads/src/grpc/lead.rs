//! `LeadService`.

use kontor_proto::leads::v1::{self, lead_service_server::LeadService};
use kontor_records::{Choice, record_rpcs};

use super::{Answer, Grpc, now};
use crate::{service::reason, states::Step};

record_rpcs! {
    impl LeadService for Grpc(leads), of kontor_proto::leads::v1, as lead and leads;
    create_lead: CreateLeadRequest -> CreateLeadResponse,
    list_leads: ListLeadsRequest -> ListLeadsResponse,
    get_lead: GetLeadRequest -> GetLeadResponse,
    get_lead_stats: GetLeadStatsRequest -> GetLeadStatsResponse,
    update_lead: UpdateLeadRequest -> UpdateLeadResponse,
    delete_lead: DeleteLeadRequest,
    restore_lead: RestoreLeadRequest -> RestoreLeadResponse,
    assign_lead_owner: AssignLeadOwnerRequest -> AssignLeadOwnerResponse,
    bulk_action_leads: BulkActionLeadsRequest -> BulkActionLeadsResponse,
    get_lead_bulk_action: GetLeadBulkActionRequest -> GetLeadBulkActionResponse;

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
        let v1::AssignLeadTerritoryRequest {
            id,
            territory_id,
            etag,
        } = request.into_inner();
        let (territory, now) = (territory_id.as_deref(), OffsetDateTime::now_utc());
        let (lead, rule) =
            keep::assign_territory(&self.leads, &caller, &id, territory, &etag, now).await?;
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
}
