//! What a changed territory would do to leads.

use std::time::Duration;

use kontor_chassis::{Caller, Error};
use kontor_proto::{leads::v1, records::v1::TerritoryMoves};
use kontor_records::{territories, write};
use uuid::Uuid;

use super::Leads;
use crate::model::Lead;

/// How long somebody who changed a territory is kept waiting until leads has heard of it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Leads {
    /// Waits until a version of a territory is known here.
    ///
    /// # Errors
    /// Invalid when the id can't be read; NotFound when it has not been heard of in a while.
    pub async fn await_territory(
        &self,
        caller: &Caller,
        request: &v1::AwaitTerritoryRequest,
    ) -> Result<(), Error> {
        let id = write::parse_id(&request.id)?;
        let mut changes = territories::changes(&self.db);
        let known = async {
            loop {
                let mut tx = self.db.read(caller).await?;
                let version = territories::version(&mut tx, caller.company_id(), id).await?;
                drop(tx);
                if version.is_some_and(|version| version >= request.version) {
                    return Ok::<_, Error>(());
                }
                changes.recv().await;
            }
        };
        let known = tokio::time::timeout(PATIENCE, known).await;
        self.territories.forget(caller.company_id());
        known.unwrap_or_else(|_| Err(Error::not_found("territory")))
    }

    /// The leads that would move if a territory were so, with nothing saved.
    ///
    /// # Errors
    /// Invalid when the territory can't be read.
    pub async fn would_move(
        &self,
        caller: &Caller,
        request: v1::PreviewLeadMovesRequest,
    ) -> Result<TerritoryMoves, Error> {
        caller.require("territories:manage")?;
        let v1::PreviewLeadMovesRequest {
            territory,
            behind,
            page_size,
        } = request;
        let territory = territories::read(&territory.unwrap_or_default())?;
        let behind = if behind.is_empty() {
            Uuid::nil()
        } else {
            write::parse_id(&behind)?
        };
        let page = usize::try_from(page_size).unwrap_or_default();
        let mut tx = self.db.read(caller).await?;
        territories::preview::<Lead>(&mut tx, caller.company_id(), territory, behind, page).await
    }
}
