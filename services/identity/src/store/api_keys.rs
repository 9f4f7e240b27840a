//! Rows of `api_keys`: hashes alone, never a key.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::listings::API_KEYS;
use super::sessions::ENDED_CHANNEL;
use crate::model::api_key::ApiKey;

/// Keys whose use is noted no more often than this.
const USED_EXACT_TO: Duration = Duration::minutes(1);

/// Adds a key of the company.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    company_id: Uuid,
    key: &ApiKey,
    hash: &[u8],
) -> Result<(), sqlx::Error> {
    let ApiKey {
        id,
        user_id,
        name,
        prefix,
        permissions,
        expires_at,
        last_used_at,
        created_at,
    } = key;
    sqlx::query(
        "insert into identity.api_keys (
           company_id, id, user_id, name, hash, prefix, permissions, expires_at, last_used_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(company_id)
    .bind(id)
    .bind(user_id)
    .bind(name)
    .bind(hash)
    .bind(prefix)
    .bind(permissions)
    .bind(expires_at)
    .bind(last_used_at)
    .bind(created_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of the caller's own keys in the company.
pub(crate) async fn list(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<ApiKey>, Failure> {
    API_KEYS.page(conn, caller, query, decode).await
}

/// The key of this hash with its company. The rest of the transaction sees its row, whatever the company.
pub(crate) async fn by_hash(
    conn: &mut PgConnection,
    hash: &[u8],
) -> Result<Option<(Uuid, ApiKey)>, sqlx::Error> {
    sqlx::query("select set_config('kontor.api_key', encode($1, 'hex'), true)")
        .bind(hash)
        .execute(&mut *conn)
        .await?;
    let row = sqlx::query("select * from identity.api_keys where hash = $1")
        .bind(hash)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.try_get("company_id")?, decode(&row)?)))
        .transpose()
}

/// Notes that a key was used.
pub(crate) async fn used(
    conn: &mut PgConnection,
    company_id: Uuid,
    key: &ApiKey,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    if key.last_used_at.is_some_and(|at| now - at < USED_EXACT_TO) {
        return Ok(());
    }
    sqlx::query("update identity.api_keys set last_used_at = $3 where company_id = $1 and id = $2")
        .bind(company_id)
        .bind(key.id)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes a member's key, and tells every process of identity, which hears it when the transaction commits, and through
/// them every service. Answers its name.
pub(crate) async fn delete(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(
        "with deleted as (
           delete from identity.api_keys
           where company_id = $1
             and user_id = $2
             and id = $3
           returning id, name
         ), noted as (
           insert into identity.ended_sessions (session_id, ended_at)
           select id, $4
           from deleted
           on conflict on constraint ended_sessions_pkey do nothing
         )
         select name, pg_notify($5, id::text)
         from deleted",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(id)
    .bind(now)
    .bind(ENDED_CHANNEL)
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.try_get("name")).transpose()
}

/// Deletes every key of a member, as [`delete`] does. Answers their ids.
pub(crate) async fn delete_of(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select id from identity.api_keys where company_id = $1 and user_id = $2 order by id",
    )
    .bind(company_id)
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    for id in &ids {
        delete(conn, company_id, user_id, *id, now).await?;
    }
    Ok(ids)
}

fn decode(row: &PgRow) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        permissions: row.try_get("permissions")?,
        expires_at: row.try_get("expires_at")?,
        last_used_at: row.try_get("last_used_at")?,
        created_at: row.try_get("created_at")?,
    })
}
