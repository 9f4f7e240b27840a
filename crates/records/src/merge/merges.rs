//! Merging: may they, begin, load, rule, save, tell, commit.

use std::collections::HashMap;

use kontor_chassis::{Caller, Db, Error, FieldErrors, Kind, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::records::v1::{Merge, Merging, RecordChange};
use prost::{Message, Name};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::choose::{Part, Wishes, choose};
use super::follow::replaced;
use super::settle::Settle;
use super::store::{self, Row};
use super::wish::Wish;
use super::written::Written;
use crate::keep::{Intent, Keeper};
use crate::record::Record;
use crate::transfer::Candidate;
use crate::write::{self, Change, Which};

/// What a service says of the merging of its records, beside how one is completed before it is kept.
pub trait Merger: Keeper<Record: Settle> {
    /// The event by which other services learn of it.
    type Merged: Message + Name;

    /// That event.
    fn merged(merging: Merging) -> Self::Merged;

    /// Whether a record may take part, as its state stands: any, unless the service says otherwise.
    ///
    /// # Errors
    /// Why not.
    fn may_merge(&self, record: &Self::Record) -> Result<(), Error> {
        let _ = record;
        Ok(())
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Merged<R> {
    /// By it the merge can be taken back; none of a dry run.
    pub merge_id: Option<Uuid>,
    /// The record that stays.
    pub record: R,
}

/// The merges of a kind, as a service offers them. Cheap to clone.
#[derive(Clone)]
pub struct Merges<M> {
    pub(super) db: Db,
    pub(super) merger: M,
}

impl<M: Merger> Merges<M> {
    /// In the schema of this service, by its rules.
    #[must_use]
    pub fn new(db: Db, merger: M) -> Self {
        Self { db, merger }
    }

    /// Merges records into one.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Invalid names what can't be meant; Refused a record merged with itself, one that isn't
    /// there, or what the service's rules say of the result; Conflict when a record's state doesn't allow it.
    pub async fn merge(
        &self,
        caller: &Caller,
        wish: &Wish,
        now: OffsetDateTime,
    ) -> Result<Merged<M::Record>, Error> {
        let kind = M::Record::description();
        caller.require(kind.permission("merge"))?;
        let winner_id = write::parse_id(&wish.id)?;
        let mut tx = self.db.begin(caller).await?;
        // What isn't there for the caller isn't, whatever else is asked.
        write::get::<M::Record>(&mut tx, caller, winner_id).await?;
        let sources = wish.sources(winner_id)?;
        let ids: Vec<Uuid> = std::iter::once(winner_id)
            .chain(sources.iter().copied())
            .collect();
        let mut unknown = FieldErrors::new();
        let wishes = Wishes::of(&wish.fields, kind, &ids, &mut unknown)?;
        self.merger.hold(&mut tx, caller, Intent::Merge).await?;
        let mut records = self.load(&mut tx, caller, winner_id, &sources, unknown).await?;
        let before = records.remove(0);
        let sources = records;
        before.match_etag(&wish.etag)?;
        self.merger.may_merge(&before)?;
        for source in &sources {
            self.merger.may_merge(source)?;
        }
        let after = self
            .result(&mut tx, caller, &before, &sources, &wishes, now)
            .await?;
        let written = Written::between(&before, &after);
        let mut gone = Vec::with_capacity(sources.len());
        for source in &sources {
            // Before the winner is written: what only one record may have is free then.
            gone.push(write::delete(&mut tx, source, Change::new(caller, now, "merged")).await?);
        }
        let record = write::update(&mut tx, &before, after, Change::new(caller, now, "merged")).await?;
        let row = Row {
            id: Uuid::now_v7(),
            winner_id,
            source_ids: gone.iter().map(Record::id).collect(),
            written: Json(written),
            merged_by: caller.user_id(),
            merged_at: now,
            unmerged_at: None,
        };
        self.move_own(&mut tx, caller, &row, now).await?;
        store::insert(&mut tx, caller.company_id(), kind, &row).await?;
        self.tell(&mut tx, caller, &row, &gone, false).await?;
        if wish.dry_run {
            // Dropped: nothing of it ever was.
            let merge_id = None;
            return Ok(Merged { merge_id, record });
        }
        tx.commit().await?;
        let merge_id = Some(row.id);
        Ok(Merged { merge_id, record })
    }

    /// The winner as it will be.
    async fn result(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: &M::Record,
        sources: &[M::Record],
        wishes: &Wishes,
        now: OffsetDateTime,
    ) -> Result<M::Record, Error> {
        let kind = M::Record::description();
        let all: Vec<M::Record> = std::iter::once(before).chain(sources).cloned().collect();
        let parts: Vec<Part> = all
            .iter()
            .map(|record| Part {
                values: record.values(),
            })
            .collect();
        let after = M::Record::from_values(choose(kind, &parts, wishes))
            .ok_or_else(|| Error::internal("a merge chose values of another kind"))?;
        let gone: Vec<Uuid> = sources.iter().map(Record::id).collect();
        // What refers to a source within the winner can only mean the winner itself, which it can't.
        let after = replaced(&after, kind.one, &gone, None);
        self.complete(tx, caller, before, after, &all, now).await
    }

    /// The merges into a record that the caller may read, newest first.
    ///
    /// # Errors
    /// NotFound; as the database fails.
    pub async fn list(&self, caller: &Caller, id: &str) -> Result<Vec<Merge>, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let winner: M::Record = write::get(&mut tx, caller, id).await?;
        let rows = store::of_winner(
            &mut tx,
            caller.company_id(),
            M::Record::description().many,
            winner.id(),
        )
        .await?;
        Ok(rows.into_iter().map(Row::into_message).collect())
    }

    /// The winner, then the sources, all locked in the order of their ids.
    async fn load(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        winner: Uuid,
        sources: &[Uuid],
        mut unknown: FieldErrors,
    ) -> Result<Vec<M::Record>, Error> {
        let mut order: Vec<Uuid> = std::iter::once(winner).chain(sources.iter().copied()).collect();
        order.sort_unstable();
        let mut found: HashMap<Uuid, M::Record> = HashMap::new();
        let mut missing = None;
        for id in order {
            match write::get_for_update::<M::Record>(tx, caller, id, "merge", Which::Present).await {
                Ok(record) => {
                    found.insert(id, record);
                }
                Err(error) if error.kind() == Kind::NotFound && id == winner => missing = Some(error),
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(missing) = missing {
            return Err(missing);
        }
        let mut records: Vec<M::Record> = found.remove(&winner).into_iter().collect();
        for (at, id) in sources.iter().enumerate() {
            match found.remove(id) {
                Some(record) => records.push(record),
                None => unknown.push(
                    format!("source_ids[{at}]"),
                    "unknown_reference",
                    "There is no such record.",
                ),
            }
        }
        if unknown.is_empty() {
            Ok(records)
        } else {
            Err(unknown.into_error(Kind::Refused))
        }
    }

    /// The record as the service keeps it. `parts` are those whose values came together in it.
    pub(super) async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: &M::Record,
        after: M::Record,
        parts: &[M::Record],
        now: OffsetDateTime,
    ) -> Result<M::Record, Error> {
        let (record, errors) = self.judge(tx, caller, before, after, parts, now).await?;
        if errors.is_empty() {
            Ok(record)
        } else {
            Err(errors.into_error(Kind::Refused))
        }
    }

    /// The same, with what the service's rules say against it.
    pub(super) async fn judge(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: &M::Record,
        after: M::Record,
        parts: &[M::Record],
        now: OffsetDateTime,
    ) -> Result<(M::Record, FieldErrors), Error> {
        // A person decides whose record it is: no territory gives it to somebody else.
        let mut batch = [Candidate::of(before.clone(), after, true)];
        self.merger.complete(tx, caller, now, &mut batch).await?;
        let [
            Candidate {
                mut record, errors, ..
            },
        ] = batch;
        M::Record::settle_merge(tx, parts, &mut record).await?;
        Ok((record, errors))
    }

    /// Lets records of the same kind that refer to a source refer to the winner.
    async fn move_own(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        row: &Row,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let kind = M::Record::description();
        let (winner, sources) = (row.winner_id, row.source_ids.as_slice());
        let own = kind
            .leaves
            .iter()
            .filter(|leaf| leaf.refers == Some(kind.one) && !leaf.read_only);
        for leaf in own {
            let referring: Vec<M::Record> = store::referring(tx, caller.company_id(), leaf, sources).await?;
            for before in referring {
                if sources.contains(&before.id()) || before.id() == winner {
                    continue;
                }
                let after = replaced(&before, kind.one, sources, Some(winner));
                // Deleted ones are not judged: they are when they come back.
                let after = if before.deleted_at().is_none() {
                    let part = after.clone();
                    self.complete(tx, caller, &before, after, &[part], now).await?
                } else {
                    after
                };
                let written = Written::between(&before, &after);
                let record = before.id();
                write::update(tx, &before, after, Change::new(caller, now, "moved")).await?;
                store::note_move(tx, caller.company_id(), row.id, kind.many, record, &written).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn tell(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        row: &Row,
        sources: &[M::Record],
        undone: bool,
    ) -> Result<(), Error> {
        let source = |record: &M::Record| RecordChange {
            id: record.id().to_string(),
            name: record.title(),
            deleted: record.deleted_at().is_some(),
            version: record.version(),
            ..RecordChange::default()
        };
        let event = M::merged(Merging {
            merge_id: row.id.to_string(),
            winner_id: row.winner_id.to_string(),
            sources: sources.iter().map(source).collect(),
            undone,
            by: caller.user_id().map(|id| id.to_string()),
        });
        let message = Outgoing::new(caller.company_id(), caller.user_id(), &event).about(row.winner_id);
        Ok(outbox::put(tx, &[message]).await?)
    }
}
