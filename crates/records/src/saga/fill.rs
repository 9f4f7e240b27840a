//! What a saga writes into a record that was there, and how that is taken back. Pure.
//!
//! Leaves of one field (an amount and its currency, the lines of an address) are written and taken back together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::leaf::{Kind, Leaf};
use crate::record::Record;
use crate::value::Value;

/// Which value wins where a saga writes into a record that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The record's own.
    Keep,
    /// The saga's; what it doesn't say stays.
    Overwrite,
    /// The record's own, unless it has none.
    Blanks,
}

/// What was written: by the leaf's name, its value before and after, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written(BTreeMap<String, (Option<String>, Option<String>)>);

/// The record with another's values of these fields written into it, as `fill` says. Lists are joined.
pub(super) fn filled<R: Record>(record: &R, source: &R, fields: &[&str], fill: Fill) -> Option<R> {
    let leaves = &R::description().leaves;
    let (mut values, source) = (record.values(), source.values());
    if fill == Fill::Keep {
        return R::from_values(values);
    }
    for field in fields {
        let group = group(leaves, field);
        let blank = |values: &[Value]| group.iter().all(|at| values[*at].is_blank());
        if blank(&source) {
            continue;
        }
        let takes = fill == Fill::Overwrite || blank(&values);
        for at in &group {
            match (&mut values[*at], &source[*at]) {
                (Value::Ids(own), Value::Ids(more)) => join(own, more),
                (Value::Texts(own), Value::Texts(more)) => join(own, more),
                (own, other) if takes => *own = other.clone(),
                _ => {}
            }
        }
    }
    R::from_values(values)
}

impl Written {
    /// What differs between the two in these fields.
    #[must_use]
    pub fn between<R: Record>(before: &R, after: &R, fields: &[&str]) -> Self {
        let leaves = &R::description().leaves;
        let (before, after) = (before.values(), after.values());
        let changed = fields
            .iter()
            .map(|field| group(leaves, field))
            .filter(|group| group.iter().any(|at| before[*at] != after[*at]));
        let leaf = |at: usize| {
            (
                leaves[at].name.to_owned(),
                (before[at].to_text(), after[at].to_text()),
            )
        };
        Self(changed.flatten().map(leaf).collect())
    }

    /// The record with what was written taken back, but for fields that somebody has changed since.
    pub(super) fn taken_back<R: Record>(&self, record: &R) -> Option<R> {
        let leaves = &R::description().leaves;
        let mut values = record.values();
        let mut done: Vec<&str> = Vec::new();
        for name in self.0.keys() {
            let Some(leaf) = R::description().find(name) else {
                continue;
            };
            let field = root(leaf);
            if done.contains(&field) {
                continue;
            }
            done.push(field);
            let group = group(leaves, field);
            let stored = |at: &usize| {
                let (before, after) = self.0.get(leaves[*at].name)?;
                Some((
                    *at,
                    read(&leaves[*at], before.clone())?,
                    read(&leaves[*at], after.clone())?,
                ))
            };
            // A value that can't be read any more, because its field was made narrower, stays.
            let Some(stored) = group.iter().map(stored).collect::<Option<Vec<_>>>() else {
                continue;
            };
            if stored.iter().all(|(at, _, after)| values[*at] == *after) {
                for (at, before, _) in stored {
                    values[at] = before;
                }
            }
        }
        R::from_values(values)
    }

    /// Each leaf that differs: its name, its value before, its value after.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&str>, Option<&str>)> {
        self.0
            .iter()
            .filter(|(_, (before, after))| before != after)
            .map(|(name, (before, after))| (name.as_str(), before.as_deref(), after.as_deref()))
    }
}

fn root(leaf: &Leaf) -> &'static str {
    leaf.path.split('.').next().unwrap_or(leaf.path)
}

/// Where the leaves of a field stand.
fn group(leaves: &[Leaf], field: &str) -> Vec<usize> {
    (0..leaves.len())
        .filter(|at| root(&leaves[*at]) == field)
        .collect()
}

fn join<T: Clone + PartialEq>(own: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !own.contains(one) {
            own.push(one.clone());
        }
    }
}

fn read(leaf: &Leaf, text: Option<String>) -> Option<Value> {
    match (leaf.kind, text) {
        (Kind::Ids, None) => Some(Value::Ids(Vec::new())),
        (Kind::Words, None) => Some(Value::Texts(Vec::new())),
        (_, None) => Some(Value::Null),
        (_, Some(text)) => leaf.admit(Value::Text(text)).ok(),
    }
}
