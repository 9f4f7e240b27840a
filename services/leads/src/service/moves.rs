//! What a changed territory would do to leads.

use kontor_chassis::{Caller, Error};
use kontor_proto::{leads::v1, records::v1::TerritoryMoves};
use kontor_records::{territories, write};
use uuid::Uuid;

use super::Leads;
use crate::model::Lead;

impl Leads {
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
