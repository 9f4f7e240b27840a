//! The life of one import in this process: its upload, its heartbeat, its end; and taking up one that another process left.

use std::sync::Arc;
use std::time::Duration;

use kontor_chassis::caller::Permissions;
use kontor_chassis::error::{Error, Kind};
use kontor_chassis::{Caller, Db, Origin, TenantTx};
use kontor_events::timers::{self, Timer};
use kontor_proto::records::v1::ImportOptions;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use uuid::Uuid;

use super::apply::Apply;
use super::importer::Importer;
use super::job::{self, Claim, Counts, State};
use super::plan::Plan;
use super::staging::{self, Staging};
use super::upload::{self, Parts, Upload, Uploaded};
use crate::fields::{self, Fields};
use crate::record::Record;

/// What imports of a kind are worked on with.
#[derive(Clone)]
pub(super) struct Workshop<I: Importer> {
    pub(super) db: Db,
    pub(super) importer: I,
    pub(super) staging: Arc<Staging>,
    pub(super) tasks: TaskTracker,
    /// Streams that would never end must end.
    pub(super) draining: CancellationToken,
    pub(super) shutdown: CancellationToken,
    /// The kind of timer by which silent jobs are taken over.
    pub(super) alarm: &'static str,
}

/// An import as it begins.
pub(super) struct Order {
    pub(super) caller: Caller,
    pub(super) claim: Claim,
    pub(super) plan: Plan,
    pub(super) fields: Arc<Fields>,
    pub(super) options: ImportOptions,
    pub(super) parts: Parts,
}

impl<I: Importer> Workshop<I> {
    /// The fields that files may fill, as the caller's company has them.
    pub(super) async fn fields(&self, caller: &Caller) -> Result<Arc<Fields>, Error> {
        let mut tx = self.db.read(caller).await?;
        fields::of::<I::Record>(&mut tx, caller.company_id()).await
    }

    /// Works on a new import until it ends; tells in between that all bytes are there, or why they aren't taken.
    pub(super) async fn import(self, order: Order, uploaded: oneshot::Sender<Result<(), Error>>) {
        let Order {
            caller,
            claim,
            plan,
            options,
            mut parts,
            fields,
        } = order;
        let _heart = self.heart(&caller, claim);
        let upload = Upload {
            db: &self.db,
            importer: &self.importer,
            caller: &caller,
            claim,
            plan,
            fields,
            options,
            staging: Arc::clone(&self.staging),
        };
        let end = upload.run(&mut parts).await;
        // The rest of the request, if any, is of no use any more.
        drop(parts);
        let told = match end {
            Ok(Uploaded::Staged) => {
                // Nobody waits any more when the client has gone away; the import goes on.
                let _ = uploaded.send(Ok(()));
                return self.finish(&caller, claim, State::Applying).await;
            }
            Ok(Uploaded::Ended) => Ok(()),
            Err(error) => self.give_up(&caller, claim, error).await,
        };
        self.clear(&caller, claim).await;
        let _ = uploaded.send(told);
    }

    /// An upload that can't go on: forgotten when the file or the options were wrong, else ended.
    async fn give_up(&self, caller: &Caller, claim: Claim, error: Error) -> Result<(), Error> {
        let ended = match error.code() {
            upload::TAKEN_OVER => return Ok(()),
            upload::CANCELLED => self.end(caller, claim, State::Cancelled, None).await,
            _ if error.kind() == Kind::Invalid => {
                self.forget(caller, claim).await?;
                return Err(error);
            }
            _ => {
                self.end(caller, claim, State::Failed, Some("The import could not go on."))
                    .await
            }
        };
        if error.code() == upload::CANCELLED {
            return ended;
        }
        // If the end can't be noted, the alarm does it once the database is back.
        Err(error)
    }

    async fn forget(&self, caller: &Caller, claim: Claim) -> Result<(), Error> {
        let mut tx = self.db.begin(caller).await?;
        staging::clear(&mut tx, claim.id).await?;
        job::forget(&mut tx, claim).await?;
        tx.commit().await
    }

    async fn end(&self, caller: &Caller, claim: Claim, state: State, why: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin(caller).await?;
        if job::hold(&mut tx, claim, State::Uploading).await?.is_some() {
            job::advance(&mut tx, claim, Counts::default(), None, Some((state, why))).await?;
        }
        tx.commit().await
    }

    /// Works on a job in this state until it ends: puts its staged rows into the table, or takes them back.
    pub(super) async fn finish(&self, caller: &Caller, claim: Claim, state: State) {
        let done = if state == State::Undoing {
            self.take_back(caller, claim).await
        } else {
            self.apply(caller, claim).await
        };
        match done {
            Ok(()) => self.clear(caller, claim).await,
            Err(error) if error.code() == upload::TAKEN_OVER => {}
            // The heartbeat ends with this task, so the alarm goes off and the job goes on from its last batch.
            Err(error) => {
                tracing::warn!(import = %claim.id, %error, "an import was interrupted and will go on");
            }
        }
    }

    async fn apply(&self, caller: &Caller, claim: Claim) -> Result<(), Error> {
        let mut tx = self.db.begin(caller).await?;
        let job = job::hold(&mut tx, claim, State::Applying)
            .await?
            .ok_or_else(upload::taken_over)?;
        tx.commit().await?;
        let plan = job.plan()?;
        let kind = I::Record::description();
        let rights = [
            format!("{}:read:all", kind.many),
            format!("{}:create", kind.many),
            format!(
                "{}:update:{}",
                kind.many,
                if plan.own_only { "own" } else { "all" }
            ),
        ];
        let origin = Origin::known(plan.address.as_deref(), plan.device.as_deref());
        let caller = acting_for(plan.user_id, claim, rights).from(origin);
        let work = Apply {
            db: &self.db,
            importer: &self.importer,
            caller: &caller,
            claim,
            plan,
            staging: &self.staging,
        };
        work.run(&self.shutdown).await
    }

    /// Takes what is left of an ended job out of the way. If that fails, its alarm does it.
    async fn clear(&self, caller: &Caller, claim: Claim) {
        let cleared = async {
            let mut tx = self.db.begin(caller).await?;
            let kind = I::Record::description().many;
            let job = job::find(&mut tx, claim.company_id, kind, claim.id).await?;
            if job.is_none_or(|job| !job.state.is_running()) {
                timers::cancel(&mut tx, claim.id).await?;
                staging::clear(&mut tx, claim.id).await?;
            }
            tx.commit().await
        };
        if let Err(error) = cleared.await {
            tracing::warn!(import = %claim.id, %error, "the staged rows of an import will be cleared later");
        }
    }

    /// Tells every two seconds that the job is worked on, until it is dropped.
    pub(super) fn heart(&self, caller: &Caller, claim: Claim) -> AbortOnDropHandle<()> {
        let (db, caller, alarm) = (self.db.clone(), caller.clone(), self.alarm);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut beats = tokio::time::interval(job::HEARTBEAT);
            beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                beats.tick().await;
                match beat(&db, &caller, claim, alarm).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::debug!(import = %claim.id, %error, "a heartbeat was missed"),
                }
            }
        }))
    }
}

async fn beat(db: &Db, caller: &Caller, claim: Claim, alarm: &'static str) -> Result<bool, Error> {
    let mut tx = db.begin(caller).await?;
    let alive = job::beat(&mut tx, claim, alarm).await?;
    if alive {
        tx.commit().await?;
    }
    Ok(alive)
}

/// The person who asked, with the rights that it needs, also after the process that began it has died.
pub(super) fn acting_for<const N: usize>(user_id: Option<Uuid>, claim: Claim, rights: [String; N]) -> Caller {
    let Some(user_id) = user_id else {
        return Caller::system(claim.company_id);
    };
    Caller::person(
        user_id,
        claim.company_id,
        Uuid::nil(),
        "import",
        Permissions::parse(rights),
        None,
    )
}

impl<I: Importer> Workshop<I> {
    /// A job's heartbeat is late, or it ended and left something behind.
    pub(super) async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let claim = Claim {
            company_id: timer.company,
            id: timer.id,
            runner: Uuid::now_v7(),
        };
        let kind = I::Record::description().many;
        let Some(job) = job::find(tx, claim.company_id, kind, claim.id).await? else {
            return staging::clear(tx, claim.id).await;
        };
        if !job.state.is_running() {
            return staging::clear(tx, claim.id).await;
        }
        job::set_alarm(tx, claim, self.alarm).await?;
        let Some(job) = job::take_over(tx, claim).await? else {
            return Ok(());
        };
        if job.state == State::Uploading {
            let why = "The upload broke off.";
            job::advance(
                tx,
                claim,
                Counts::default(),
                None,
                Some((State::Failed, Some(why))),
            )
            .await?;
            return staging::clear(tx, claim.id).await;
        }
        tracing::info!(import = %claim.id, silent_since = %job.heartbeat_at, "an import goes on");
        let (workshop, caller) = (self.clone(), Caller::system(claim.company_id));
        // Its first statement waits for the row that this transaction holds.
        self.tasks.spawn(async move {
            let _heart = workshop.heart(&caller, claim);
            workshop.finish(&caller, claim, job.state).await;
        });
        Ok(())
    }
}

/// How long to wait at most for an end.
pub(super) fn patience(options: &ImportOptions) -> Duration {
    Duration::from_secs(u64::try_from(options.wait_seconds.unwrap_or(30)).unwrap_or_default())
}
