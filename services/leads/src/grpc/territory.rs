//! `LeadTerritoryService`.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_territory_service_server::LeadTerritoryService};
use tonic::{Request, Response};

use super::{Answer, Grpc};

#[tonic::async_trait]
impl LeadTerritoryService for Grpc {
    async fn preview_lead_moves(
        &self,
        request: Request<v1::PreviewLeadMovesRequest>,
    ) -> Answer<v1::PreviewLeadMovesResponse> {
        let caller = Caller::of(&request)?;
        let moves = self.leads.would_move(&caller, request.into_inner()).await?;
        Ok(Response::new(v1::PreviewLeadMovesResponse { moves: Some(moves) }))
    }

    async fn await_territory(
        &self,
        request: Request<v1::AwaitTerritoryRequest>,
    ) -> Answer<v1::AwaitTerritoryResponse> {
        let caller = Caller::of(&request)?;
        self.leads.await_territory(&caller, request.get_ref()).await?;
        Ok(Response::new(v1::AwaitTerritoryResponse {}))
    }
}
