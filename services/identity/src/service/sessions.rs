//! Where a person is signed in, and ending that.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, own_session, person_of, session_of};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::session::Session;
use crate::store;
use crate::store::sessions::Which;

impl Identity {
    /// Ends the caller's session, or all of the person's. When it returns, the fact is committed and told.
    pub(crate) async fn logout(&self, caller: &Caller, all: bool, now: OffsetDateTime) -> Result<(), Error> {
        let which = if all {
            Which::All
        } else {
            Which::One(session_of(caller)?)
        };
        self.end(caller, which, now).await?;
        Ok(())
    }

    /// Ends one of the person's sessions.
    pub(crate) async fn end_session(
        &self,
        caller: &Caller,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let ended = self.end(caller, Which::One(id), now).await?;
        if ended.is_empty() {
            Err(Error::NotFound("session"))
        } else {
            Ok(())
        }
    }

    /// The person's living sessions, last seen first.
    pub(crate) async fn sessions(&self, caller: &Caller, now: OffsetDateTime) -> Result<Vec<Session>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        own_session(&mut tx, caller).await?;
        Ok(store::sessions::list(&mut tx, user_id, now).await?)
    }

    async fn end(&self, caller: &Caller, which: Which, now: OffsetDateTime) -> Result<Vec<Uuid>, Error> {
        let user_id = person_of(caller)?;
        let own = session_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        if !matches!(which, Which::One(id) if id == own) {
            own_session(&mut tx, caller).await?;
        }
        let ended = store::sessions::end(&mut tx, user_id, which, now).await?;
        let deeds: Vec<Deed> = ended
            .iter()
            .map(|id| Deed::on("session", "ended", id, ""))
            .collect();
        store::audit::append(&mut tx, &Doer::of(caller, now), &deeds).await?;
        tx.commit().await?;
        // This process refuses it at once; the others hear of it.
        ended.iter().for_each(|id| self.verifier.session_ended(*id));
        Ok(ended)
    }
}
