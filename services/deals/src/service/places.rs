//! Moving cards on the board.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::deals::v1;
use kontor_records::{
    Record, refs,
    write::{self, Change, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Deals, pipelines, place};
use crate::{
    error,
    model::{Deal, DealStatus},
    pipeline::between,
    store,
};

impl Deals {
    /// Puts an open deal into a stage, behind another card or first.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Conflict for a closed deal; Refused when the stage or the card is not there.
    pub async fn move_to(
        &self,
        caller: &Caller,
        request: v1::MoveDealRequest,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let v1::MoveDealRequest {
            id,
            stage_id,
            after_id,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let stage = refs::required("stage_id", &stage_id)?;
        let neighbour = after_id.map(|id| refs::required("after_id", &id)).transpose()?;
        let mut tx = self.db.begin(caller).await?;
        // Before any card is locked: who spreads the cards of a stage would wait for those who wait for the stage.
        store::lock_stage(&mut tx, caller.company_id(), stage).await?;
        let before: Deal = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        if before.status != DealStatus::Open {
            return Err(error::Error::WrongState(before.status).into());
        }
        let (pipeline, stage) =
            pipelines::stage_for(&mut tx, before.company_id, None, Some(stage), now).await??;
        let position = free_position(&mut tx, &before, stage.id, neighbour).await?;
        place(&mut tx, &before, (pipeline, stage.id), position).await?;
        let mut after = before.clone();
        after.enter(pipeline, &stage, now);
        after.position = position;
        let deal = write::update(&mut tx, &before, after, Change::new(caller, now, "moved")).await?;
        tx.commit().await?;
        Ok(deal)
    }
}

/// A position in the stage right behind a card, or before all, that nobody has or gets.
async fn free_position(
    tx: &mut TenantTx,
    deal: &Deal,
    stage: Uuid,
    neighbour: Option<Uuid>,
) -> Result<i64, Error> {
    let company = deal.company_id;
    // A second time round the cards have room.
    for _ in 0..2 {
        let behind = match neighbour {
            Some(card) if card == deal.id => return Err(error::Error::UnknownNeighbour.into()),
            Some(card) => {
                let position = store::position_of(tx, company, stage, card).await?;
                Some(position.ok_or(error::Error::UnknownNeighbour)?)
            }
            None => None,
        };
        let next = store::next_position(tx, company, stage, deal.id, behind).await?;
        match (behind, next) {
            (Some(_), None) | (None, None) => return Ok(store::last_position(tx).await?),
            (None, Some(first)) => return Ok(before(first)),
            (Some(behind), Some(next)) => match between(behind, next) {
                Some(position) => return Ok(position),
                None => store::spread(tx, company, stage).await?,
            },
        }
    }
    Err(Error::internal(
        "cards that were spread have no room between them",
    ))
}

/// A position before all others, where no new card is ever put.
fn before(first: i64) -> i64 {
    between(first.saturating_sub(2 * store::ROOM), first).unwrap_or(first.saturating_sub(1))
}
