//! Taking a completed conversion back. What was touched is asked of everybody before anything is done; the rest is the
//! saga's.

use std::time::Duration;

use kontor_chassis::{Caller, Error};
use kontor_events::outbox;
use kontor_records::{
    Record,
    write::{self, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Leads, convert::USUAL_WAIT, saga};
use crate::{
    conversion::{Conversion, ConversionState},
    error,
    events::undo_request,
    model::{Lead, LeadStatus},
    store::conversions,
};

impl Leads {
    /// Takes the conversion of a lead back, and waits a moment for the end. One that is being taken back is waited for.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Conflict for a lead that isn't converted, and when what the conversion made was touched;
    /// Unavailable when one of the other services is away.
    pub async fn undo_conversion(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(Conversion, Lead), Error> {
        let lead_id = write::parse_id(id)?;
        let mut ended = self.db.signals().subscribe(conversions::ENDED);
        let found = self.take_back(caller, lead_id, etag, None, now).await?;
        if found.state == ConversionState::Completed {
            let touches = self.homes.touches(&found).await?;
            if !touches.is_empty() {
                return Err(error::touched(touches));
            }
            self.take_back(caller, lead_id, etag, Some(found.id), now).await?;
        }
        let patience = Duration::from_secs(u64::from(USUAL_WAIT.unsigned_abs()));
        self.wait(caller, found.id, &mut ended, patience).await;
        let mut tx = self.db.read(caller).await?;
        let conversion = conversions::find(&mut tx, caller.company_id(), found.id).await?;
        let conversion =
            conversion.ok_or_else(|| Error::internal("a conversion that is undone is not there"))?;
        let lead = write::get(&mut tx, caller, lead_id).await?;
        Ok((conversion, lead))
    }

    /// The conversion of a converted lead. Begins to take it back when it is the one that is known to be untouched.
    async fn take_back(
        &self,
        caller: &Caller,
        lead: Uuid,
        etag: &str,
        untouched: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Conversion, Error> {
        let mut tx = self.db.begin(caller).await?;
        let lead: Lead = write::get_for_update(&mut tx, caller, lead, "convert", Which::Present).await?;
        let live = match lead.status {
            LeadStatus::Converted => conversions::live_of(&mut tx, caller.company_id(), lead.id).await?,
            LeadStatus::Converting => return Err(error::Error::Converting.into()),
            LeadStatus::New | LeadStatus::Working | LeadStatus::Qualified | LeadStatus::Disqualified => None,
        };
        let mut conversion = live.ok_or(error::Error::NotConverted(lead.status))?;
        if conversion.state == ConversionState::Undoing {
            return Ok(conversion);
        }
        lead.match_etag(etag)?;
        if untouched == Some(conversion.id) && conversion.begin_undo(caller.user_id()) {
            conversions::save(&mut tx, &conversion).await?;
            outbox::put(&mut tx, &[undo_request(&conversion)]).await?;
            saga::watch(&mut tx, &conversion, 0, now).await?;
            tx.commit().await?;
        }
        Ok(conversion)
    }
}
