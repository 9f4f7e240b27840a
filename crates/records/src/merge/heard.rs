//! Which merges of other services were heard of, on a borrowed connection.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Where records have gone by a merge.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Passage {
    pub(super) merge_id: Uuid,
    pub(super) gone: Vec<Uuid>,
    pub(super) winner_id: Uuid,
}

/// Lets one transaction at a time follow merges of these records.
pub(super) async fn hold(
    conn: &mut PgConnection,
    company: Uuid,
    passage: &Passage,
) -> Result<(), sqlx::Error> {
    let mut ids: BTreeSet<Uuid> = passage.gone.iter().copied().collect();
    ids.insert(passage.winner_id);
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.merges' || $1::text || w.id::text, 0))
         from unnest($2::uuid[]) as w (id)",
    )
    .bind(company)
    .bind(Vec::from_iter(ids))
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets nobody [`hold`] these until the transaction ends.
pub(super) async fn share(
    conn: &mut PgConnection,
    company: Uuid,
    ids: BTreeSet<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock_shared(
            hashtextextended(current_schema() || '.merges' || $1::text || w.id::text, 0)
         )
         from unnest($2::uuid[]) as w (id)",
    )
    .bind(company)
    .bind(Vec::from_iter(ids))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a merge of records of `referred`, for the records of `kind` here: true when that is new and not overtaken. The end
/// of a merge may be heard before the merge itself, which then does nothing any more.
pub(super) async fn done(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    referred: &str,
    passage: &Passage,
) -> Result<bool, sqlx::Error> {
    let heard = sqlx::query(
        "with heard as (
            insert into heard_merges (company_id, merge_id, kind, winner_id, source_ids, undone)
            values ($1, $2, $3, $4, $6, false)
            on conflict do nothing
            returning merge_id
         )
         insert into merged_records (company_id, kind, record_id, winner_id, merge_id)
         select $1, $5, s.id, $4, h.merge_id
         from heard h
         cross join unnest($6::uuid[]) as s (id)",
    )
    .bind(company)
    .bind(passage.merge_id)
    .bind(kind)
    .bind(passage.winner_id)
    .bind(referred)
    .bind(&passage.gone)
    .execute(conn)
    .await?;
    Ok(heard.rows_affected() > 0)
}

/// Notes that a merge was taken back: true when that is new, and the merge was heard before.
pub(super) async fn undone(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    passage: &Passage,
) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query(
        "with ended as (
            update heard_merges
            set undone = true
            where company_id = $1
              and merge_id = $2
              and kind = $3
              and not undone
            returning merge_id
         )
         delete from merged_records m
         using ended e
         where m.company_id = $1
           and m.merge_id = e.merge_id",
    )
    .bind(company)
    .bind(passage.merge_id)
    .bind(kind)
    .execute(&mut *conn)
    .await?;
    if ended.rows_affected() > 0 {
        return Ok(true);
    }
    sqlx::query(
        "insert into heard_merges (company_id, merge_id, kind, winner_id, source_ids, undone)
         values ($1, $2, $3, $4, $5, true)
         on conflict do nothing",
    )
    .bind(company)
    .bind(passage.merge_id)
    .bind(kind)
    .bind(passage.winner_id)
    .bind(&passage.gone)
    .execute(conn)
    .await?;
    Ok(false)
}

/// Where a record has gone, if it has.
pub(super) async fn passages(
    conn: &mut PgConnection,
    company: Uuid,
    referred: &str,
    id: Uuid,
) -> Result<Vec<Passage>, sqlx::Error> {
    sqlx::query_as(
        "select merge_id, array[record_id] as gone, winner_id
         from merged_records
         where company_id = $1
           and kind = $2
           and record_id = $3
         order by merge_id",
    )
    .bind(company)
    .bind(referred)
    .bind(id)
    .fetch_all(conn)
    .await
}

/// Where any of these records, each with its kind, have gone: by kind.
pub(super) async fn passages_of(
    conn: &mut PgConnection,
    company: Uuid,
    records: BTreeSet<(&str, Uuid)>,
) -> Result<BTreeMap<String, Vec<Passage>>, sqlx::Error> {
    let (kinds, ids): (Vec<&str>, Vec<Uuid>) = records.into_iter().unzip();
    let rows: Vec<(String, Uuid, Uuid, Uuid)> = sqlx::query_as(
        "select kind, merge_id, record_id, winner_id
         from merged_records
         join unnest($2::text[], $3::uuid[]) as referred (kind, record_id) using (kind, record_id)
         where company_id = $1
         order by merge_id",
    )
    .bind(company)
    .bind(kinds)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let mut passages: BTreeMap<String, Vec<Passage>> = BTreeMap::new();
    for (kind, merge_id, record, winner_id) in rows {
        passages.entry(kind).or_default().push(Passage {
            merge_id,
            gone: vec![record],
            winner_id,
        });
    }
    Ok(passages)
}

/// Whether a record that another was merged into, as far as `kind` follows, has gone itself.
pub(super) async fn has_gone(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    winner: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
            select
            from merged_records m
            join heard_merges h on h.company_id = m.company_id and h.merge_id = m.merge_id and h.kind = $2
            where m.company_id = $1
              and m.record_id = $3
         )",
    )
    .bind(company)
    .bind(kind)
    .bind(winner)
    .fetch_one(conn)
    .await
}

/// Merges into one of these that were taken back before they could be undone here.
pub(super) async fn waiting(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    winners: &[Uuid],
) -> Result<Vec<Passage>, sqlx::Error> {
    sqlx::query_as(
        "select h.merge_id, h.source_ids as gone, h.winner_id
         from heard_merges h
         where h.company_id = $1
           and h.kind = $2
           and h.winner_id = any ($3)
           and h.undone
           and exists (
               select
               from moved_references m
               where m.company_id = $1
                 and m.merge_id = h.merge_id
                 and m.kind = $2
           )
         order by h.merge_id desc",
    )
    .bind(company)
    .bind(kind)
    .bind(winners)
    .fetch_all(conn)
    .await
}
