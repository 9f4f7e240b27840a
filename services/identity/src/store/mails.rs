//! Rows of `mails`.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::model::letter::Letter;

/// The channel on which it is told that there is a mail to send.
pub(crate) const CHANNEL: &str = "identity_mails";

/// A mail that was taken to be sent.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    /// As it was typed.
    pub(crate) recipient: String,
    pub(crate) letter: Letter,
    pub(crate) expires_at: OffsetDateTime,
    /// With this one.
    pub(crate) attempts: i32,
}

/// Writes a mail, to be sent when the transaction commits, and wakes who sends it.
pub(crate) async fn put(
    conn: &mut PgConnection,
    recipient: &str,
    letter: &Letter,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with put as (
           insert into identity.mails (id, recipient, letter, created_at, due_at, expires_at)
           values ($1, $2, $3, $4, $4, $5)
         )
         select pg_notify($6, '')",
    )
    .bind(Uuid::now_v7())
    .bind(recipient)
    .bind(Json(letter))
    .bind(now)
    .bind(now + letter.keeps())
    .bind(CHANNEL)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the mail that is due longest, for `lease`: so long nobody else takes it.
pub(crate) async fn take(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    lease: Duration,
) -> Result<Option<Mail>, sqlx::Error> {
    let row: Option<(Uuid, String, Json<Letter>, OffsetDateTime, i32)> = sqlx::query_as(
        "update identity.mails
         set due_at = $2,
           attempts = attempts + 1
         where id = (
           select id
           from identity.mails
           where due_at <= $1
           order by due_at
           limit 1
           for update skip locked
         )
         returning id, recipient, letter, expires_at, attempts",
    )
    .bind(now)
    .bind(now + lease)
    .fetch_optional(conn)
    .await?;
    Ok(
        row.map(|(id, recipient, Json(letter), expires_at, attempts)| Mail {
            id,
            recipient,
            letter,
            expires_at,
            attempts,
        }),
    )
}

/// Deletes a mail that was sent, or that nobody needs.
pub(crate) async fn done(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.mails where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives a mail back, to be sent at a time. One that did not even leave the house was not attempted.
pub(crate) async fn give_back(
    conn: &mut PgConnection,
    id: Uuid,
    attempts: i32,
    due_at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.mails set attempts = $2, due_at = $3 where id = $1")
        .bind(id)
        .bind(attempts)
        .bind(due_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// When the next mail is due.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar("select min(due_at) from identity.mails")
        .fetch_one(conn)
        .await
}
