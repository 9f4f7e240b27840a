//! Things that a service owes itself at a time: set in the transaction that makes them due, done at least once, also
//! when the service was down at that time. No bus is needed.

mod worker;

use prost::Message;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use worker::{Due, Timer, Timers};

/// What travels beside a timer's payload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TimerHeaders {
    pub(crate) company: Option<Uuid>,
    pub(crate) attempts: u32,
}

/// Sets a timer, or moves the one of that id. It is due at `due_at` or within two seconds after it.
///
/// # Errors
/// When the database refuses.
pub async fn set<P: Message>(
    conn: &mut PgConnection,
    id: Uuid,
    kind: &'static str,
    due_at: OffsetDateTime,
    company: Uuid,
    payload: &P,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into timers (id, kind, due_at, payload, headers)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint timers_pk do update
         set kind = excluded.kind, due_at = excluded.due_at, payload = excluded.payload, headers = excluded.headers",
    )
    .bind(id)
    .bind(kind)
    .bind(due_at)
    .bind(payload.encode_to_vec())
    .bind(sqlx::types::Json(TimerHeaders { company: Some(company), attempts: 0 }))
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets a timer unless it is set for that time or an earlier one.
///
/// # Errors
/// When the database refuses.
pub async fn no_later_than<P: Message>(
    conn: &mut PgConnection,
    id: Uuid,
    kind: &'static str,
    due_at: OffsetDateTime,
    company: Uuid,
    payload: &P,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into timers (id, kind, due_at, payload, headers)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint timers_pk do update
         set due_at = excluded.due_at, payload = excluded.payload
         where timers.due_at > excluded.due_at",
    )
    .bind(id)
    .bind(kind)
    .bind(due_at)
    .bind(payload.encode_to_vec())
    .bind(sqlx::types::Json(TimerHeaders {
        company: Some(company),
        attempts: 0,
    }))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a timer back; nothing happens when it is not there.
///
/// # Errors
/// When the database refuses.
pub async fn cancel(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("delete from timers where id = $1")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}
