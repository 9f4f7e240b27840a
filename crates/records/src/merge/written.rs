//! What a merge wrote into a record: enough to take it back where nobody has changed it since.

use std::collections::BTreeMap;

use kontor_chassis::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::description::Description;
use crate::record::Record;
use crate::value::Value;

/// A value before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    before: Json,
    after: Json,
}

/// What was written, by the leaf's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Written(BTreeMap<String, Step>);

impl Written {
    /// What differs between the two, of what a request may set; the rest follows from it.
    pub(super) fn between<R: Record>(before: &R, after: &R) -> Self {
        let leaves = &R::description().leaves;
        let pairs = leaves.iter().zip(before.values().into_iter().zip(after.values()));
        let written = pairs
            .filter(|(leaf, (before, after))| leaf.public && !leaf.read_only && before != after)
            .map(|(leaf, (before, after))| {
                let step = Step {
                    before: before.to_json(),
                    after: after.to_json(),
                };
                (leaf.name.to_owned(), step)
            });
        Self(written.collect())
    }

    /// The record with what was written taken back, and the names of what was changed since and stays. Of lists and objects
    /// what came in goes, whatever else is in them by now.
    ///
    /// # Errors
    /// Internal when it was written of another kind of record.
    pub(super) fn undo<R: Record>(&self, record: &R) -> Result<(R, Vec<String>), Error> {
        let description = R::description();
        let mut values = record.values();
        let mut kept = Vec::new();
        for (name, step) in &self.0 {
            let unreadable = || Error::internal(format!("what a merge wrote into {name} can't be read"));
            let at = description.position(name).ok_or_else(unreadable)?;
            let read = |json: &Json| read(description, at, json).ok_or_else(unreadable);
            let (before, after) = (read(&step.before)?, read(&step.after)?);
            match (&mut values[at], &before, &after) {
                (Value::Texts(now), Value::Texts(before), Value::Texts(after)) => unjoin(now, before, after),
                (Value::Ids(now), Value::Ids(before), Value::Ids(after)) => unjoin(now, before, after),
                (Value::Json(now), Value::Json(before), Value::Json(after)) => {
                    unfill(now, before, after, |key| kept.push(format!("{name}.{key}")));
                }
                (now, _, after) if *now == *after => *now = before,
                _ => kept.push(name.clone()),
            }
        }
        let record =
            R::from_values(values).ok_or_else(|| Error::internal("a merge wrote values of another kind"))?;
        Ok((record, kept))
    }
}

fn read(description: &Description, at: usize, json: &Json) -> Option<Value> {
    Value::from_json(description.leaves[at].kind, json)
}

/// Takes out what came in, and brings back what went.
fn unjoin<T: Clone + PartialEq>(now: &mut Vec<T>, before: &[T], after: &[T]) {
    now.retain(|entry| before.contains(entry) || !after.contains(entry));
    for gone in before.iter().filter(|entry| !after.contains(entry)) {
        if !now.contains(gone) {
            now.push(gone.clone());
        }
    }
}

fn unfill(
    now: &mut Map<String, Json>,
    before: &Map<String, Json>,
    after: &Map<String, Json>,
    mut kept: impl FnMut(&str),
) {
    for key in before.keys().chain(after.keys()) {
        if before.get(key) == after.get(key) {
            continue;
        }
        if now.get(key) != after.get(key) {
            kept(key);
            continue;
        }
        match before.get(key) {
            Some(value) => now.insert(key.clone(), value.clone()),
            None => now.remove(key),
        };
    }
}
