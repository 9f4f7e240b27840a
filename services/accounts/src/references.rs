//! Who knows the records that accounts refer to.

use kontor_chassis::{Caller, Error, peers::Peers};
use kontor_records::{
    implied::MEMBER,
    refs::{self, Found, Lookup},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store;

/// Looks references up where they are at home: accounts here, members at identity.
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
