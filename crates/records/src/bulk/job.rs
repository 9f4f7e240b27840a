//! The rows of an action on very many records: what was asked, by whom, and how far it has come.

use kontor_chassis::caller::Permissions;
use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, Origin};
use kontor_proto::records::v1::{BulkAction, BulkFailure, BulkJob, BulkJobState, BulkResult};
use prost::Message as _;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::action::Action;
use super::{Actor, BATCH, TOLD};
use crate::wire::timestamp;

/// A failure as it is kept: the record, the code and the sentence.
type Told = (Uuid, String, String);

/// A job as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Job {
    pub(super) id: Uuid,
    request: Vec<u8>,
    pub(super) created_by: Option<Uuid>,
    permissions: Option<Vec<String>>,
    address: Option<String>,
    device: Option<String>,
    pub(super) matched: i64,
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    batches: i32,
    /// The batch that comes next.
    pub(super) next: i32,
    started_at: OffsetDateTime,
    pub(super) finished_at: Option<OffsetDateTime>,
}

impl Job {
    /// A job for so many records.
    pub(super) fn new(caller: &Caller, mut request: BulkAction, matched: usize, now: OffsetDateTime) -> Self {
        // Which records stands in the batches.
        request.ids.clear();
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            id: Uuid::now_v7(),
            request: request.encode_to_vec(),
            created_by: caller.user_id(),
            permissions: caller.permissions().map(Permissions::words),
            address: caller.origin().address(),
            device: caller.origin().device(),
            matched: number(matched),
            succeeded: 0,
            failed: 0,
            batches: i32::try_from(matched.div_ceil(BATCH)).unwrap_or(i32::MAX),
            next: 0,
            started_at: now,
            finished_at: None,
        }
    }

    /// What is to be done.
    pub(super) fn action<A: Actor>(&self, actor: &A) -> Result<Action<A::Step>, Error> {
        let request = BulkAction::decode(self.request.as_slice()).map_err(Error::internal)?;
        let mut errors = FieldErrors::new();
        let action = Action::read(actor, &request, &mut errors);
        action.ok_or_else(|| Error::internal("the action of a job is not known any more"))
    }

    /// Who asked, with the rights of that moment, also after the process that began it has died.
    pub(super) fn asked_by(&self, company: Uuid) -> Caller {
        let origin = Origin::known(self.address.as_deref(), self.device.as_deref());
        let caller = match (self.created_by, &self.permissions) {
            (Some(user), Some(words)) => {
                let permissions = Permissions::parse(words);
                Caller::person(user, company, Uuid::nil(), "", permissions, None)
            }
            _ => Caller::system(company),
        };
        caller.from(origin)
    }

    /// As it is answered, with these failures.
    pub(super) fn into_result(self, failures: Vec<BulkFailure>) -> BulkResult {
        let state = match (self.finished_at, self.succeeded, self.failed) {
            (None, _, _) => BulkJobState::Running,
            (Some(_), _, 0) => BulkJobState::Succeeded,
            (Some(_), 0, _) => BulkJobState::Failed,
            (Some(_), _, _) => BulkJobState::PartiallySucceeded,
        };
        BulkResult {
            matched: self.matched,
            succeeded: self.succeeded,
            failed: self.failed,
            failures,
            job: Some(BulkJob {
                id: self.id.to_string(),
                state: state.into(),
                started_at: Some(timestamp(self.started_at)),
                finished_at: self.finished_at.map(timestamp),
            }),
        }
    }
}

/// Notes a job and parts its records into batches.
pub(super) async fn begin(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    job: &Job,
    ids: &[Uuid],
) -> Result<(), Error> {
    sqlx::query(
        "insert into bulk_jobs
             (company_id, id, kind, request, created_by, permissions, address, device, matched, batches, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(company)
    .bind(job.id)
    .bind(kind)
    .bind(&job.request)
    .bind(job.created_by)
    .bind(&job.permissions)
    .bind(&job.address)
    .bind(&job.device)
    .bind(job.matched)
    .bind(job.batches)
    .bind(job.started_at)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into bulk_batches (company_id, job_id, number, ids)
         select $1, $2, ((r.place - 1) / $4)::integer as number, array_agg(r.id order by r.place)
         from unnest($3::uuid[]) with ordinality as r (id, place)
         group by number",
    )
    .bind(company)
    .bind(job.id)
    .bind(ids)
    .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    Ok(())
}

/// A job of this kind.
pub(super) async fn find(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    id: Uuid,
) -> Result<Option<Job>, Error> {
    let job = sqlx::query_as(
        "select id, request, created_by, permissions, address, device, matched, succeeded, failed, batches, next,
             started_at, finished_at
         from bulk_jobs
         where company_id = $1
           and kind = $2
           and id = $3",
    )
    .bind(company)
    .bind(kind)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(job)
}

/// Locks a job until the transaction ends; answers the batch that comes next.
pub(super) async fn hold(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<Option<i32>, Error> {
    let next = sqlx::query_scalar(
        "select next
         from bulk_jobs
         where company_id = $1
           and id = $2
         for update",
    )
    .bind(company)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(next)
}

/// The records of the batch that comes next.
pub(super) async fn batch(conn: &mut PgConnection, company: Uuid, job: &Job) -> Result<Vec<Uuid>, Error> {
    let ids = sqlx::query_scalar(
        "select ids
         from bulk_batches
         where company_id = $1
           and job_id = $2
           and number = $3",
    )
    .bind(company)
    .bind(job.id)
    .bind(job.next)
    .fetch_one(conn)
    .await?;
    Ok(ids)
}

/// Notes what became of the batch that comes next, and the end after the last one.
pub(super) async fn advance(
    conn: &mut PgConnection,
    company: Uuid,
    job: &Job,
    done: usize,
    refused: &[(Uuid, Error)],
    now: OffsetDateTime,
) -> Result<(), Error> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let room = TOLD.saturating_sub(usize::try_from(job.failed).unwrap_or(usize::MAX));
    let told: Vec<Told> = refused
        .iter()
        .take(room)
        .map(|(id, error)| (*id, error.code().to_owned(), error.detail().to_owned()))
        .collect();
    sqlx::query(
        "update bulk_batches
         set ids = '{}',
             failures = $4
         where company_id = $1
           and job_id = $2
           and number = $3",
    )
    .bind(company)
    .bind(job.id)
    .bind(job.next)
    .bind(Json(told))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update bulk_jobs
         set succeeded = succeeded + $3,
             failed = failed + $4,
             next = next + 1,
             finished_at = case when next + 1 >= batches then $5 end
         where company_id = $1
           and id = $2",
    )
    .bind(company)
    .bind(job.id)
    .bind(number(done))
    .bind(number(refused.len()))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first failures of a job.
pub(super) async fn failures(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
) -> Result<Vec<BulkFailure>, Error> {
    let told: Vec<Json<Vec<Told>>> = sqlx::query_scalar(
        "select failures
         from bulk_batches
         where company_id = $1
           and job_id = $2
           and failures <> '[]'
         order by number",
    )
    .bind(company)
    .bind(id)
    .fetch_all(conn)
    .await?;
    let failures = told.into_iter().flat_map(|Json(told)| told);
    Ok(failures
        .map(|(id, code, message)| BulkFailure {
            id: id.to_string(),
            code,
            message,
        })
        .collect())
}
