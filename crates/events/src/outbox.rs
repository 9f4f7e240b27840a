//! Messages that were decided in a transaction and are not yet with the bus.

use kontor_chassis::db::{TenantTx, Urgency};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Outgoing;

/// Writes messages into the outbox of the caller's transaction; they are told when it commits, and only then.
///
/// # Errors
/// When the database refuses.
pub async fn put(tx: &mut TenantTx, messages: &[Outgoing]) -> Result<(), sqlx::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let Columns {
        ids,
        kinds,
        payloads,
        headers,
    } = Columns::of(tx, messages);
    sqlx::query(
        "insert into outbox (id, type, payload, headers)
         select *
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::jsonb[])",
    )
    .bind(ids)
    .bind(kinds)
    .bind(payloads)
    .bind(headers)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Messages as arrays, for a statement that writes a record and what is told of it at once:
///
/// ```sql
/// with told as (
///     insert into outbox (id, type, payload, headers)
///     select * from unnest($7::uuid[], $8::text[], $9::bytea[], $10::jsonb[])
/// ) …
/// ```
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// `id`.
    pub ids: Vec<Uuid>,
    /// `type`.
    pub kinds: Vec<String>,
    /// `payload`.
    pub payloads: Vec<Vec<u8>>,
    /// `headers`.
    pub headers: Vec<Value>,
}

impl Columns {
    /// The columns of these messages, in their order. The commit of `tx` wakes the relay.
    #[must_use]
    pub fn of(tx: &mut TenantTx, messages: &[Outgoing]) -> Self {
        let mut columns = Self::default();
        for Outgoing {
            id,
            kind,
            payload,
            headers,
        } in messages
        {
            tx.leaves(if headers.addressed {
                Urgency::AtOnce
            } else {
                Urgency::Whenever
            });
            columns.ids.push(*id);
            columns.kinds.push(kind.clone());
            columns.payloads.push(payload.clone());
            columns.headers.push(headers.to_json());
        }
        columns
    }
}

/// How many messages wait.
///
/// # Errors
/// When the database refuses.
pub async fn depth(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from outbox")
        .fetch_one(conn)
        .await
}
