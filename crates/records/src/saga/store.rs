//! What sagas did here.

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Outgoing, outbox};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::fill::Written;

/// What was done for a saga.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    /// A record is linked or made.
    Completed(Completed),
    /// It can't be done, for this reason.
    Failed(String),
    /// It was taken back, or is never to be done.
    Undone,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completed {
    pub(super) record: Uuid,
    /// It was there before; else the saga made it.
    pub(super) matched_existing: bool,
    /// Its version after the step.
    pub(super) version: i64,
    /// What was written into one that was there.
    pub(super) written: Written,
}

/// Waits until no other transaction holds one of these keys. Two that need the same keys take them in the same order.
pub(super) async fn lock(conn: &mut PgConnection, company: Uuid, keys: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended(current_schema() || $1::text || k.key, 0))
         from (select key from unnest($2::text[]) as u (key) order by key) as k",
    )
    .bind(company)
    .bind(keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// What was done for a saga.
pub(super) async fn find(conn: &mut PgConnection, company: Uuid, saga: Uuid) -> Result<Option<Entry>, Error> {
    let row = sqlx::query(
        "select state, record_id, matched_existing, version_after, filled, reason
         from saga_steps
         where company_id = $1
           and saga_id = $2",
    )
    .bind(company)
    .bind(saga)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<Entry, Error> {
    let state: &str = row.try_get("state")?;
    match state {
        "completed" => {
            let Json(written) = row.try_get("filled")?;
            Ok(Entry::Completed(Completed {
                record: row.try_get("record_id")?,
                matched_existing: row.try_get("matched_existing")?,
                version: row.try_get("version_after")?,
                written,
            }))
        }
        "failed" => Ok(Entry::Failed(row.try_get("reason")?)),
        "undone" => Ok(Entry::Undone),
        other => Err(Error::internal(format!("{other} is no state of a saga's step"))),
    }
}

/// Remembers what was done for a saga, in place of what was remembered before, and tells of it.
pub(super) async fn save(
    tx: &mut TenantTx,
    company: Uuid,
    saga: Uuid,
    entry: &Entry,
    told: Outgoing,
) -> Result<(), sqlx::Error> {
    let (state, completed, reason) = match entry {
        Entry::Completed(completed) => ("completed", Some(completed), None),
        Entry::Failed(reason) => ("failed", None, Some(reason)),
        Entry::Undone => ("undone", None, None),
    };
    let nothing = Written::default();
    let outbox::Columns {
        ids,
        kinds,
        payloads,
        headers,
    } = outbox::Columns::of(tx, &[told]);
    sqlx::query(
        "with told as (
             insert into outbox (id, type, payload, headers)
             select *
             from unnest($9::uuid[], $10::text[], $11::bytea[], $12::jsonb[])
         )
         insert into saga_steps
             (company_id, saga_id, state, record_id, matched_existing, version_after, filled, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint saga_steps_pk do update
         set state = excluded.state,
             record_id = excluded.record_id,
             matched_existing = excluded.matched_existing,
             version_after = excluded.version_after,
             filled = excluded.filled,
             reason = excluded.reason,
             changed_at = now()",
    )
    .bind(company)
    .bind(saga)
    .bind(state)
    .bind(completed.map(|step| step.record))
    .bind(completed.is_some_and(|step| step.matched_existing))
    .bind(completed.map(|step| step.version))
    .bind(Json(completed.map_or(&nothing, |step| &step.written)))
    .bind(reason)
    .bind(ids)
    .bind(kinds)
    .bind(payloads)
    .bind(headers)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Another saga that uses a record which this one made: the first that linked it.
pub(super) async fn heir(
    conn: &mut PgConnection,
    company: Uuid,
    saga: Uuid,
    record: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select saga_id
         from saga_steps
         where company_id = $1
           and record_id = $2
           and saga_id <> $3
           and state = 'completed'
         order by changed_at, saga_id
         limit 1",
    )
    .bind(company)
    .bind(record)
    .bind(saga)
    .fetch_optional(conn)
    .await
}

/// Makes another saga the one that made its record.
pub(super) async fn inherit(conn: &mut PgConnection, company: Uuid, heir: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update saga_steps
         set matched_existing = false
         where company_id = $1
           and saga_id = $2",
    )
    .bind(company)
    .bind(heir)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a saga, and nobody else, moved a record from one version to another: those who knew the former one know the
/// latter.
pub(super) async fn follow(
    conn: &mut PgConnection,
    company: Uuid,
    record: Uuid,
    from: i64,
    to: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update saga_steps
         set version_after = $4
         where company_id = $1
           and record_id = $2
           and version_after = $3
           and state = 'completed'",
    )
    .bind(company)
    .bind(record)
    .bind(from)
    .bind(to)
    .execute(conn)
    .await?;
    Ok(())
}
