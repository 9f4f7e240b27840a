//! The rpcs of territories.

use kontor_chassis::Caller;
use kontor_proto::accounts::v1::{self, territory_service_server::TerritoryService};
use kontor_records::{Record, query::Page};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl TerritoryService for Grpc {
    async fn list_territories(
        &self,
        request: Request<v1::ListTerritoriesRequest>,
    ) -> Answer<v1::ListTerritoriesResponse> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.accounts.list_territories(&caller, &query).await?;
        Ok(Response::new(v1::ListTerritoriesResponse {
            territories: records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn create_territory(
        &self,
        request: Request<v1::CreateTerritoryRequest>,
    ) -> Answer<v1::CreateTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner().territory.unwrap_or_default();
        let territory = self
            .accounts
            .create_territory(&caller, message, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreateTerritoryResponse {
            territory: Some(territory.into_message()),
        }))
    }

    async fn get_territory(
        &self,
        request: Request<v1::GetTerritoryRequest>,
    ) -> Answer<v1::GetTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let territory = self.accounts.territory(&caller, &request.get_ref().id).await?;
        Ok(Response::new(v1::GetTerritoryResponse {
            territory: Some(territory.into_message()),
        }))
    }

    async fn update_territory(
        &self,
        request: Request<v1::UpdateTerritoryRequest>,
    ) -> Answer<v1::UpdateTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let territory = self
            .accounts
            .update_territory(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdateTerritoryResponse {
            territory: Some(territory.into_message()),
        }))
    }

    async fn delete_territory(&self, request: Request<v1::DeleteTerritoryRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeleteTerritoryRequest { id, etag } = request.into_inner();
        self.accounts
            .delete_territory(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(()))
    }

    async fn match_territory(
        &self,
        request: Request<v1::MatchTerritoryRequest>,
    ) -> Answer<v1::MatchTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let matched = self
            .accounts
            .match_territory(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        let (territory, rule) = matched.unzip();
        Ok(Response::new(v1::MatchTerritoryResponse {
            territory: territory.map(Record::into_message),
            rule,
        }))
    }

    async fn preview_territory(
        &self,
        request: Request<v1::PreviewTerritoryRequest>,
    ) -> Answer<v1::PreviewTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let preview = self
            .accounts
            .preview_territory(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(preview))
    }

    async fn apply_territory(
        &self,
        request: Request<v1::ApplyTerritoryRequest>,
    ) -> Answer<v1::ApplyTerritoryResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .accounts
            .apply_territory(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::ApplyTerritoryResponse {
            job: Some(job.into()),
        }))
    }

    async fn get_territory_job(
        &self,
        request: Request<v1::GetTerritoryJobRequest>,
    ) -> Answer<v1::GetTerritoryJobResponse> {
        let caller = Caller::of(&request)?;
        let v1::GetTerritoryJobRequest { id, job_id } = request.into_inner();
        let job = self.accounts.territory_job(&caller, &id, &job_id).await?;
        Ok(Response::new(v1::GetTerritoryJobResponse {
            job: Some(job.into()),
        }))
    }
}
