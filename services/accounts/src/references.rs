//! Who knows the records that accounts refer to.

use std::time::Duration;

use kontor_chassis::{Caller, Error, peers::Peers};
use kontor_proto::{
    leads::v1::{
        AwaitTerritoryRequest, PreviewLeadMovesRequest,
        lead_territory_service_client::LeadTerritoryServiceClient,
    },
    records::v1::{TerritoryChange, TerritoryMoves},
};
use kontor_records::{
    implied::MEMBER,
    refs::{self, Found, Lookup},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{store, territory::Territory};

/// How long who has changed a territory waits for leads to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks references up where they are at home, accounts here and members at identity, and asks leads what would move.
#[derive(Clone)]
pub struct Homes {
    peers: Peers,
}

impl Homes {
    /// Beside these services.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers }
    }

    /// The currency of the caller's company.
    ///
    /// # Errors
    /// As identity fails.
    pub async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        refs::company_currency(&self.peers, caller).await
    }
}

impl Homes {
    /// The leads that would move if a territory were so, asked for at leads.
    ///
    /// # Errors
    /// Unavailable when leads is away.
    pub async fn lead_moves(
        &self,
        caller: &Caller,
        territory: TerritoryChange,
        behind: Uuid,
        page: usize,
    ) -> Result<TerritoryMoves, Error> {
        let mut client = LeadTerritoryServiceClient::new(self.peers.on_behalf_of("leads", caller)?);
        let request = PreviewLeadMovesRequest {
            territory: Some(territory),
            behind: behind.to_string(),
            page_size: i32::try_from(page).unwrap_or(i32::MAX),
        };
        let answer = client.preview_lead_moves(request).await?.into_inner();
        Ok(answer.moves.unwrap_or_default())
    }
}

impl Homes {
    /// Waits until leads has heard of a territory, so that the next lead is placed by it. Leads that is away hears of it
    /// when it is back, by the event.
    pub async fn known_to_leads(&self, caller: &Caller, territory: &Territory) {
        let wait = async {
            let mut client = LeadTerritoryServiceClient::new(self.peers.on_behalf_of("leads", caller)?);
            let request = AwaitTerritoryRequest {
                id: territory.id.to_string(),
                version: territory.version,
            };
            client.await_territory(request).await?;
            Ok::<_, Error>(())
        };
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, wait).await {
            tracing::debug!(%error, "leads can't be waited for");
        }
    }
}

impl Lookup for Homes {
    async fn find(
        &self,
        conn: &mut PgConnection,
        caller: &Caller,
        kind: &'static str,
        id: Uuid,
    ) -> Result<Option<Found>, Error> {
        match kind {
            "account" => Ok(store::holds(conn, caller.company_id(), id)
                .await?
                .then_some(Found::Here)),
            MEMBER => refs::member(&self.peers, caller, id).await,
            // Those of territories are always known: their names are written with them.
            _ => Ok(None),
        }
    }
}
