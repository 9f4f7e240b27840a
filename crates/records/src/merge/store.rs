//! The rows of merges, on a borrowed connection.

use std::collections::HashMap;

use kontor_chassis::{self as chassis, Caller, Error};
use kontor_proto::records::v1 as contract;
use prost_types::Timestamp;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::written::Written;
use crate::description::Description;
use crate::leaf::{Kind, Leaf};
use crate::record::Record;
use crate::write::{self, Which};

/// A merge as it is kept.
#[derive(Debug, FromRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) winner_id: Uuid,
    pub(super) source_ids: Vec<Uuid>,
    /// What it wrote into the winner.
    pub(super) written: Json<Written>,
    pub(super) merged_by: Option<Uuid>,
    pub(super) merged_at: OffsetDateTime,
    pub(super) unmerged_at: Option<OffsetDateTime>,
}

impl Row {
    pub(super) fn into_message(self) -> contract::Merge {
        let timestamp = |at: OffsetDateTime| Timestamp {
            seconds: at.unix_timestamp(),
            nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
        };
        contract::Merge {
            id: self.id.to_string(),
            winner_id: self.winner_id.to_string(),
            source_ids: self.source_ids.iter().map(Uuid::to_string).collect(),
            merged_at: Some(timestamp(self.merged_at)),
            merged_by: self.merged_by.map(|id| id.to_string()),
            unmerged_at: self.unmerged_at.map(timestamp),
        }
    }
}

/// Keeps a merge, and where its sources have gone.
pub(super) async fn insert(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &Description,
    row: &Row,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with gone as (
            insert into merged_records (company_id, kind, record_id, winner_id, merge_id)
            select $1, $9, s.id, $4, $2
            from unnest($5::uuid[]) as s (id)
         )
         insert into merges (company_id, id, kind, winner_id, source_ids, written, merged_by, merged_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(company)
    .bind(row.id)
    .bind(kind.many)
    .bind(row.winner_id)
    .bind(&row.source_ids)
    .bind(&row.written)
    .bind(row.merged_by)
    .bind(row.merged_at)
    .bind(kind.one)
    .execute(conn)
    .await?;
    Ok(())
}

const COLUMNS: &str = "id, winner_id, source_ids, written, merged_by, merged_at, unmerged_at";

/// The merges into a record, newest first.
pub(super) async fn of_winner(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    winner: Uuid,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS}
         from merges
         where company_id = $1
           and kind = $2
           and winner_id = $3
         order by id desc"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(company)
        .bind(kind)
        .bind(winner)
        .fetch_all(conn)
        .await
}

/// A merge into this record, locked until the transaction ends.
pub(super) async fn lock(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    winner: Uuid,
    id: Uuid,
) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!(
        "select {COLUMNS}
         from merges
         where company_id = $1
           and id = $2
           and kind = $3
           and winner_id = $4
         for update"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(company)
        .bind(id)
        .bind(kind)
        .bind(winner)
        .fetch_optional(conn)
        .await
}

/// Notes that a merge was taken back: its sources are where they were.
pub(super) async fn end(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
    by: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with back as (
            delete from merged_records
            where company_id = $1
              and merge_id = $2
         )
         update merges
         set unmerged_at = $3,
            unmerged_by = $4
         where company_id = $1
           and id = $2",
    )
    .bind(company)
    .bind(id)
    .bind(now)
    .bind(by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Where a record has gone, at the end of all merges.
async fn winner_of(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    id: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "with recursive way as (
            select winner_id, 1 as step
            from merged_records
            where company_id = $1
              and kind = $2
              and record_id = $3
            union all
            select m.winner_id, way.step + 1
            from way
            join merged_records m on m.company_id = $1 and m.kind = $2 and m.record_id = way.winner_id
            where way.step < 100
         )
         select winner_id
         from way
         order by step desc
         limit 1",
    )
    .bind(company)
    .bind(kind)
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// That a record isn't there; of one that was merged into another with the id of that one.
pub(crate) async fn not_found<R: Record>(conn: &mut PgConnection, caller: &Caller, id: Uuid) -> Error {
    let description = R::description();
    let error = Error::not_found(description.one);
    match winner_of(conn, caller.company_id(), description.one, id).await {
        Ok(Some(winner)) => error.with_member("winner_id", winner.to_string()),
        Ok(None) => error,
        Err(failed) => failed.into(),
    }
}

/// Refuses to restore what was merged: it comes back by taking the merge back.
///
/// # Errors
/// Conflict, with the id of the record it was merged into.
pub(crate) async fn refuse_restore<R: Record>(conn: &mut PgConnection, record: &R) -> Result<(), Error> {
    let description = R::description();
    match winner_of(conn, record.company_id(), description.one, record.id()).await? {
        None => Ok(()),
        Some(winner) => Err(merged::<R>(winner)),
    }
}

/// Those of these records that were merged, each with why it can't be restored.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub(crate) async fn merged_among<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Error>, Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select record_id, winner_id
         from merged_records
         where company_id = $1
           and kind = $2
           and record_id = any ($3)",
    )
    .bind(company)
    .bind(R::description().one)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, winner)| (id, merged::<R>(winner)))
        .collect())
}

fn merged<R: Record>(winner: Uuid) -> Error {
    let detail = format!(
        "The {} was merged into another one; take the merge back.",
        R::description().one
    );
    Error::conflict("merged", detail).with_member("winner_id", winner.to_string())
}

/// A record of the company, also a deleted one, locked until the transaction ends.
pub(super) async fn held<R: Record>(
    tx: &mut PgConnection,
    company: Uuid,
    id: Uuid,
) -> Result<Option<R>, Error> {
    let system = Caller::system(company);
    match write::get_for_update(tx, &system, id, "merge", Which::Any).await {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.kind() == chassis::Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The records of a kind that refer to one of these by this leaf, locked until the transaction ends; deleted ones too.
pub(super) async fn referring<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    leaf: &Leaf,
    ids: &[Uuid],
) -> Result<Vec<R>, Error> {
    let description = R::description();
    let holds = if leaf.kind == Kind::Ids { "&&" } else { "= any" };
    let sql = format!(
        "select {}\nfrom {}\nwhere company_id = $1\n  and {} {holds} ($2)\norder by id\nfor update",
        description.columns, description.table, leaf.column
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(company)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}

/// Notes what a merge wrote into a record that refers to a source.
pub(super) async fn note_move(
    conn: &mut PgConnection,
    company: Uuid,
    merge: Uuid,
    kind: &str,
    record: Uuid,
    written: &Written,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into moved_references (company_id, merge_id, kind, record_id, written)
         values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(company)
    .bind(merge)
    .bind(kind)
    .bind(record)
    .bind(Json(written))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes out what a merge wrote into records of a kind that refer to its sources.
pub(super) async fn take_moves(
    conn: &mut PgConnection,
    company: Uuid,
    merge: Uuid,
    kind: &str,
) -> Result<Vec<(Uuid, Written)>, sqlx::Error> {
    let rows: Vec<(Uuid, Json<Written>)> = sqlx::query_as(
        "with taken as (
            delete from moved_references
            where company_id = $1
              and merge_id = $2
              and kind = $3
            returning record_id, written
         )
         select record_id, written
         from taken
         order by record_id",
    )
    .bind(company)
    .bind(merge)
    .bind(kind)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, Json(written))| (id, written))
        .collect())
}
