//! A request's values into a record: what the mask names, judged, with every fault told at once.

use kontor_chassis::FieldErrors;
use prost_types::FieldMask;

use crate::description::Description;
use crate::fields::{self, CUSTOM, Fields};
use crate::leaf::{Form, Kind, Leaf};
use crate::record::Record;
use crate::value::Value;

/// Which fields of a request count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All: the record is new.
    Everything,
    /// Those that are set: a change without a mask (AIP-134).
    Populated,
    /// These and what lies below them.
    Paths(Vec<String>),
}

impl Mask {
    /// The mask of a request; a path that names no field, or one that only the suite sets, is an error.
    pub(crate) fn of(mask: Option<&FieldMask>, description: &Description, errors: &mut FieldErrors) -> Self {
        let Some(mask) = mask else { return Self::Populated };
        for path in &mask.paths {
            match standing(path, description) {
                Standing::Settable => {}
                Standing::ReadOnly => errors.push(path.clone(), "read_only", "Only the server sets this."),
                Standing::Unknown => errors.push(path.clone(), "unknown_field", "There is no such field."),
            }
        }
        Self::Paths(mask.paths.clone())
    }

    fn covers(&self, leaf: &Leaf, raw: &Value) -> bool {
        match self {
            Self::Everything => true,
            Self::Populated => {
                !raw.is_blank() && *raw != Value::Text(String::new()) && *raw != Value::Bool(false)
            }
            Self::Paths(paths) => paths.iter().any(|path| lies_below(leaf.path, path)),
        }
    }
}

enum Standing {
    Settable,
    ReadOnly,
    Unknown,
}

fn standing(path: &str, description: &Description) -> Standing {
    if path
        .strip_prefix(CUSTOM)
        .is_some_and(|rest| rest.starts_with('.'))
    {
        return Standing::Settable;
    }
    let mut below = description
        .leaves
        .iter()
        .filter(|leaf| lies_below(leaf.path, path))
        .peekable();
    if below.peek().is_some() {
        return if below.all(|leaf| leaf.read_only) {
            Standing::ReadOnly
        } else {
            Standing::Settable
        };
    }
    let parent = path.split('.').next().unwrap_or(path);
    let shown = description.computed.contains(&path)
        || description
            .expansions
            .iter()
            .any(|expansion| expansion.name == parent);
    if shown || path == "etag" {
        Standing::ReadOnly
    } else {
        Standing::Unknown
    }
}

/// Whether `leaf` is `path` or a part of it.
fn lies_below(leaf: &str, path: &str) -> bool {
    leaf.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The record with what the mask names taken from `raw`. What is bad stays as it was and is told in `errors`.
pub(crate) fn take<R: Record>(
    record: R,
    raw: Vec<Value>,
    mask: &Mask,
    fields: &Fields,
    errors: &mut FieldErrors,
) -> R {
    let description = R::description();
    let mut values = record.values();
    let mut bad = vec![false; values.len()];
    for (at, (leaf, raw)) in description.leaves.iter().zip(raw).enumerate() {
        if leaf.read_only {
            continue;
        }
        if leaf.kind == Kind::Object {
            custom_fields(fields, &raw, mask, &mut values[at], errors);
            continue;
        }
        if !mask.covers(leaf, &raw) {
            continue;
        }
        match leaf.admit(raw) {
            Ok(value) => bad[at] = !place(leaf, value, mask, &mut values[at], errors),
            Err(fault) => {
                errors.push(fault.path(leaf), fault.code, fault.message);
                bad[at] = true;
            }
        }
    }
    whole_amounts(&description.leaves, &values, &bad, errors);
    // Admitted values have their leaf's kind; were one not, the record stays as it was and the fault is told.
    R::from_values(values).unwrap_or_else(|| {
        errors.push(description.one, "invalid_value", "A value has the wrong type.");
        record
    })
}

/// Puts an admitted value into its place; false when it can't be missing and is.
fn place(leaf: &Leaf, value: Value, mask: &Mask, slot: &mut Value, errors: &mut FieldErrors) -> bool {
    if leaf.required && value.is_blank() {
        errors.push(leaf.path, "required", "This is required.");
        return false;
    }
    if value == Value::Null && *mask == Mask::Everything {
        // What a new record is not given stays as it was drafted: its owner is its maker.
        return true;
    }
    match (leaf.kind, value) {
        (Kind::Words, Value::Null) => *slot = Value::Texts(Vec::new()),
        (Kind::Ids, Value::Null) => *slot = Value::Ids(Vec::new()),
        (_, Value::Null) if !leaf.nullable => {
            errors.push(leaf.path, "required", "This can't be cleared.");
            return false;
        }
        (_, value) => *slot = value,
    }
    true
}

/// An amount needs its currency and a currency its amount.
fn whole_amounts(leaves: &[Leaf], values: &[Value], bad: &[bool], errors: &mut FieldErrors) {
    for at in 1..leaves.len() {
        let is_pair = leaves[at].kind == Kind::Text(Form::Currency) && leaves[at - 1].kind == Kind::Amount;
        if !is_pair || bad[at] || bad[at - 1] {
            continue;
        }
        match (&values[at - 1], &values[at]) {
            (Value::Null, Value::Null) => {}
            (Value::Null, _) => errors.push(leaves[at - 1].path, "required", "An amount is required."),
            (_, Value::Null) => errors.push(leaves[at].path, "required", "A currency is required."),
            _ => {}
        }
    }
}

/// The company's own fields, key by key; of a new record also those that it must have.
fn custom_fields(fields: &Fields, raw: &Value, mask: &Mask, slot: &mut Value, errors: &mut FieldErrors) {
    let (Value::Json(given), Value::Json(kept)) = (raw, slot) else {
        return;
    };
    match mask {
        Mask::Everything | Mask::Populated => {
            fields::merge(fields, given, given.keys().map(String::as_str), kept, errors);
        }
        Mask::Paths(paths) => {
            let below = format!("{CUSTOM}.");
            let mut keys: Vec<&str> = Vec::new();
            for path in paths {
                match path.strip_prefix(below.as_str()) {
                    // A part of a value (`price.amount`) is laid over what is there.
                    Some(rest) => keys.push(rest.split('.').next().unwrap_or(rest)),
                    None if path == CUSTOM && given.is_empty() => keys.extend(kept_keys(fields)),
                    None if path == CUSTOM => keys.extend(given.keys().map(String::as_str)),
                    None => {}
                }
            }
            keys.dedup();
            fields::merge(fields, given, keys.into_iter(), kept, errors);
        }
    }
    if *mask == Mask::Everything {
        let told: Vec<String> = given.keys().cloned().collect();
        for own in fields.own().iter().filter(|own| own.required) {
            if !kept.contains_key(&own.key) && !told.contains(&own.key) {
                errors.push(own.path(), "required", "This is required.");
            }
        }
    }
}

/// All keys: the whole object is cleared.
fn kept_keys(fields: &Fields) -> impl Iterator<Item = &str> {
    fields.own().iter().map(|own| own.key.as_str())
}
