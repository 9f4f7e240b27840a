//! What an import made and changed, kept so that it can be taken back.

use std::collections::BTreeMap;

use kontor_chassis::error::Error;
use kontor_proto::records::v1::BulkFailure;
use serde_json::{Map, Value as Json};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::job::{Claim, Undone};
use crate::record::Record;
use crate::value::Value;

/// How many records that stayed a job's answer names.
const TOLD: i64 = 20;
/// What every change moves, so that it says nothing.
const MOVED: [&str; 3] = ["updated_by", "updated_at", "version"];

/// What an import did to a record that was there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changed {
    pub(super) id: Uuid,
    /// Its version since.
    pub(super) version: i64,
    /// The former values of the fields that it changed, by name.
    pub(super) before: Map<String, Json>,
}

impl Changed {
    /// None when nothing was changed.
    pub(super) fn between<R: Record>(before: &R, after: &R) -> Option<Self> {
        let values = before.values().into_iter().zip(after.values());
        let before: Map<String, Json> = R::description()
            .leaves
            .iter()
            .zip(values)
            .filter(|(leaf, (old, new))| old != new && !leaf.generated && !MOVED.contains(&leaf.column))
            .map(|(leaf, (old, _))| (leaf.name.to_owned(), old.to_json()))
            .collect();
        (!before.is_empty()).then(|| Self {
            id: after.id(),
            version: after.version(),
            before,
        })
    }

    /// The record with its former values; none when they don't fit it any more.
    pub(super) fn undone<R: Record>(&self, record: &R) -> Option<R> {
        let kind = R::description();
        let mut values = record.values();
        for (name, json) in &self.before {
            let at = kind.position(name)?;
            values[at] = Value::from_json(kind.leaves[at].kind, json)?;
        }
        R::from_values(values)
    }
}

/// Notes the changes of a batch; what the batch itself `made` is taken back as a whole. Of a record that was changed
/// before, the oldest values count.
pub(super) async fn note(
    conn: &mut PgConnection,
    claim: Claim,
    made: &[Uuid],
    changed: &[Changed],
) -> Result<(), Error> {
    let mut records: BTreeMap<Uuid, Changed> = BTreeMap::new();
    for change in changed.iter().filter(|change| !made.contains(&change.id)) {
        match records.get_mut(&change.id) {
            None => {
                records.insert(change.id, change.clone());
            }
            Some(first) => {
                first.version = change.version;
                for (name, value) in &change.before {
                    first.before.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = records.keys().copied().collect();
    let versions: Vec<i64> = records.values().map(|change| change.version).collect();
    let before: Vec<Json> = records
        .into_values()
        .map(|change| Json::Object(change.before))
        .collect();
    sqlx::query(
        "insert into import_changes as c (company_id, import_id, record_id, version, before)
         select $1, $2, n.*
         from unnest($3::uuid[], $4::bigint[], $5::jsonb[]) as n (record_id, version, before)
         on conflict on constraint import_changes_pk do update
         set version = excluded.version,
             before = excluded.before || c.before",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(ids)
    .bind(versions)
    .bind(before)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that an ended job is being taken back.
pub(super) async fn begin_undo(conn: &mut PgConnection, claim: Claim, by: Option<Uuid>) -> Result<(), Error> {
    sqlx::query(
        "update imports
         set state = 'undoing',
             runner = $3,
             heartbeat_at = clock_timestamp(),
             finished_at = null,
             undone_by = $4
         where company_id = $1
           and id = $2",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(claim.runner)
    .bind(by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds to what was taken back.
pub(super) async fn note_undone(conn: &mut PgConnection, claim: Claim, added: Undone) -> Result<(), Error> {
    sqlx::query(
        "update imports
         set heartbeat_at = clock_timestamp(),
             undo_deleted = undo_deleted + $3,
             undo_restored = undo_restored + $4,
             undo_kept = undo_kept + $5
         where company_id = $1
           and id = $2",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(added.deleted)
    .bind(added.restored)
    .bind(added.kept)
    .execute(conn)
    .await?;
    Ok(())
}

/// The last batch of records that the import made and that isn't taken back yet, and its mark.
pub(super) async fn next_made(
    conn: &mut PgConnection,
    claim: Claim,
) -> Result<Option<(i64, Vec<Uuid>)>, Error> {
    Ok(sqlx::query_as(
        "select applied_to, record_ids
         from import_batches
         where company_id = $1
           and import_id = $2
         order by applied_to desc
         limit 1",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .fetch_optional(conn)
    .await?)
}

/// Forgets a batch that was taken back.
pub(super) async fn forget_made(conn: &mut PgConnection, claim: Claim, applied_to: i64) -> Result<(), Error> {
    sqlx::query(
        "delete from import_batches
         where company_id = $1
           and import_id = $2
           and applied_to = $3",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(applied_to)
    .execute(conn)
    .await?;
    Ok(())
}

/// The next changes that are not taken back yet.
pub(super) async fn next(conn: &mut PgConnection, claim: Claim, limit: i64) -> Result<Vec<Changed>, Error> {
    let rows = sqlx::query(
        "select record_id, version, before
         from import_changes
         where company_id = $1
           and import_id = $2
           and kept_code is null
         order by record_id
         limit $3",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Changed {
                id: row.try_get("record_id")?,
                version: row.try_get("version")?,
                before: row.try_get::<sqlx::types::Json<_>, _>("before")?.0,
            })
        })
        .collect()
}

/// Forgets changes of these records: they are as before, or gone.
pub(super) async fn forget(conn: &mut PgConnection, claim: Claim, ids: &[Uuid]) -> Result<(), Error> {
    sqlx::query(
        "delete from import_changes
         where company_id = $1
           and import_id = $2
           and record_id = any($3)
           and kept_code is null",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes records that stay, and why.
pub(super) async fn keep(conn: &mut PgConnection, claim: Claim, kept: &[(Uuid, Error)]) -> Result<(), Error> {
    if kept.is_empty() {
        return Ok(());
    }
    let (ids, errors): (Vec<Uuid>, Vec<&Error>) = kept.iter().map(|(id, error)| (*id, error)).unzip();
    let codes: Vec<&str> = errors.iter().map(|error| error.code()).collect();
    let messages: Vec<&str> = errors.iter().map(|error| error.detail()).collect();
    sqlx::query(
        "insert into import_changes (company_id, import_id, record_id, version, before, kept_code, kept_message)
         select $1, $2, k.id, 0, '{}', k.code, k.message
         from unnest($3::uuid[], $4::text[], $5::text[]) as k (id, code, message)
         on conflict on constraint import_changes_pk do update
         set kept_code = excluded.kept_code,
             kept_message = excluded.kept_message",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(ids)
    .bind(codes)
    .bind(messages)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first records that stayed.
pub(super) async fn kept(
    conn: &mut PgConnection,
    company_id: Uuid,
    id: Uuid,
) -> Result<Vec<BulkFailure>, Error> {
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(
        "select record_id, kept_code, kept_message
         from import_changes
         where company_id = $1
           and import_id = $2
           and kept_code is not null
         order by record_id
         limit $3",
    )
    .bind(company_id)
    .bind(id)
    .bind(TOLD)
    .fetch_all(conn)
    .await?;
    let failure = |(id, code, message): (Uuid, String, String)| BulkFailure {
        id: id.to_string(),
        code,
        message,
    };
    Ok(rows.into_iter().map(failure).collect())
}
