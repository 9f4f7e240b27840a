//! Taking a merge back, as far as nobody has touched what it did.

use std::slice;

use kontor_chassis::{Caller, Error, TenantTx};
use time::OffsetDateTime;
use uuid::Uuid;

use super::merges::{Merger, Merges};
use super::settle::Settle;
use super::store::{self, Row};
use crate::keep::Intent;
use crate::record::Record;
use crate::refs;
use crate::value::Value;
use crate::write::{self, Change, Which};

/// What came back.
#[derive(Clone, Debug)]
pub struct Unmerged<R> {
    /// The record that stayed.
    pub record: R,
    /// Those that are back.
    pub restored: Vec<R>,
    /// What can't be brought back any more, in sentences.
    pub lost: Vec<String>,
}

impl<M: Merger> Merges<M> {
    /// Brings the sources of a merge back with what was theirs. Other services follow when they hear of it.
    ///
    /// # Errors
    /// NotFound for the record and for the merge; Forbidden; Conflict when it was taken back before.
    pub async fn unmerge(
        &self,
        caller: &Caller,
        id: &str,
        merge_id: &str,
        now: OffsetDateTime,
    ) -> Result<Unmerged<M::Record>, Error> {
        let kind = M::Record::description();
        let winner_id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        self.merger.hold(&mut tx, caller, Intent::Merge).await?;
        let winner: M::Record =
            write::get_for_update(&mut tx, caller, winner_id, "merge", Which::Present).await?;
        let merge_id = refs::required("merge_id", merge_id)?;
        let row = store::lock(&mut tx, caller.company_id(), kind.many, winner_id, merge_id)
            .await?
            .ok_or_else(|| Error::not_found("merge"))?;
        if row.unmerged_at.is_some() {
            return Err(Error::conflict(
                "already_unmerged",
                "This merge was taken back before.",
            ));
        }
        self.merger.may_merge(&winner)?;
        let mut lost = Vec::new();
        let (undone, kept) = row.written.undo(&winner)?;
        lost.extend(kept.into_iter().map(|field| {
            format!(
                "{field} of {} was changed since and stays as it is.",
                winner.title()
            )
        }));
        // Before the sources are back, so that what only one record may have is free for them; what refers to one of them
        // comes after that.
        let first = without_sources(&undone, &winner, &row.source_ids)?;
        let refers = first.values() != undone.values();
        let first = self
            .allowed(&mut tx, caller, &winner, first, &mut lost, now)
            .await?;
        let change = Change::new(caller, now, "unmerged");
        let mut record = write::update(&mut tx, &winner, first, change).await?;
        let restored = self.bring_back(&mut tx, caller, &row, &mut lost, now).await?;
        if refers {
            let last = with_sources(&record, &undone, &row.source_ids)?;
            let last = self
                .allowed(&mut tx, caller, &record, last, &mut lost, now)
                .await?;
            let change = Change::new(caller, now, "unmerged");
            record = write::update(&mut tx, &record, last, change).await?;
        }
        self.move_own_back(&mut tx, caller, &row, &mut lost, now).await?;
        store::end(&mut tx, caller.company_id(), row.id, caller.user_id(), now).await?;
        self.tell(&mut tx, caller, &row, &restored, true).await?;
        tx.commit().await?;
        Ok(Unmerged {
            record,
            restored,
            lost,
        })
    }

    async fn bring_back(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        row: &Row,
        lost: &mut Vec<String>,
        now: OffsetDateTime,
    ) -> Result<Vec<M::Record>, Error> {
        let mut sources = row.source_ids.clone();
        sources.sort_unstable();
        let mut restored = Vec::with_capacity(sources.len());
        for id in sources {
            let found = store::held::<M::Record>(tx, caller.company_id(), id).await?;
            let Some(source) = found else {
                lost.push(format!("{id} is not there any more."));
                continue;
            };
            let mut after = source.clone();
            after.set_deleted_at(None);
            M::Record::settle_merge(tx, slice::from_ref(&source), &mut after).await?;
            let change = Change::new(caller, now, "unmerged");
            restored.push(write::bring_back(tx, &source, after, change).await?);
        }
        Ok(restored)
    }

    /// Lets records of the same kind refer to the sources again, unless they refer to something else by now.
    async fn move_own_back(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        row: &Row,
        lost: &mut Vec<String>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let kind = M::Record::description();
        for (id, written) in store::take_moves(tx, caller.company_id(), row.id, kind.many).await? {
            let Some(before) = store::held::<M::Record>(tx, caller.company_id(), id).await? else {
                continue;
            };
            let (after, kept) = written.undo(&before)?;
            lost.extend(
                kept.into_iter()
                    .map(|field| format!("{} has another {field} by now and keeps it.", before.title())),
            );
            let after = if before.deleted_at().is_none() {
                self.allowed(tx, caller, &before, after, lost, now).await?
            } else {
                after
            };
            write::update(tx, &before, after, Change::new(caller, now, "moved")).await?;
        }
        Ok(())
    }

    /// A record with what was taken back of it, as the service keeps it. What its rules don't allow any more stays as it
    /// is, and is lost.
    async fn allowed(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: &M::Record,
        undone: M::Record,
        lost: &mut Vec<String>,
        now: OffsetDateTime,
    ) -> Result<M::Record, Error> {
        let part = [undone.clone()];
        let (record, errors) = self.judge(tx, caller, before, undone, &part, now).await?;
        if errors.is_empty() {
            return Ok(record);
        }
        let [undone] = part;
        let errors = errors.into_vec();
        let mut values = undone.values();
        let leaves = &M::Record::description().leaves;
        for ((leaf, value), kept) in leaves.iter().zip(&mut values).zip(before.values()) {
            let refused = errors.iter().find(|error| {
                let field = error.field.split('[').next().unwrap_or_default();
                field == leaf.path || field == leaf.name
            });
            if let Some(refused) = refused
                && *value != kept
            {
                *value = kept;
                lost.push(format!(
                    "{} of {} can't be what it was: {}",
                    leaf.path,
                    before.title(),
                    refused.message
                ));
            }
        }
        let undone = M::Record::from_values(values)
            .ok_or_else(|| Error::internal("a merge kept values of another kind"))?;
        let part = [undone.clone()];
        self.complete(tx, caller, before, undone, &part, now).await
    }
}

/// What is to be the winner again, but for references to the sources, which stay as they are.
fn without_sources<R: Record>(undone: &R, winner: &R, sources: &[Uuid]) -> Result<R, Error> {
    choose(undone, winner, |undone| !refers(undone, sources))
}

/// The winner with its references to the sources.
fn with_sources<R: Record>(winner: &R, undone: &R, sources: &[Uuid]) -> Result<R, Error> {
    choose(undone, winner, |undone| refers(undone, sources))
}

/// The values of `undone` that are wanted, and else those of `winner`.
fn choose<R: Record>(undone: &R, winner: &R, wanted: impl Fn(&Value) -> bool) -> Result<R, Error> {
    let pairs = undone.values().into_iter().zip(winner.values());
    let values = pairs.map(|(undone, winner)| if wanted(&undone) { undone } else { winner });
    R::from_values(values.collect()).ok_or_else(|| Error::internal("a merge kept values of another kind"))
}

fn refers(value: &Value, sources: &[Uuid]) -> bool {
    match value {
        Value::Id(id) => sources.contains(id),
        Value::Ids(ids) => ids.iter().any(|id| sources.contains(id)),
        _ => false,
    }
}
