//! What is to be done.

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, TenantTx};
use kontor_proto::records::v1::{BulkAction, BulkParams};
use uuid::Uuid;

use super::{Actor, refuse};
use crate::implied::MEMBER;
use crate::record::Record;
use crate::refs::{self, Lookup};
use crate::transfer::Candidate;
use crate::value::Value;

/// What every kind of record can do.
const COMMON: [&str; 5] = ["assign_owner", "add_tags", "remove_tags", "delete", "restore"];

/// An action, with what it needs.
pub(super) enum Action<S> {
    /// Gives records to a member.
    AssignOwner(Uuid),
    /// Adds words to find records by.
    AddTags(Vec<String>),
    /// Takes such words away.
    RemoveTags(Vec<String>),
    /// Deletes softly.
    Delete,
    /// Brings deleted ones back.
    Restore,
    /// A step of the service's own.
    Own(S),
}

impl<S> Action<S> {
    /// Reads a request; what is wrong is told.
    pub(super) fn read<A: Actor<Step = S>>(
        actor: &A,
        request: &BulkAction,
        errors: &mut FieldErrors,
    ) -> Option<Self> {
        let none = BulkParams::default();
        let params = request.params.as_ref().unwrap_or(&none);
        match request.action.as_str() {
            "assign_owner" => id("owner_id", params.owner_id.as_deref(), errors).map(Self::AssignOwner),
            "add_tags" => tags::<A::Record>(params, errors).map(Self::AddTags),
            "remove_tags" => tags::<A::Record>(params, errors).map(Self::RemoveTags),
            "delete" => Some(Self::Delete),
            "restore" => Some(Self::Restore),
            word if A::STEPS.contains(&word) => actor.read(word, params, errors).map(Self::Own),
            "" => {
                errors.push("action", "required", "This is required.");
                None
            }
            _ => {
                let words: Vec<&str> = A::STEPS.iter().chain(&COMMON).copied().collect();
                let message = format!("Allowed are {}.", words.join(", "));
                errors.push("action", "unknown_value", message);
                None
            }
        }
    }

    /// The permission that it needs, and the verb of its history.
    pub(super) fn terms<A: Actor<Step = S>>(&self) -> (&'static str, &'static str) {
        match self {
            Self::AssignOwner(_) => ("update", "assigned"),
            Self::AddTags(_) | Self::RemoveTags(_) => ("update", "updated"),
            Self::Delete => ("delete", "deleted"),
            Self::Restore => ("delete", "restored"),
            Self::Own(step) => A::terms(step),
        }
    }

    /// Whether it is for deleted records.
    pub(super) fn restores(&self) -> bool {
        matches!(self, Self::Restore)
    }

    /// Checks what it refers to, once for all records.
    ///
    /// # Errors
    /// Refused, naming the parameter.
    pub(super) async fn check<A: Actor<Step = S>>(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        homes: &impl Lookup,
    ) -> Result<(), Error> {
        let refers = match self {
            Self::AssignOwner(owner) if Some(*owner) == caller.user_id() => None,
            Self::AssignOwner(owner) => Some(("params.owner_id", MEMBER, *owner)),
            Self::Own(step) => A::refers(step),
            Self::AddTags(_) | Self::RemoveTags(_) | Self::Delete | Self::Restore => None,
        };
        if let Some((field, kind, id)) = refers
            && !refs::is_there(tx, caller, kind, id, homes).await?
        {
            return Err(Error::unknown_reference(field));
        }
        Ok(())
    }

    /// Changes a candidate by what every kind of record has.
    pub(super) fn apply<R: Record>(&self, candidate: &mut Candidate<R>) {
        let kind = R::description();
        let mut values = candidate.record.values();
        let mut set = |name: &str, change: &dyn Fn(&Value) -> Value| {
            let Some(at) = kind.position(name) else {
                return Err(Error::internal(format!("{} have no {name}", kind.many)));
            };
            let leaf = &kind.leaves[at];
            let value = leaf
                .admit(change(&values[at]))
                .map_err(|fault| Error::invalid_field(fault.path(leaf), fault.code, fault.message))?;
            values[at] = value;
            Ok(())
        };
        let words = |value: &Value| match value {
            Value::Texts(words) => words.clone(),
            _ => Vec::new(),
        };
        let done = match self {
            Self::AssignOwner(owner) => set("owner_id", &|_| Value::Id(*owner)),
            Self::AddTags(added) => set("tags", &|old| {
                let mut words = words(old);
                for tag in added {
                    if !words.contains(tag) {
                        words.push(tag.clone());
                    }
                }
                Value::Texts(words)
            }),
            Self::RemoveTags(gone) => set("tags", &|old| {
                let mut words = words(old);
                words.retain(|word| !gone.contains(word));
                Value::Texts(words)
            }),
            Self::Delete | Self::Restore | Self::Own(_) => Ok(()),
        };
        let changed = done
            .and_then(|()| R::from_values(values).ok_or_else(|| Error::internal("a value of another kind")));
        match changed {
            Ok(record) => candidate.record = record,
            Err(error) => refuse(candidate, &error),
        }
    }
}

/// An id that an action needs.
fn id(field: &'static str, given: Option<&str>, errors: &mut FieldErrors) -> Option<Uuid> {
    match refs::required(field, given.unwrap_or_default()) {
        Ok(id) => Some(id),
        Err(error) => {
            for field in error.fields() {
                let path = format!("params.{}", field.field);
                errors.push(path, field.code.clone(), field.message.clone());
            }
            None
        }
    }
}

/// The tags of the request, as they are kept.
fn tags<R: Record>(params: &BulkParams, errors: &mut FieldErrors) -> Option<Vec<String>> {
    if params.tags.is_empty() {
        errors.push("params.tags", "required", "This is required.");
        return None;
    }
    let leaf = R::description().find("tags")?;
    match leaf.admit(Value::Texts(params.tags.clone())) {
        Ok(Value::Texts(tags)) => Some(tags),
        Ok(_) => None,
        Err(fault) => {
            errors.push(format!("params.{}", fault.path(leaf)), fault.code, fault.message);
            None
        }
    }
}
