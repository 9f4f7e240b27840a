//! Making the tokens of a session.

use kontor_chassis::token::{Claims, ISSUER};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Identity;
use crate::error::Error;
use crate::model::company::Membership;
use crate::model::session::Session;
use crate::secret::Secret;
use crate::store;

/// What a client gets.
pub(crate) struct IssuedTokens {
    pub(crate) access: String,
    pub(crate) refresh: Secret,
    /// Seconds until the access token expires.
    pub(crate) expires_in: i32,
}

impl Identity {
    /// Issues the next tokens of a session for one of the person's companies; the refresh token is written with it.
    pub(super) async fn issue(
        &self,
        conn: &mut PgConnection,
        session: &Session,
        membership: &Membership,
        now: OffsetDateTime,
    ) -> Result<IssuedTokens, Error> {
        let refresh = Secret::random()?;
        store::tokens::insert_refresh(conn, session.id, &refresh.hash(), now).await?;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: session.user_id,
            company: membership.company_id,
            sid: session.id,
            role: membership.role.clone(),
            permissions: membership.held(),
            grant: Some(membership.grant_id),
            iat: now.unix_timestamp(),
            exp: (now + self.token_life).unix_timestamp(),
        };
        let expires_in = i32::try_from(self.token_life.whole_seconds()).unwrap_or(i32::MAX);
        Ok(IssuedTokens {
            access: self.keys.sign(&claims, now)?,
            refresh,
            expires_in,
        })
    }
}
