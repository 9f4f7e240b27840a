//! Scores that change without anybody changing the lead: recency lapses, weights are set anew.

use kontor_chassis::Error;
use kontor_records::Record;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::Lead;

/// Leads made in a span, in the order in which they were made.
pub(crate) struct Span {
    /// From this time on,
    pub(crate) from: OffsetDateTime,
    /// to this one, both included.
    pub(crate) to: OffsetDateTime,
}

/// The next leads of a span behind a place in it, which is a time and an id.
pub(crate) async fn made_in(
    conn: &mut PgConnection,
    company: Uuid,
    span: &Span,
    behind: (OffsetDateTime, Uuid),
    limit: i64,
) -> Result<Vec<Lead>, Error> {
    let columns = Lead::description().columns;
    let sql = format!(
        "select {columns}
         from leads.leads
         where company_id = $1
           and deleted_at is null
           and created_at >= $2
           and created_at <= $3
           and (created_at, id) > ($4, $5)
         order by created_at, id
         limit $6
         for no key update"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(company)
        .bind(span.from)
        .bind(span.to)
        .bind(behind.0)
        .bind(behind.1)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(Lead::from_row).collect::<Result<_, _>>()?)
}

/// When the first lead behind this time was made.
pub(crate) async fn first_made_behind(
    conn: &mut PgConnection,
    company: Uuid,
    behind: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar(
        "select min(created_at)
         from leads.leads
         where company_id = $1
           and deleted_at is null
           and created_at > $2",
    )
    .bind(company)
    .bind(behind)
    .fetch_one(conn)
    .await
}

/// Writes scores, and remembers them in the history. That is no change of the lead by anybody: its version and its
/// `updated_at` stay.
pub(crate) async fn set_scores(
    conn: &mut PgConnection,
    company: Uuid,
    scores: &[(Uuid, i32)],
) -> Result<(), sqlx::Error> {
    if scores.is_empty() {
        return Ok(());
    }
    let (ids, totals): (Vec<Uuid>, Vec<i32>) = scores.iter().copied().unzip();
    let notes: Vec<Uuid> = scores.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query(
        "with scored as (
             select l.company_id, l.id, l.score as before, s.score as after, s.note
             from unnest($2::uuid[], $3::int[], $4::uuid[]) as s (id, score, note)
             join leads.leads as l on l.company_id = $1 and l.id = s.id
             for no key update of l
         ),
         noted as (
             insert into history (company_id, record_id, id, at, actor, action, field, before, after)
             select company_id, id, note, now(), null, 'rescored', 'score', before::text, after::text
             from scored
         )
         update leads.leads
         set score = scored.after
         from scored
         where leads.company_id = scored.company_id
           and leads.id = scored.id",
    )
    .bind(company)
    .bind(ids)
    .bind(totals)
    .bind(notes)
    .execute(conn)
    .await?;
    Ok(())
}
