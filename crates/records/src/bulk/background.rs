//! An action on more records than one answer is sure to come in time for. Whoever asked works on it as long as they wait, and
//! the service's timers do the rest; both take batch after batch under the lock of the job, so that a process that dies loses
//! none and two that work on it at a time do none twice.

use std::time::{Duration, Instant};

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::idempotency::Interim;
use kontor_chassis::{Caller, Db, Scope, TenantTx};
use kontor_events::timers::{self, Due, Timer};
use kontor_proto::records::v1::{BulkAction, BulkJobState, BulkResult};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Actor;
use super::batch::Work;
use super::job::{self, Job};
use crate::record::Record;
use crate::write::parse_id;

/// The kind of the timers of jobs.
pub const JOBS: &str = "bulk_action";

/// How long one turn of a job works before other timers have theirs.
const TURN: Duration = Duration::from_secs(2);
/// So many seconds an answer waits for the end, unless the request says otherwise.
const USUAL_WAIT: i32 = 30;
/// The most that it may say: a batch that has begun must end in time too.
const LONGEST_WAIT: i32 = 40;

/// What every service answers, as far as it is the same for all kinds.
#[derive(prost::Message)]
struct Answer {
    #[prost(message, tag = "1")]
    result: Option<BulkResult>,
}

/// How long an answer waits for the end.
pub(super) fn patience(request: &BulkAction, errors: &mut FieldErrors) -> Duration {
    let seconds = request.wait_seconds.unwrap_or(USUAL_WAIT);
    if !(0..=LONGEST_WAIT).contains(&seconds) {
        let message = format!("Allowed is 0 to {LONGEST_WAIT}.");
        errors.push("wait_seconds", "out_of_range", message);
    }
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// Whether an answer tells of a job that goes on, which is `202` over HTTP.
#[must_use]
pub fn goes_on(result: &BulkResult) -> bool {
    let job = result.job.as_ref();
    job.is_some_and(|job| job.state() == BulkJobState::Running)
}

/// Does an action to these records as a job, begun in this transaction; answers what is done when `patience` is over.
pub(super) async fn run<A: Actor>(
    db: &Db,
    actor: &A,
    mut tx: TenantTx,
    caller: &Caller,
    (request, ids, patience): (BulkAction, Vec<Uuid>, Duration),
    now: OffsetDateTime,
) -> Result<BulkResult, Error> {
    let (company, kind) = (caller.company_id(), A::Record::description().many);
    let job = Job::new(caller, request, ids.len(), now);
    let id = job.id;
    job::begin(&mut tx, company, kind, &job, &ids).await?;
    drop(ids);
    // Should this process die, the timer goes on; should it not be through by then, it does too.
    timers::set(&mut tx, id, JOBS, now + patience, company, &()).await?;
    let running = Answer {
        result: Some(job.into_result(Vec::new())),
    };
    tx.commit_midway(Some(Interim::running(&running))).await?;
    let since = Instant::now();
    while since.elapsed() < patience && turn(db, actor, company, id, now).await? {}
    told::<A::Record>(db, caller, id).await
}

/// How far an action on many of an actor's records has come: one's own, or any for those who may change all records.
///
/// # Errors
/// NotFound; Forbidden for those who may change none.
pub async fn progress<A: Actor>(db: &Db, _: &A, caller: &Caller, id: &str) -> Result<BulkResult, Error> {
    caller.require(A::Record::description().permission("update"))?;
    told::<A::Record>(db, caller, parse_id(id)?).await
}

async fn told<R: Record>(db: &Db, caller: &Caller, id: Uuid) -> Result<BulkResult, Error> {
    let kind = R::description();
    let (company, scope) = (caller.company_id(), caller.allowed(kind.permission("update")));
    let mut tx = db.read(caller).await?;
    let job = job::find(&mut tx, company, kind.many, id).await?;
    let job = job
        .filter(|job| scope == Some(Scope::All) || job.created_by == caller.user_id())
        .ok_or_else(|| Error::not_found("job"))?;
    let failures = match job.failed {
        0 => Vec::new(),
        _ => job::failures(&mut tx, company, id).await?,
    };
    Ok(job.into_result(failures))
}

/// Works on the next batch of a job; false when none is left.
async fn turn<A: Actor>(
    db: &Db,
    actor: &A,
    company: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let kind = A::Record::description().many;
    let mut tx = db.read(&Caller::system(company)).await?;
    let job = job::find(&mut tx, company, kind, id).await?;
    let Some(job) = job.filter(|job| job.finished_at.is_none()) else {
        return Ok(false);
    };
    let ids = job::batch(&mut tx, company, &job).await?;
    drop(tx);
    let (action, caller) = (job.action(actor)?, job.asked_by(company));
    let work = Work {
        db,
        actor,
        caller: &caller,
        action: &action,
        now,
    };
    let alone = work.alone(&ids).await;
    let mut tx = db.begin(&caller).await?;
    if job::hold(&mut tx, company, id).await? != Some(job.next) {
        // Somebody else has done it meanwhile.
        return Ok(true);
    }
    let refused = match alone {
        Some(refused) => refused,
        None => work.together(&mut tx, &ids).await?,
    };
    let done = ids.len() - refused.len();
    job::advance(&mut tx, company, &job, done, &refused, OffsetDateTime::now_utc()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Goes on with jobs that nobody waits for any more, and with those whose process has died.
pub struct Jobs<A> {
    db: Db,
    actor: A,
}

impl<A: Actor> Jobs<A> {
    /// On this database, by the rules of this actor.
    #[must_use]
    pub fn new(db: Db, actor: A) -> Self {
        Self { db, actor }
    }
}

impl<A> std::fmt::Debug for Jobs<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

impl<A: Actor> Due for Jobs<A> {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let since = Instant::now();
        while since.elapsed() < TURN {
            let now = OffsetDateTime::now_utc();
            if !turn(&self.db, &self.actor, timer.company, timer.id, now).await? {
                return Ok(());
            }
        }
        let now = OffsetDateTime::now_utc();
        Ok(timers::set(tx, timer.id, JOBS, now, timer.company, &()).await?)
    }
}
