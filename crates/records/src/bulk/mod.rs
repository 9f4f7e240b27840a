//! One action on many records: what every kind can do, and what a service adds to it ([`Actor`]).
//!
//! The records are named by their ids, by what a list would find, or all. They are dealt with batch by batch, each in a
//! transaction of its own: locked in one statement, judged one by one, written, remembered and told in one statement. What
//! can't be changed is told with its reason and stops no other.

mod action;
mod chosen;

use std::collections::HashMap;
use std::future::Future;

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_proto::records::v1::{BulkAction, BulkFailure, BulkParams, BulkResult};
use time::OffsetDateTime;
use uuid::Uuid;

use self::action::Action;
use crate::cell::Choice;
use crate::merge;
use crate::record::Record;
use crate::refs::{self, Lookup};
use crate::transfer::{Candidate, Importer};
use crate::write::{self, Change, Pair};

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

/// Does an action to every record that it names.
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
    errors.into_result()?;
    let (Some(action), Some(chosen)) = (action, chosen) else {
        return Err(Error::internal("a bulk action without an error"));
    };
    let mut tx = db.begin(caller).await?;
    action.check::<A>(&mut tx, caller, actor.homes()).await?;
    let ids = chosen
        .ids::<A::Record>(&mut tx, caller, action.restores())
        .await?;
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
    })
}

fn failure((id, error): (Uuid, Error)) -> BulkFailure {
    BulkFailure {
        id: id.to_string(),
        code: error.code().to_owned(),
        message: error.detail().to_owned(),
    }
}

/// An action on its way through the batches.
struct Work<'w, A: Actor> {
    db: &'w Db,
    actor: &'w A,
    caller: &'w Caller,
    action: &'w Action<A::Step>,
    now: OffsetDateTime,
}

impl<A: Actor> Work<'_, A> {
    /// One batch; answers the records that could not be changed, in the order of the ids.
    async fn batch(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, Error)>, Error> {
        if let Action::Own(step) = self.action
            && let Some(refused) = self.actor.take_alone(self.caller, self.now, step, ids).await
        {
            return Ok(refused);
        }
        let mut tx = self.db.begin(self.caller).await?;
        let (mut batch, mut refused) = self.lock(&mut tx, ids).await?;
        let taken = self.take(&mut tx, &mut batch).await?;
        split(&mut batch, &mut refused);
        if taken == Taken::Changed && !batch.is_empty() {
            self.actor
                .complete(&mut tx, self.caller, self.now, &mut batch)
                .await?;
            split(&mut batch, &mut refused);
        }
        if taken != Taken::Written {
            let (_, verb) = self.action.terms::<A>();
            let change = Change::new(self.caller, self.now, verb);
            let pairs = batch.into_iter().filter_map(pair).collect();
            refused.extend(write::update_each(&mut tx, pairs, &change).await?);
        }
        tx.commit().await?;
        Ok(ids
            .iter()
            .filter_map(|id| refused.remove(id).map(|error| (*id, error)))
            .collect())
    }

    /// The records that are there and may be changed, and why the others may not.
    async fn lock(
        &self,
        tx: &mut TenantTx,
        ids: &[Uuid],
    ) -> Result<(Vec<Candidate<A::Record>>, HashMap<Uuid, Error>), Error> {
        let kind = A::Record::description();
        let (action, _) = self.action.terms::<A>();
        let found = write::lock_for::<A::Record>(tx, self.caller, ids, action).await?;
        let mut refused: HashMap<Uuid, Error> =
            ids.iter().map(|id| (*id, Error::not_found(kind.one))).collect();
        let mut batch = Vec::with_capacity(found.len());
        for (record, reached) in found {
            if record.deleted_at().is_some() && !self.action.restores() {
                continue;
            }
            if reached {
                refused.remove(&record.id());
                batch.push(Candidate::of(record.clone(), record, true));
            } else {
                refused.insert(record.id(), Error::forbidden(kind.permission(action)));
            }
        }
        Ok((batch, refused))
    }

    /// Changes the candidates, or tells them why not.
    async fn take(&self, tx: &mut TenantTx, batch: &mut Vec<Candidate<A::Record>>) -> Result<Taken, Error> {
        let (actor, caller, now) = (self.actor, self.caller, self.now);
        match self.action {
            Action::AssignOwner(_) | Action::AddTags(_) | Action::RemoveTags(_) => {
                for candidate in batch {
                    self.action.apply(candidate);
                }
                Ok(Taken::Changed)
            }
            Action::Delete => {
                for candidate in batch {
                    match actor.may_delete(&candidate.record) {
                        Ok(()) => candidate.record.set_deleted_at(Some(now)),
                        Err(error) => refuse(candidate, &error),
                    }
                }
                Ok(Taken::Settled)
            }
            Action::Restore => {
                batch.retain(|candidate| candidate.record.deleted_at().is_some());
                let ids: Vec<Uuid> = batch.iter().map(|candidate| candidate.record.id()).collect();
                let merged = merge::merged_among::<A::Record>(tx, caller.company_id(), &ids).await?;
                for candidate in batch.iter_mut() {
                    match merged.get(&candidate.record.id()) {
                        Some(error) => refuse(candidate, error),
                        None => candidate.record.set_deleted_at(None),
                    }
                }
                batch.sort_by_key(|candidate| !candidate.errors.is_empty());
                let back = batch.partition_point(|candidate| candidate.errors.is_empty());
                if back > 0 {
                    actor.restoring(tx, caller, now, &mut batch[..back]).await?;
                }
                Ok(Taken::Settled)
            }
            Action::Own(step) => actor.take(tx, caller, now, step, batch).await,
        }
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

/// Takes out the candidates that were refused.
fn split<R: Record>(batch: &mut Vec<Candidate<R>>, refused: &mut HashMap<Uuid, Error>) {
    let (good, bad) = std::mem::take(batch)
        .into_iter()
        .partition(|candidate| candidate.errors.is_empty());
    *batch = good;
    let bad: Vec<Candidate<R>> = bad;
    for candidate in bad {
        let error = candidate.errors.into_error(kontor_chassis::Kind::Refused);
        refused.insert(candidate.record.id(), error);
    }
}

fn pair<R>(candidate: Candidate<R>) -> Option<Pair<R>> {
    let Candidate { record, before, .. } = candidate;
    before.map(|before| Pair {
        before,
        after: record,
    })
}
