//! Jobs that move records between territories.

use kontor_records::territories::Progress;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A job.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Job {
    /// UUIDv7.
    pub id: Uuid,
    /// The territory that was changed.
    pub territory_id: Uuid,
    /// Records that were to move when it began.
    pub total: i64,
    /// Records moved.
    pub moved: i64,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
}

/// Begins a job with a part for each of these kinds of record.
///
/// # Errors
/// When the database refuses.
pub async fn begin(
    conn: &mut PgConnection,
    company: Uuid,
    job: &Job,
    kinds: &[&str],
    by: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with job as (
             insert into accounts.territory_jobs (company_id, id, territory_id, total, requested_by, started_at)
             values ($1, $2, $3, $4, $5, $6)
             returning company_id, id
         )
         insert into accounts.territory_job_parts (company_id, job_id, kind)
         select job.company_id, job.id, k.kind
         from job, unnest($7::text[]) as k (kind)",
    )
    .bind(company)
    .bind(job.id)
    .bind(job.territory_id)
    .bind(job.total)
    .bind(by)
    .bind(job.started_at)
    .bind(kinds)
    .execute(conn)
    .await?;
    Ok(())
}

/// A job of a territory.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut PgConnection,
    company: Uuid,
    territory: Uuid,
    id: Uuid,
) -> Result<Option<Job>, sqlx::Error> {
    sqlx::query_as(
        "select j.id, j.territory_id, j.total, j.started_at, j.finished_at,
             (
                 select coalesce(sum(p.moved), 0)::bigint
                 from accounts.territory_job_parts p
                 where p.company_id = j.company_id
                   and p.job_id = j.id
             ) as moved
         from accounts.territory_jobs j
         where j.company_id = $1
           and j.territory_id = $2
           and j.id = $3",
    )
    .bind(company)
    .bind(territory)
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// Notes how far the part of a kind has come; the job has ended when all have.
///
/// # Errors
/// When the database refuses.
pub async fn progressed(
    conn: &mut PgConnection,
    company: Uuid,
    job: Uuid,
    kind: &str,
    progress: Progress,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    // Parts that end at once see each other.
    sqlx::query("select from accounts.territory_jobs where company_id = $1 and id = $2 for update")
        .bind(company)
        .bind(job)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "update accounts.territory_job_parts
         set moved = greatest(moved, $4),
             done = done or $5
         where company_id = $1
           and job_id = $2
           and kind = $3",
    )
    .bind(company)
    .bind(job)
    .bind(kind)
    .bind(progress.moved)
    .bind(progress.done)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update accounts.territory_jobs j
         set finished_at = $3
         where j.company_id = $1
           and j.id = $2
           and j.finished_at is null
           and not exists (
               select
               from accounts.territory_job_parts p
               where p.company_id = $1
                 and p.job_id = $2
                 and not p.done
           )",
    )
    .bind(company)
    .bind(job)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
