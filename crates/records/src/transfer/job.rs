//! The rows of `imports`: where a job stands, and who works on it.

use std::time::Duration;

use kontor_chassis::error::Error;
use kontor_events::timers;
use kontor_proto::records::v1::{ImportJob, ImportOptions, ImportState, ImportUndo};
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::plan::Plan;
use crate::wire::timestamp;

/// How often a running job tells that it is alive.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);
/// After how long without a sign of life it is taken over.
pub(super) const SILENCE: Duration = Duration::from_secs(6);

/// Which job, and as whom one works on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) company_id: Uuid,
    pub(super) id: Uuid,
    pub(super) runner: Uuid,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Uploading,
    Applying,
    Succeeded,
    PartiallySucceeded,
    Failed,
    Cancelled,
    /// It had ended, and is being taken back.
    Undoing,
    Undone,
}

/// Every state.
const STATES: [State; 8] = [
    State::Uploading,
    State::Applying,
    State::Succeeded,
    State::PartiallySucceeded,
    State::Failed,
    State::Cancelled,
    State::Undoing,
    State::Undone,
];

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Applying => "applying",
            Self::Succeeded => "succeeded",
            Self::PartiallySucceeded => "partially_succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    fn of(word: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.word() == word)
    }

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Uploading | Self::Applying | Self::Undoing)
    }

    const fn public(self) -> ImportState {
        match self {
            Self::Uploading | Self::Applying | Self::Undoing => ImportState::Running,
            Self::Succeeded => ImportState::Succeeded,
            Self::PartiallySucceeded => ImportState::PartiallySucceeded,
            Self::Failed => ImportState::Failed,
            Self::Cancelled => ImportState::Cancelled,
            Self::Undone => ImportState::Undone,
        }
    }
}

/// A job as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) state: State,
    runner: Uuid,
    pub(super) heartbeat_at: OffsetDateTime,
    pub(super) plan: Json,
    pub(super) header: Vec<String>,
    pub(super) mapping: std::collections::HashMap<String, String>,
    pub(super) unmapped: Vec<String>,
    pub(super) file_name: Option<String>,
    pub(super) dry_run: bool,
    pub(super) counts: Counts,
    pub(super) applied_to: i64,
    pub(super) cancelling: bool,
    pub(super) created_by: Option<Uuid>,
    pub(super) undone_by: Option<Uuid>,
    undone: Undone,
    pub(super) failure: Option<String>,
    pub(super) started_at: OffsetDateTime,
    pub(super) finished_at: Option<OffsetDateTime>,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: i64,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) skipped: i64,
    pub(super) failed: i64,
}

/// What became of the records when the job was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Undone {
    pub(super) deleted: i64,
    pub(super) restored: i64,
    pub(super) kept: i64,
}

impl Counts {
    /// How a job that came to its end has gone.
    pub(super) const fn outcome(self) -> State {
        if self.failed == 0 {
            State::Succeeded
        } else if self.created + self.updated + self.skipped == 0 {
            State::Failed
        } else {
            State::PartiallySucceeded
        }
    }
}

impl Job {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let word: String = row.try_get("state")?;
        let state =
            State::of(&word).ok_or_else(|| sqlx::Error::Decode(format!("unknown state {word}").into()))?;
        Ok(Self {
            id: row.try_get("id")?,
            state,
            runner: row.try_get("runner")?,
            heartbeat_at: row.try_get("heartbeat_at")?,
            plan: row.try_get("plan")?,
            header: row.try_get::<sqlx::types::Json<Vec<String>>, _>("header")?.0,
            mapping: row.try_get::<sqlx::types::Json<_>, _>("mapping")?.0,
            unmapped: row.try_get::<sqlx::types::Json<_>, _>("unmapped")?.0,
            file_name: row.try_get("file_name")?,
            dry_run: row.try_get("dry_run")?,
            counts: Counts {
                total: row.try_get("total_rows")?,
                created: row.try_get("created")?,
                updated: row.try_get("updated")?,
                skipped: row.try_get("skipped")?,
                failed: row.try_get("failed")?,
            },
            applied_to: row.try_get("applied_to")?,
            cancelling: row.try_get("cancelling")?,
            created_by: row.try_get("created_by")?,
            undone_by: row.try_get("undone_by")?,
            undone: Undone {
                deleted: row.try_get("undo_deleted")?,
                restored: row.try_get("undo_restored")?,
                kept: row.try_get("undo_kept")?,
            },
            failure: row.try_get("failure")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
        })
    }

    /// As it is answered, without its errors and without the records that stayed when it was taken back.
    pub(super) fn into_message(self) -> ImportJob {
        let Undone {
            deleted,
            restored,
            kept,
        } = self.undone;
        let undo = matches!(self.state, State::Undoing | State::Undone).then(|| ImportUndo {
            deleted,
            restored,
            kept,
            failures: Vec::new(),
        });
        ImportJob {
            id: self.id.to_string(),
            state: self.state.public().into(),
            total_rows: self.counts.total,
            created: self.counts.created,
            updated: self.counts.updated,
            skipped: self.counts.skipped,
            failed: self.counts.failed,
            mapping: self.mapping,
            unmapped_columns: self.unmapped,
            errors: Vec::new(),
            started_at: Some(timestamp(self.started_at)),
            finished_at: self.finished_at.map(timestamp),
            failure: self.failure,
            file_name: self.file_name,
            dry_run: self.dry_run,
            undo,
        }
    }

    /// The plan it was begun with.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        serde_json::from_value(self.plan.clone()).map_err(Error::internal)
    }
}

/// A job that has just begun, as it is answered.
pub(super) fn as_it_begins(claim: Claim, options: &ImportOptions, now: OffsetDateTime) -> ImportJob {
    ImportJob {
        id: claim.id.to_string(),
        state: State::Uploading.public().into(),
        started_at: Some(timestamp(now)),
        file_name: Some(options.file_name.clone()).filter(|name| !name.is_empty()),
        dry_run: options.dry_run,
        ..ImportJob::default()
    }
}

/// Notes a job whose first byte came.
pub(super) async fn begin(
    conn: &mut PgConnection,
    claim: Claim,
    kind: &str,
    plan: &Plan,
    file_name: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into imports (company_id, id, kind, runner, plan, file_name, dry_run, created_by)
         values ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8)",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(kind)
    .bind(claim.runner)
    .bind(serde_json::to_value(plan).map_err(Error::internal)?)
    .bind(file_name)
    .bind(plan.dry_run)
    .bind(plan.user_id)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// The job, locked until the transaction ends, when it is still this runner's and still in this state.
///
/// It is locked by its id alone and looked at afterwards: a condition on the runner would pass over a row that is being
/// handed to it in a transaction that isn't committed yet, instead of waiting for it.
pub(super) async fn hold(conn: &mut PgConnection, claim: Claim, state: State) -> Result<Option<Job>, Error> {
    let row = sqlx::query("select * from imports where company_id = $1 and id = $2 for update")
        .bind(claim.company_id)
        .bind(claim.id)
        .fetch_optional(conn)
        .await?;
    let job = row.as_ref().map(Job::from_row).transpose()?;
    Ok(job.filter(|job| job.runner == claim.runner && job.state == state))
}

/// Locks a job until the transaction ends, whoever works on it.
pub(super) async fn lock(conn: &mut PgConnection, claim: Claim) -> Result<(), Error> {
    sqlx::query("select from imports where company_id = $1 and id = $2 for update")
        .bind(claim.company_id)
        .bind(claim.id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes over a job that has been silent; none when it lives or has ended.
pub(super) async fn take_over(conn: &mut PgConnection, claim: Claim) -> Result<Option<Job>, Error> {
    let row = sqlx::query(
        "update imports
         set heartbeat_at = clock_timestamp(),
             runner = $3
         where company_id = $1
           and id = $2
           and state in ('uploading', 'applying', 'undoing')
           and heartbeat_at < clock_timestamp() - make_interval(secs => $4)
         returning *",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(claim.runner)
    .bind(SILENCE.as_secs_f64() - 1.0)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(Job::from_row).transpose()?)
}

/// Sets the alarm that takes the job over unless it is moved again in time.
pub(super) async fn set_alarm(
    conn: &mut PgConnection,
    claim: Claim,
    kind: &'static str,
) -> Result<(), Error> {
    let due = OffsetDateTime::now_utc() + SILENCE;
    timers::set(conn, claim.id, kind, due, claim.company_id, &claim.id.to_string()).await?;
    Ok(())
}

/// Writes down how the header is read.
pub(super) async fn note_header(
    conn: &mut PgConnection,
    claim: Claim,
    plan: &Plan,
    header: &[String],
    mapping: &super::headers::Mapping,
) -> Result<(), Error> {
    sqlx::query(
        "update imports
         set plan = $3,
             header = $4,
             mapping = $5,
             unmapped = $6
         where company_id = $1
           and id = $2",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(serde_json::to_value(plan).map_err(Error::internal)?)
    .bind(serde_json::to_value(header).map_err(Error::internal)?)
    .bind(serde_json::to_value(mapping.words(header)).map_err(Error::internal)?)
    .bind(serde_json::to_value(&mapping.unmapped).map_err(Error::internal)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds to the counts and moves on; a state that isn't running also notes the end.
pub(super) async fn advance(
    conn: &mut PgConnection,
    claim: Claim,
    added: Counts,
    applied_to: Option<i64>,
    next: Option<(State, Option<&str>)>,
) -> Result<(), Error> {
    let (state, failure) = next.map_or((None, None), |(state, failure)| (Some(state), failure));
    sqlx::query(
        "update imports
         set heartbeat_at = clock_timestamp(),
             total_rows = total_rows + $3,
             created = created + $4,
             updated = updated + $5,
             skipped = skipped + $6,
             failed = failed + $7,
             applied_to = coalesce($8, applied_to),
             state = coalesce($9, state),
             failure = coalesce($10, failure),
             finished_at = case when $11 then clock_timestamp() else finished_at end
         where company_id = $1
           and id = $2",
    )
    .bind(claim.company_id)
    .bind(claim.id)
    .bind(added.total)
    .bind(added.created)
    .bind(added.updated)
    .bind(added.skipped)
    .bind(added.failed)
    .bind(applied_to)
    .bind(state.map(State::word))
    .bind(failure)
    .bind(state.is_some_and(|state| !state.is_running()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Tells that the job is worked on; false when somebody else does, or nobody needs to any more.
pub(super) async fn beat(conn: &mut PgConnection, claim: Claim, alarm: &'static str) -> Result<bool, Error> {
    // The alarm first: whoever takes it up locks it first too.
    set_alarm(conn, claim, alarm).await?;
    for state in [State::Uploading, State::Applying, State::Undoing] {
        if hold(conn, claim, state).await?.is_some() {
            advance(conn, claim, Counts::default(), None, None).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// A job of this kind.
pub(super) async fn find(
    conn: &mut PgConnection,
    company_id: Uuid,
    kind: &str,
    id: Uuid,
) -> Result<Option<Job>, Error> {
    let row = sqlx::query("select * from imports where company_id = $1 and kind = $2 and id = $3")
        .bind(company_id)
        .bind(kind)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(Job::from_row).transpose()?)
}

/// Jobs of this kind, newest first, older than `before`.
pub(super) async fn list(
    conn: &mut PgConnection,
    company_id: Uuid,
    kind: &str,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Job>, Error> {
    let rows = sqlx::query(
        "select *
         from imports
         where company_id = $1
           and kind = $2
           and ($3::uuid is null or id < $3)
         order by id desc
         limit $4",
    )
    .bind(company_id)
    .bind(kind)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(Job::from_row).collect::<Result<_, _>>()?)
}

/// Asks a running job to stop.
pub(super) async fn ask_to_stop(conn: &mut PgConnection, company_id: Uuid, id: Uuid) -> Result<(), Error> {
    sqlx::query(
        "update imports
         set cancelling = true
         where company_id = $1
           and id = $2
           and state in ('uploading', 'applying')",
    )
    .bind(company_id)
    .bind(id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a job that never was one.
pub(super) async fn forget(conn: &mut PgConnection, claim: Claim) -> Result<(), Error> {
    // The alarm first: whoever takes it up locks it first too.
    timers::cancel(conn, claim.id).await?;
    sqlx::query("delete from imports where company_id = $1 and id = $2 and runner = $3")
        .bind(claim.company_id)
        .bind(claim.id)
        .bind(claim.runner)
        .execute(&mut *conn)
        .await?;
    Ok(())
}
