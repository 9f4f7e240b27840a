//! Whose value is kept, field by field. Pure.
//!
//! The winner's, unless another is wished for, or the winner has none: then that of the first source that has one. The
//! parts of an address, and an amount and its currency, go together. Words and lists are joined.

use std::collections::{BTreeMap, HashMap};

use kontor_chassis::{Error, FieldErrors};
use uuid::Uuid;

use crate::description::Description;
use crate::fields::CUSTOM;
use crate::leaf::{Kind, Leaf};
use crate::value::Value;

/// The values of a record that takes part.
pub(super) struct Part {
    pub(super) values: Vec<Value>,
}

/// What is wished for: field to the place of the record whose value is kept; the winner is the first.
#[derive(Debug, Default)]
pub(super) struct Wishes(BTreeMap<String, usize>);

impl Wishes {
    /// Of a request: field to the id of the record whose value is kept. Records that take no part go into `unknown`.
    ///
    /// # Errors
    /// Invalid names every field that can't be wished for.
    pub(super) fn of(
        fields: &HashMap<String, String>,
        description: &Description,
        parts: &[Uuid],
        unknown: &mut FieldErrors,
    ) -> Result<Self, Error> {
        let mut wishes = BTreeMap::new();
        let mut invalid = FieldErrors::new();
        let mut fields: Vec<(&String, &String)> = fields.iter().collect();
        fields.sort();
        for (field, id) in fields {
            let at = format!("fields.{field}");
            match (standing(field, description), crate::admit::id(id)) {
                (None, _) => invalid.push(at, "unknown_field", "There is no such field."),
                (Some(false), _) => invalid.push(at, "read_only", "Only the server sets this."),
                (Some(true), Err(fault)) => invalid.push(at, fault.code, fault.message),
                (Some(true), Ok(id)) => match parts.iter().position(|known| *known == id) {
                    Some(place) => {
                        wishes.insert(field.clone(), place);
                    }
                    None => unknown.push(at, "unknown_reference", "This record is not merged here."),
                },
            }
        }
        invalid.into_result()?;
        Ok(Self(wishes))
    }

    fn of_leaf(&self, leaf: &Leaf) -> Option<usize> {
        let named = [leaf.path, leaf.name, unit(leaf)];
        named.iter().find_map(|name| self.0.get(*name)).copied()
    }

    /// Keys of the company's own fields that are wished for.
    fn of_keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().filter_map(|(name, place)| {
            let key = name.strip_prefix(CUSTOM)?.strip_prefix('.')?;
            Some((key, *place))
        })
    }
}

/// Whether a field can be wished for; none when there is no such field.
fn standing(field: &str, description: &Description) -> Option<bool> {
    if field
        .strip_prefix(CUSTOM)
        .is_some_and(|rest| rest.starts_with('.'))
    {
        return Some(true);
    }
    let named =
        |leaf: &&Leaf| leaf.public && (leaf.path == field || leaf.name == field || unit(leaf) == field);
    let mut leaves = description.leaves.iter().filter(named).peekable();
    leaves.peek()?;
    Some(leaves.any(is_settable))
}

/// What goes together: all parts of an address, an amount and its currency.
fn unit(leaf: &Leaf) -> &'static str {
    leaf.path.split('.').next().unwrap_or(leaf.path)
}

fn is_settable(leaf: &Leaf) -> bool {
    leaf.public && !leaf.read_only && !leaf.generated
}

/// The winner's values after the merge. The winner is the first of the parts.
pub(super) fn choose(description: &Description, parts: &[Part], wishes: &Wishes) -> Vec<Value> {
    let Some((winner, sources)) = parts.split_first() else {
        return Vec::new();
    };
    let mut values = winner.values.clone();
    for (at, leaf) in description
        .leaves
        .iter()
        .enumerate()
        .filter(|(_, leaf)| is_settable(leaf))
    {
        if let Some(place) = wishes.of_leaf(leaf) {
            values[at] = parts[place].values[at].clone();
            continue;
        }
        match &mut values[at] {
            Value::Texts(words) => join(
                words,
                sources.iter().flat_map(|source| texts(&source.values[at])),
                leaf.max,
            ),
            Value::Ids(list) => join(
                list,
                sources.iter().flat_map(|source| ids(&source.values[at])),
                leaf.max,
            ),
            Value::Json(object) => {
                for source in sources {
                    if let Value::Json(other) = &source.values[at] {
                        for (key, value) in other {
                            object.entry(key.clone()).or_insert_with(|| value.clone());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    fill(description, parts, wishes, &mut values);
    if let Some(at) = description.position(CUSTOM) {
        for (key, place) in wishes.of_keys() {
            let chosen = match &parts[place].values[at] {
                Value::Json(object) => object.get(key).cloned(),
                _ => None,
            };
            if let Value::Json(object) = &mut values[at] {
                match chosen {
                    Some(value) => object.insert(key.to_owned(), value),
                    None => object.remove(key),
                };
            }
        }
    }
    values
}

/// Fills what the winner has none of.
fn fill(description: &Description, parts: &[Part], wishes: &Wishes, values: &mut [Value]) {
    let mut units: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, leaf) in description.leaves.iter().enumerate() {
        // A reference to its own kind could close a loop: it is only taken over when a person says so.
        let fills = is_settable(leaf)
            && leaf.nullable
            && leaf.kind != Kind::Object
            && leaf.refers != Some(description.one)
            && wishes.of_leaf(leaf).is_none();
        if fills {
            units.entry(unit(leaf)).or_default().push(at);
        }
    }
    for leaves in units.into_values() {
        let is_blank = |values: &[Value]| leaves.iter().all(|at| values[*at].is_blank());
        if !is_blank(values) {
            continue;
        }
        if let Some(source) = parts[1..].iter().find(|source| !is_blank(&source.values)) {
            for at in &leaves {
                values[*at] = source.values[*at].clone();
            }
        }
    }
}

fn texts(value: &Value) -> &[String] {
    match value {
        Value::Texts(words) => words,
        _ => &[],
    }
}

fn ids(value: &Value) -> &[Uuid] {
    match value {
        Value::Ids(ids) => ids,
        _ => &[],
    }
}

fn join<'v, T: Clone + PartialEq + 'v>(kept: &mut Vec<T>, more: impl Iterator<Item = &'v T>, most: usize) {
    for entry in more {
        if kept.len() < most && !kept.contains(entry) {
            kept.push(entry.clone());
        }
    }
}
