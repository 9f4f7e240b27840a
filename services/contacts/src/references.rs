//! Who knows the records that contacts refer to.

use kontor_chassis::{Caller, Error, peers::Peers};
use kontor_proto::accounts::v1::{
    GetAccountRequest, GetTerritoryRequest, account_service_client::AccountServiceClient,
    territory_service_client::TerritoryServiceClient,
};
use kontor_records::{
    implied::MEMBER,
    refs::{self, Found, Lookup},
    territories,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store;

/// Looks references up where they are at home: contacts here, accounts and territories at accounts, members at identity.
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
    async fn account(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = AccountServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = GetAccountRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        let answer = refs::there(client.get_account(request).await)?;
        let account = answer.and_then(|answer| answer.account);
        Ok(account.map(|account| Found::Elsewhere { name: account.name }))
    }

    async fn territory(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = TerritoryServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = GetTerritoryRequest { id: id.to_string() };
        let answer = refs::there(client.get_territory(request).await)?;
        let territory = answer.and_then(|answer| answer.territory);
        Ok(territory.map(|territory| Found::Elsewhere { name: territory.name }))
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
            "contact" => Ok(store::holds(conn, caller.company_id(), id)
                .await?
                .then_some(Found::Here)),
            "account" => self.account(caller, id).await,
            MEMBER => refs::member(&self.peers, caller, id).await,
            territories::KIND => self.territory(caller, id).await,
            _ => Ok(None),
        }
    }
}
