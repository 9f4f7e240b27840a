//! One batch of an action on many records.

use std::collections::HashMap;

use kontor_chassis::error::Error;
use kontor_chassis::{Caller, Db, TenantTx};
use time::OffsetDateTime;
use uuid::Uuid;

use super::action::Action;
use super::{Actor, Taken, refuse};
use crate::merge;
use crate::record::Record;
use crate::transfer::Candidate;
use crate::write::{self, Change, Pair};

/// Records that could not be changed, and why.
pub(super) type Refused = Vec<(Uuid, Error)>;

/// An action on its way through the batches.
pub(super) struct Work<'w, A: Actor> {
    pub(super) db: &'w Db,
    pub(super) actor: &'w A,
    pub(super) caller: &'w Caller,
    pub(super) action: &'w Action<A::Step>,
    pub(super) now: OffsetDateTime,
}

impl<A: Actor> Work<'_, A> {
    /// A batch in a transaction of its own, or without any; answers the records that could not be changed.
    pub(super) async fn batch(&self, ids: &[Uuid]) -> Result<Refused, Error> {
        if let Some(refused) = self.alone(ids).await {
            return Ok(refused);
        }
        let mut tx = self.db.begin(self.caller).await?;
        let refused = self.together(&mut tx, ids).await?;
        tx.commit().await?;
        Ok(refused)
    }

    /// A batch of an action that can't be done in one transaction; none when it can.
    pub(super) async fn alone(&self, ids: &[Uuid]) -> Option<Refused> {
        match self.action {
            Action::Own(step) => self.actor.take_alone(self.caller, self.now, step, ids).await,
            Action::AssignOwner(_)
            | Action::AddTags(_)
            | Action::RemoveTags(_)
            | Action::Delete
            | Action::Restore => None,
        }
    }

    /// A batch in this transaction; answers the records that could not be changed, in the order of the ids.
    pub(super) async fn together(&self, tx: &mut TenantTx, ids: &[Uuid]) -> Result<Refused, Error> {
        let (mut batch, mut refused) = self.lock(tx, ids).await?;
        let taken = self.take(tx, &mut batch).await?;
        split(&mut batch, &mut refused);
        if taken == Taken::Changed && !batch.is_empty() {
            self.actor.complete(tx, self.caller, self.now, &mut batch).await?;
            split(&mut batch, &mut refused);
        }
        if taken != Taken::Written {
            let (_, verb) = self.action.terms::<A>();
            let change = Change::new(self.caller, self.now, verb);
            let pairs = batch.into_iter().filter_map(pair).collect();
            refused.extend(write::update_each(tx, pairs, &change).await?);
        }
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
