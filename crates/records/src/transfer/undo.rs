//! Taking an import back, batch by batch: what it made is deleted, what it changed gets its former values where it has not
//! changed since. What a batch did, what it tells and how far the job has come are one transaction, so that a job whose
//! process died goes on exactly where it was.

use kontor_chassis::error::Error;
use kontor_chassis::{Caller, Scope, TenantTx};
use time::OffsetDateTime;
use uuid::Uuid;

use super::changes::{self, Changed};
use super::importer::{Candidate, Importer};
use super::job::{self, Claim, Counts, State, Undone};
use super::upload::taken_over;
use super::work::{Workshop, acting_for};
use crate::record::Record;
use crate::write::{self, Change, Pair};

/// Records that are locked and written together.
const BATCH: usize = 1_000;
/// Changed records of a batch.
const CHANGED: i64 = 500;

impl<I: Importer> Workshop<I> {
    /// Makes an ended job one that is taken back; none when it is already, or was.
    ///
    /// # Errors
    /// NotFound, Conflict, Forbidden.
    pub(super) async fn begin_undo(&self, caller: &Caller, id: Uuid) -> Result<Option<Claim>, Error> {
        let kind = I::Record::description();
        let claim = Claim {
            company_id: caller.company_id(),
            id,
            runner: Uuid::now_v7(),
        };
        let mut tx = self.db.begin(caller).await?;
        // The alarm first: whoever takes it up locks it first too.
        job::set_alarm(&mut tx, claim, self.alarm).await?;
        job::lock(&mut tx, claim).await?;
        let job = job::find(&mut tx, claim.company_id, kind.many, id).await?;
        let job = job.ok_or_else(|| Error::not_found("import"))?;
        let own = caller.user_id().is_some() && caller.user_id() == job.created_by;
        for action in ["delete", "update"] {
            let permission = kind.permission(action);
            if !own && caller.require(permission)? != Scope::All {
                return Err(Error::forbidden(permission));
            }
        }
        match job.state {
            State::Undoing | State::Undone => return Ok(None),
            State::Uploading | State::Applying => {
                let detail = "The import is at work; cancel it first, or wait until it has ended.";
                return Err(Error::conflict("wrong_state", detail).with_member("state", "running"));
            }
            State::Failed => {
                let detail = "The import failed: it wrote nothing that could be taken back.";
                return Err(Error::conflict("wrong_state", detail).with_member("state", "failed"));
            }
            State::Succeeded | State::PartiallySucceeded | State::Cancelled if job.dry_run => {
                let detail = "A dry run wrote nothing that could be taken back.";
                return Err(Error::conflict("wrong_state", detail).with_member("state", job.state.word()));
            }
            State::Succeeded | State::PartiallySucceeded | State::Cancelled => {}
        }
        changes::begin_undo(&mut tx, claim, caller.user_id()).await?;
        tx.commit().await?;
        Ok(Some(claim))
    }

    /// Takes a job back from where it is until nothing is left, or until the process is to stop: then another goes on.
    ///
    /// # Errors
    /// The database is down, or somebody else works on the job.
    pub(super) async fn take_back(&self, caller: &Caller, claim: Claim) -> Result<(), Error> {
        while !self.shutdown.is_cancelled() {
            let mut tx = self.db.begin(caller).await?;
            let job = job::hold(&mut tx, claim, State::Undoing)
                .await?
                .ok_or_else(taken_over)?;
            let many = I::Record::description().many;
            let rights = ["read", "update", "delete"].map(|action| format!("{many}:{action}:all"));
            let person = acting_for(job.undone_by, claim, rights);
            let made = changes::next_made(&mut tx, claim).await?;
            let ended = if let Some((applied_to, ids)) = made {
                let undone = self.delete(&mut tx, &person, claim, &ids).await?;
                changes::forget_made(&mut tx, claim, applied_to).await?;
                changes::note_undone(&mut tx, claim, undone).await?;
                false
            } else {
                let changed = changes::next(&mut tx, claim, CHANGED).await?;
                let undone = self.restore(&mut tx, &person, claim, &changed).await?;
                changes::note_undone(&mut tx, claim, undone).await?;
                changed.is_empty()
            };
            if ended {
                let end = Some((State::Undone, None));
                job::advance(&mut tx, claim, Counts::default(), None, end).await?;
            }
            tx.commit().await?;
            if ended {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Deletes what a batch made. What is deleted already is as it should be.
    async fn delete(
        &self,
        tx: &mut TenantTx,
        person: &Caller,
        claim: Claim,
        ids: &[Uuid],
    ) -> Result<Undone, Error> {
        let mut undone = Undone::default();
        let mut kept = Vec::new();
        let now = OffsetDateTime::now_utc();
        let change = Change::new(person, now, "deleted");
        for ids in ids.chunks(BATCH) {
            let mut pairs = Vec::with_capacity(ids.len());
            for before in write::lock::<I::Record>(tx, claim.company_id, ids).await? {
                if before.deleted_at().is_some() {
                    continue;
                }
                match self.importer.may_delete(&before) {
                    Ok(()) => {
                        let mut after = before.clone();
                        after.set_deleted_at(Some(now));
                        pairs.push(Pair { before, after });
                    }
                    Err(error) => kept.push((before.id(), error)),
                }
            }
            undone.deleted += count(pairs.len());
            let refused = write::update_each(tx, pairs, &change).await?;
            undone.deleted -= count(refused.len());
            kept.extend(refused);
            changes::forget(tx, claim, ids).await?;
        }
        undone.kept = count(kept.len());
        changes::keep(tx, claim, &kept).await?;
        Ok(undone)
    }

    /// Gives changed records their former values.
    async fn restore(
        &self,
        tx: &mut TenantTx,
        person: &Caller,
        claim: Claim,
        changed: &[Changed],
    ) -> Result<Undone, Error> {
        let ids: Vec<Uuid> = changed.iter().map(|change| change.id).collect();
        self.importer.hold_many(tx, person).await?;
        let records = write::lock::<I::Record>(tx, claim.company_id, &ids).await?;
        let mut kept = Vec::new();
        let mut batch = Vec::with_capacity(records.len());
        // Both are in the order of their ids.
        let mut records = records.into_iter().peekable();
        for change in changed {
            let record = records.next_if(|record| record.id() == change.id);
            match undone::<I::Record>(change, record) {
                Ok(candidate) => batch.push(candidate),
                Err(error) => kept.push((change.id, error)),
            }
        }
        let now = OffsetDateTime::now_utc();
        if !batch.is_empty() {
            self.importer.complete(tx, person, now, &mut batch).await?;
        }
        let mut pairs = Vec::with_capacity(batch.len());
        for candidate in batch {
            let Candidate {
                record: after,
                before,
                owner_given: _,
                errors,
            } = candidate;
            match (errors.is_empty(), before) {
                (true, Some(before)) => pairs.push(Pair { before, after }),
                _ => kept.push((after.id(), errors.into_error(kontor_chassis::Kind::Refused))),
            }
        }
        let mut restored: Vec<Uuid> = pairs.iter().map(|pair| pair.before.id()).collect();
        let change = Change::new(person, now, "import_undone");
        let refused = write::update_each(tx, pairs, &change).await?;
        restored.retain(|id| refused.iter().all(|(other, _)| other != id));
        kept.extend(refused);
        changes::keep(tx, claim, &kept).await?;
        changes::forget(tx, claim, &restored).await?;
        Ok(Undone {
            deleted: 0,
            restored: count(restored.len()),
            kept: count(kept.len()),
        })
    }
}

/// The record as it was before the import.
fn undone<R: Record>(change: &Changed, record: Option<R>) -> Result<Candidate<R>, Error> {
    let gone = || Error::conflict("deleted", "The record was deleted since.");
    let record = record.ok_or_else(gone)?;
    if record.deleted_at().is_some() {
        return Err(gone());
    }
    if record.version() != change.version {
        let detail = "The record was changed since.";
        return Err(Error::conflict("changed_since", detail));
    }
    let before = change.undone(&record).ok_or_else(|| {
        let detail = "The record's former values don't fit its fields any more.";
        Error::conflict("changed_since", detail)
    })?;
    Ok(Candidate::of(record, before, true))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
