//! One action on many records: what every kind can do, and what a service adds to it ([`Actor`]).
//!
//! The records are named by their ids, by what a list would find, or all. They are dealt with batch by batch, each in a
//! transaction of its own: locked in one statement, judged one by one, written, remembered and told in one statement. What
//! can't be changed is told with its reason and stops no other. Many more than an answer is sure to come in time for are a
//! job, which goes on when nobody waits for it any more.

mod action;
mod background;
mod batch;
mod chosen;
mod job;

use std::future::Future;

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_proto::records::v1::{BulkAction, BulkFailure, BulkParams, BulkResult};
use time::OffsetDateTime;
use uuid::Uuid;

use self::action::Action;
use self::batch::Work;
use crate::cell::Choice;
use crate::record::Record;
use crate::refs::{self, Lookup};
use crate::transfer::{Candidate, Importer};

pub use self::background::{JOBS, Jobs, goes_on, progress};

/// More records than this are a job.
const AT_ONCE: usize = 10_000;
/// Records of a batch.
const BATCH: usize = 1_000;
/// Failures that an answer names; the rest are counted.
const TOLD: usize = 10_000;

/// How far a service has come with a step of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The candidates are changed; what follows from that (references, scores) is still to be settled.
    Changed,
    /// The candidates are as they are to be kept.
    Settled,
    /// Everything is written.
    Written,
}

/// A service's part of actions on many records.
pub trait Actor: Importer {
    /// A step that only its records take.
    type Step: Send + Sync;
    /// Who knows the records that its records refer to.
    type Homes: Lookup;

    /// The words of its steps.
    const STEPS: &'static [&'static str];

    /// Who knows the records that its records refer to.
    fn homes(&self) -> &Self::Homes;

    /// Reads one of its steps and what it needs of `params`. What is wrong is told at `params.…`.
    fn read(&self, word: &str, params: &BulkParams, errors: &mut FieldErrors) -> Option<Self::Step>;

    /// The permission that a step needs, and the verb of its history.
    fn terms(step: &Self::Step) -> (&'static str, &'static str);

    /// What a step refers to: the parameter, the kind and the id.
    fn refers(step: &Self::Step) -> Option<(&'static str, &'static str, Uuid)> {
        let _ = step;
        None
    }

    /// Takes a step with a batch of locked records, whose candidates are as they are; a refusal goes to its candidate.
    ///
    /// # Errors
    /// When nothing can be said of the batch.
    fn take(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        step: &Self::Step,
        batch: &mut [Candidate<Self::Record>],
    ) -> impl Future<Output = Result<Taken, Error>> + Send;

    /// Takes a step that can't be taken in one transaction with these records, one by one; answers those refused. None when
    /// it is one that can.
    fn take_alone(
        &self,
        caller: &Caller,
        now: OffsetDateTime,
        step: &Self::Step,
        ids: &[Uuid],
    ) -> impl Future<Output = Option<Vec<(Uuid, Error)>>> + Send {
        let _ = (caller, now, step, ids);
        std::future::ready(None)
    }

    /// Puts deleted records in order before they come back, as others may have taken their place.
    ///
    /// # Errors
    /// When nothing can be said of the batch.
    fn restoring(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        batch: &mut [Candidate<Self::Record>],
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (tx, caller, now, batch);
        std::future::ready(Ok(()))
    }
}

/// Does an action to every record that it names. More than 10,000 are a [job](Jobs), whose answer comes when it has ended or
/// when `wait_seconds` are over.
///
/// # Errors
/// Forbidden without the right at all; Invalid names every bad field, also when no records are named; Refused for an
/// owner or a territory that isn't there; Unavailable and Internal as the database fails.
pub async fn run<A: Actor>(
    db: &Db,
    actor: &A,
    caller: &Caller,
    request: BulkAction,
    now: OffsetDateTime,
) -> Result<BulkResult, Error> {
    let kind = A::Record::description();
    let mut errors = FieldErrors::new();
    let action = Action::read(actor, &request, &mut errors);
    let (permission, _) = action.as_ref().map_or(("update", ""), Action::terms::<A>);
    caller.require(kind.permission(permission))?;
    let chosen = chosen::Chosen::of(&request, &mut errors);
    let patience = background::patience(&request, &mut errors);
    errors.into_result()?;
    let (Some(action), Some(chosen)) = (action, chosen) else {
        return Err(Error::internal("a bulk action without an error"));
    };
    let mut tx = db.begin(caller).await?;
    action.check::<A>(&mut tx, caller, actor.homes()).await?;
    let ids = chosen
        .ids::<A::Record>(&mut tx, caller, action.restores())
        .await?;
    if ids.len() > AT_ONCE {
        return background::run(db, actor, tx, caller, (request, ids, patience), now).await;
    }
    // A name that was looked up is remembered.
    tx.commit().await?;
    let mut failures = Vec::new();
    for ids in ids.chunks(BATCH) {
        let work = Work {
            db,
            actor,
            caller,
            action: &action,
            now,
        };
        failures.extend(work.batch(ids).await?);
    }
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    Ok(BulkResult {
        matched: count(ids.len()),
        succeeded: count(ids.len() - failures.len()),
        failed: count(failures.len()),
        failures: failures.into_iter().take(TOLD).map(failure).collect(),
        job: None,
    })
}

fn failure((id, error): (Uuid, Error)) -> BulkFailure {
    BulkFailure {
        id: id.to_string(),
        code: error.code().to_owned(),
        message: error.detail().to_owned(),
    }
}

/// The word of a choice that a step needs of `params`.
pub fn word<C: Choice>(field: &str, given: Option<&str>, errors: &mut FieldErrors) -> Option<C> {
    let path = format!("params.{field}");
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        errors.push(path, "required", "This is required.");
        return None;
    };
    let word = C::from_word(given);
    if word.is_none() {
        errors.push(
            path,
            "unknown_value",
            format!("Allowed are {}.", C::WORDS.join(", ")),
        );
    }
    word
}

/// A territory that a step may name: none lets the rules decide.
pub fn territory(params: &BulkParams, errors: &mut FieldErrors) -> Option<Option<Uuid>> {
    match refs::wanted("params.territory_id", params.territory_id.as_deref()) {
        Ok(wanted) => Some(wanted),
        Err(error) => {
            errors.extend(error.fields().to_vec());
            None
        }
    }
}

/// Notes why a record can't be changed.
pub fn refuse<R>(candidate: &mut Candidate<R>, error: &Error) {
    candidate
        .errors
        .push("", error.code().to_owned(), error.detail().to_owned());
}
