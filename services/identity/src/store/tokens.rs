//! Rows of `refresh_tokens` and `mail_tokens`: hashes alone, never a token.

use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::invitation::Invitation;

/// What a mailed link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Proves an address.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// A mailed link that was taken.
pub(crate) struct MailToken {
    pub(crate) user_id: Uuid,
    /// In the form in which addresses are compared.
    pub(crate) email: String,
}

/// Adds the next refresh token of a session.
pub(crate) async fn insert_refresh(
    conn: &mut PgConnection,
    session_id: Uuid,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into identity.refresh_tokens (hash, session_id, issued_at) values ($1, $2, $3)")
        .bind(hash)
        .bind(session_id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// When a refresh token was traded: `None` for an unknown token, `Some(None)` for one that was not.
pub(crate) async fn rotated_at(
    conn: &mut PgConnection,
    hash: &[u8],
) -> Result<Option<Option<OffsetDateTime>>, sqlx::Error> {
    sqlx::query_scalar("select rotated_at from identity.refresh_tokens where hash = $1")
        .bind(hash)
        .fetch_optional(conn)
        .await
}

/// Spends every living refresh token of a session, of which there is one.
pub(crate) async fn rotate(
    conn: &mut PgConnection,
    session_id: Uuid,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update identity.refresh_tokens set rotated_at = $2 where session_id = $1 and rotated_at is null",
    )
    .bind(session_id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds a link of a mail.
pub(crate) async fn insert_mail(
    conn: &mut PgConnection,
    hash: &[u8],
    purpose: Purpose,
    user_id: Uuid,
    email: &str,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into identity.mail_tokens (hash, purpose, user_id, email, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash)
    .bind(purpose.word())
    .bind(user_id)
    .bind(email)
    .bind(now)
    .bind(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A link that was not taken yet.
pub(crate) async fn mail(
    conn: &mut PgConnection,
    hash: &[u8],
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<Option<MailToken>, sqlx::Error> {
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "select user_id, email
         from identity.mail_tokens
         where hash = $1
           and purpose = $2
           and expires_at > $3",
    )
    .bind(hash)
    .bind(purpose.word())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(user_id, email)| MailToken { user_id, email }))
}

/// Deletes a person's links for a purpose.
pub(crate) async fn forget_mail(
    conn: &mut PgConnection,
    user_id: Uuid,
    purpose: Purpose,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.mail_tokens where user_id = $1 and purpose = $2")
        .bind(user_id)
        .bind(purpose.word())
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds the link of an invitation.
pub(crate) async fn insert_invitation(
    conn: &mut PgConnection,
    hash: &[u8],
    invitation: &Invitation,
    key: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into identity.mail_tokens (
           hash, purpose, invited_to, invitation_id, email, created_at, expires_at)
         values ($1, 'invitation', $2, $3, $4, $5, $6)",
    )
    .bind(hash)
    .bind(invitation.company_id)
    .bind(invitation.id)
    .bind(key)
    .bind(now)
    .bind(invitation.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// The company and the invitation that a link leads to.
pub(crate) async fn invitation(
    conn: &mut PgConnection,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<Option<(Uuid, Uuid)>, sqlx::Error> {
    sqlx::query_as(
        "select invited_to, invitation_id
         from identity.mail_tokens
         where hash = $1
           and purpose = 'invitation'
           and expires_at > $2",
    )
    .bind(hash)
    .bind(now)
    .fetch_optional(conn)
    .await
}

/// Takes the link of an invitation: it is good once. Whether it was there.
pub(crate) async fn take_invitation(
    conn: &mut PgConnection,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query(
        "delete from identity.mail_tokens
         where hash = $1
           and purpose = 'invitation'
           and expires_at > $2",
    )
    .bind(hash)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Takes a link: it is good once.
pub(crate) async fn take_mail(
    conn: &mut PgConnection,
    hash: &[u8],
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<Option<MailToken>, sqlx::Error> {
    let row = sqlx::query(
        "delete from identity.mail_tokens
         where hash = $1
           and purpose = $2
           and expires_at > $3
         returning user_id, email",
    )
    .bind(hash)
    .bind(purpose.word())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(MailToken {
            user_id: row.try_get("user_id")?,
            email: row.try_get("email")?,
        })
    })
    .transpose()
}

/// Deletes links that nobody took in time.
pub(crate) async fn prune_mail(conn: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.mail_tokens where expires_at <= $1")
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}
