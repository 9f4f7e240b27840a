//! The steps of a lead's life that a person takes.

use kontor_chassis::{Caller, Error};
use kontor_records::{
    Record,
    write::{self, Change, Which},
};
use time::OffsetDateTime;

use super::Leads;
use crate::{error, model::Lead, states, states::Step};

/// As long as the column of reasons is checked to be.
const LONGEST_REASON: usize = 500;

impl Leads {
    /// Takes a step. `reason` says why a lead is disqualified.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Conflict when its state doesn't allow the step.
    pub async fn take(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        step: Step,
        reason: Option<String>,
        now: OffsetDateTime,
    ) -> Result<Lead, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Lead = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(etag)?;
        let state = before.status;
        let status = states::after(state, step).ok_or(error::Error::WrongState { state, step })?;
        let after = Lead {
            status,
            disqualified_reason: reason,
            ..before.clone()
        };
        let lead = write::update(&mut tx, &before, after, Change::new(caller, now, step.action())).await?;
        tx.commit().await?;
        Ok(lead)
    }
}

/// Why a lead is disqualified: 1 to 500 characters.
///
/// # Errors
/// When there is none, or too much of it.
pub(crate) fn reason(text: &str) -> Result<String, error::Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(error::Error::ReasonRequired);
    }
    if text.chars().count() > LONGEST_REASON {
        return Err(error::Error::ReasonTooLong);
    }
    Ok(text.to_owned())
}
