//! Closing and reopening deals.

use kontor_chassis::{Caller, Error};
use kontor_records::{
    Record, Value,
    write::{self, Change, Which},
};
use time::OffsetDateTime;

use super::{Deals, pipelines};
use crate::{
    error,
    model::{Deal, Step},
};

impl Deals {
    /// Takes a step with a deal.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Conflict when its status doesn't allow the step; Invalid for a loss without a reason.
    pub async fn take(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        step: Step,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let id = write::parse_id(id)?;
        let step = match step {
            Step::Lose(reason) => Step::Lose(read_reason(&reason)?),
            Step::Win | Step::Reopen => step,
        };
        let mut tx = self.db.begin(caller).await?;
        let before: Deal = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(etag)?;
        let place = (Some(before.pipeline_id), Some(before.stage_id));
        let (_, stage) = pipelines::stage_for(&mut tx, before.company_id, place.0, place.1, now).await??;
        let action = step.action();
        let reopens = step == Step::Reopen;
        let mut after = before.clone();
        after.take(step, &stage, now).map_err(error::Error::WrongState)?;
        if reopens {
            // Its old place may be another's by now.
            self.place_last(&mut tx, &before).await?;
        }
        let deal = write::update(&mut tx, &before, after, Change::new(caller, now, action)).await?;
        tx.commit().await?;
        Ok(deal)
    }
}

/// Why a deal is lost, without blanks around it, so that equal reasons are counted together.
fn read_reason(given: &str) -> Result<String, Error> {
    let leaf = Deal::description().find("lost_reason");
    match leaf.map(|leaf| leaf.admit(Value::Text(given.trim().to_owned()))) {
        Some(Ok(Value::Text(reason))) => Ok(reason),
        Some(Err(fault)) => Err(Error::invalid_field("reason", fault.code, fault.message)),
        Some(Ok(_)) | None => Err(error::Error::ReasonRequired.into()),
    }
}
