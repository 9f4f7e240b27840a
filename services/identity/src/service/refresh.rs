//! Trading a refresh token.

use time::OffsetDateTime;

use super::{Identity, IssuedTokens};
use crate::error::Error;
use crate::model::session::{Origin, Presented, Verdict, judge};
use crate::secret::Secret;
use crate::store;
use crate::store::sessions::Which;

impl Identity {
    /// Trades a refresh token for the next tokens. The lock on the session makes one of several that come at once.
    pub(crate) async fn refresh(
        &self,
        token: &str,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<IssuedTokens, Error> {
        let hash = Secret::parse(token).ok_or(Error::InvalidToken)?.hash();
        let mut tx = self.db.unscoped().await?;
        let session = store::sessions::lock_by_token(&mut tx, &hash)
            .await?
            .ok_or(Error::InvalidToken)?;
        let rotated_at = store::tokens::rotated_at(&mut tx, &hash)
            .await?
            .ok_or(Error::InvalidToken)?;
        let presented = Presented {
            rotated_at,
            session_ended_at: session.ended_at,
            session_expires_at: session.expires_at,
        };
        match judge(presented, now) {
            Verdict::Rotate => {}
            Verdict::JustRotated => return Err(Error::TokenRotated),
            Verdict::Over => return Err(Error::InvalidToken),
            Verdict::Stolen => {
                tracing::warn!(session_id = %session.id, "a spent refresh token came again; its session is ended");
                store::sessions::end(&mut tx, session.user_id, Which::One(session.id), now).await?;
                tx.commit().await?;
                self.verifier.session_ended(session.id);
                return Err(Error::TokenReused);
            }
        }

        store::people::act_as(&mut tx, session.user_id).await?;
        let memberships = store::members::of_person(&mut tx, session.user_id).await?;
        let membership = memberships
            .iter()
            .find(|one| one.company_id == session.entered_company);
        // Shut out of the company: the session has nowhere to be.
        let membership = membership
            .filter(|membership| membership.admits(session.sso))
            .ok_or(Error::InvalidToken)?;
        store::tokens::rotate(&mut tx, session.id, now).await?;
        let session = session.seen(origin, now);
        store::sessions::touch(&mut tx, &session).await?;
        let tokens = self.issue(&mut tx, &session, membership, now).await?;
        tx.commit().await?;
        Ok(tokens)
    }
}
