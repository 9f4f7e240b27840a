//! Moving a session to another company.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, SignedIn, person_of, session_of};
use crate::error::Error;
use crate::model::session::Origin;
use crate::store;

impl Identity {
    /// Moves the caller's session to a company of the person; its refresh token is spent, its access token is not.
    pub(crate) async fn switch_company(
        &self,
        caller: &Caller,
        company_id: Uuid,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let (user_id, session_id) = (person_of(caller)?, session_of(caller)?);
        let mut tx = self.db.begin(caller).await?;
        let session = store::sessions::lock(&mut tx, user_id, session_id).await?;
        let session = session
            .filter(|session| session.is_live(now))
            .ok_or(Error::NoSession)?;
        if session.sso && session.entered_company != company_id {
            return Err(Error::SsoSession);
        }
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        let memberships = store::members::of_person(&mut tx, user_id).await?;
        let membership = memberships
            .iter()
            .find(|one| one.company_id == company_id)
            .cloned();
        let membership = membership.ok_or(Error::NotFound("company"))?;
        if !membership.admits(session.sso) {
            return Err(Error::SsoRequired);
        }
        let company = store::companies::get(&mut tx, company_id)
            .await?
            .ok_or(Error::NotFound("company"))?;
        store::tokens::rotate(&mut tx, session_id, now).await?;
        let mut session = session.seen(origin, now);
        session.entered_company = company_id;
        store::sessions::touch(&mut tx, &session).await?;
        let tokens = self.issue(&mut tx, &session, &membership, now).await?;
        tx.commit().await?;
        Ok(SignedIn {
            person,
            company,
            membership,
            memberships,
            tokens,
        })
    }
}
