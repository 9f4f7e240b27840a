//! Who changes a record, when, by which verb, and what else is told with it.

use std::collections::BTreeSet;

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::records::v1::RecordChange;
use prost_types::Timestamp;
use serde_json::{Map, Value as Json};
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::leaf::Leaf;
use crate::record::Record;
use crate::value::{Value, json_text};

/// A change that is about to be written.
#[derive(Debug)]
pub struct Change<'c> {
    pub(crate) caller: &'c Caller,
    pub(crate) now: OffsetDateTime,
    pub(crate) action: &'c str,
    told: Vec<Outgoing>,
    conflict: fn(&str) -> Option<Error>,
}

impl<'c> Change<'c> {
    /// By this caller, at this time; `action` is the verb that history and event carry: `created`, `qualified`.
    #[must_use]
    pub fn new(caller: &'c Caller, now: OffsetDateTime, action: &'c str) -> Self {
        Self {
            caller,
            now,
            action,
            told: Vec::new(),
            conflict: |_| None,
        }
    }

    /// Tells this too, in the same statement.
    #[must_use]
    pub fn telling(mut self, message: Outgoing) -> Self {
        self.told.push(message);
        self
    }

    /// What it means when a named constraint of the table refuses: the error for the caller, or none for a fault of ours.
    #[must_use]
    pub fn on_conflict(mut self, meaning: fn(&str) -> Option<Error>) -> Self {
        self.conflict = meaning;
        self
    }

    /// What constraints mean, for when the change itself is spent.
    pub(crate) fn conflicts(&self) -> Conflicts {
        Conflicts(self.conflict)
    }

    /// What is told of this record as it will be.
    pub(crate) fn told_of<R: Record>(&self, record: &R, version: i64, notes: &Notes) -> RecordChange {
        let leaves = R::description().leaves.iter().zip(record.values());
        let told = leaves.filter(|(leaf, _)| leaf.told);
        RecordChange {
            id: record.id().to_string(),
            name: record.title(),
            deleted: record.deleted_at().is_some(),
            version,
            action: self.action.to_owned(),
            fields: notes.fields.iter().flatten().cloned().collect(),
            owner_id: record.owner_id().map(|id| id.to_string()),
            by: self.caller.user_id().map(|id| id.to_string()),
            at: Some(Timestamp {
                seconds: self.now.unix_timestamp(),
                nanos: i32::try_from(self.now.nanosecond()).unwrap_or_default(),
            }),
            told: told
                .map(|(leaf, value)| (leaf.name.to_owned(), value.to_text().unwrap_or_default()))
                .collect(),
        }
    }

    /// Adds the parameters of `note_and_tell` for this record as it will be.
    pub(crate) fn bind<R: Record>(
        self,
        tx: &mut TenantTx,
        record: &R,
        version: i64,
        notes: Notes,
        arguments: &mut PgArguments,
    ) -> Result<(), BoxDynError> {
        let change = self.told_of(record, version, &notes);
        let Self {
            caller,
            now,
            action,
            told,
            conflict: _,
        } = self;
        let event = R::changed(vec![change]);
        let event = Outgoing::new(record.company_id(), caller.user_id(), &event)
            .about(record.id())
            .asked_from(caller.origin());
        let mut messages = vec![event];
        messages.extend(told);
        let outbox::Columns {
            ids,
            kinds,
            payloads,
            headers,
        } = outbox::Columns::of(tx, &messages);

        arguments.add(now)?;
        arguments.add(caller.user_id())?;
        arguments.add(action)?;
        arguments.add(notes.ids)?;
        arguments.add(notes.fields)?;
        arguments.add(notes.before)?;
        arguments.add(notes.after)?;
        arguments.add(ids)?;
        arguments.add(kinds)?;
        arguments.add(payloads)?;
        arguments.add(headers)
    }
}

/// What the constraints of a table mean to a caller.
#[derive(Clone, Copy)]
pub(crate) struct Conflicts(fn(&str) -> Option<Error>);

impl Conflicts {
    /// A failure of the statement, seen by its constraint.
    pub(crate) fn explain(self, error: sqlx::Error) -> Error {
        let constraint = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::constraint);
        match constraint.and_then(self.0) {
            Some(meaning) => meaning.with_source(error),
            None => error.into(),
        }
    }

    /// The same for one record among many, whose refusal is told beside what became of the others.
    pub(crate) fn of_one(self, error: sqlx::Error) -> Error {
        let constraint = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::constraint);
        let meaning = constraint.and_then(self.0);
        meaning
            .unwrap_or_else(|| Error::refused("refused", "The record breaks a rule of its kind."))
            .with_source(error)
    }
}

/// Rows of the history, as columns.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(super) ids: Vec<Uuid>,
    pub(super) fields: Vec<Option<String>>,
    pub(super) before: Vec<Option<String>>,
    pub(super) after: Vec<Option<String>>,
}

impl Notes {
    /// One row about the whole record.
    pub(crate) fn whole() -> Self {
        Self {
            ids: vec![Uuid::now_v7()],
            fields: vec![None],
            before: vec![None],
            after: vec![None],
        }
    }

    fn push(&mut self, field: String, before: Option<String>, after: Option<String>) {
        self.ids.push(Uuid::now_v7());
        self.fields.push(Some(field));
        self.before.push(before);
        self.after.push(after);
    }

    /// A row for each key of an object that differs.
    fn keys(&mut self, leaf: &Leaf, before: &Map<String, Json>, after: &Map<String, Json>) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
            let text = |object: &Map<String, Json>| object.get(key).and_then(json_text);
            self.push(format!("{}.{key}", leaf.name), text(before), text(after));
        }
    }

    /// A row for each public leaf that differs, or one about the whole when none of those does.
    pub(crate) fn of(leaves: &[Leaf], before: &[Value], after: &[Value]) -> Self {
        let mut notes = Self::default();
        for ((leaf, before), after) in leaves.iter().zip(before).zip(after) {
            match (before, after) {
                _ if !leaf.public || before == after => {}
                (Value::Json(before), Value::Json(after)) => notes.keys(leaf, before, after),
                _ => notes.push(leaf.name.to_owned(), before.to_text(), after.to_text()),
            }
        }
        if notes.ids.is_empty() {
            Self::whole()
        } else {
            notes
        }
    }
}
