//! In which order, and what comes after a place in it.

use kontor_chassis::FieldErrors;

use super::condition::{Condition, joined};
use super::token::Cursor;
use crate::fields::Fields;
use crate::leaf::Leaf;
use crate::value::Value;

/// The query parameter, as errors name it.
const PARAMETER: &str = "order_by";
/// The most fields of an order.
const MOST: usize = 8;

/// Leaves, each ascending or descending; the last is always the id, so that no two records stand at the same place.
#[derive(Clone, Debug)]
pub struct Order {
    keys: Vec<Key>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    leaf: usize,
    descending: bool,
}

impl Order {
    /// Of a request: `-created_at,last_name`, or in the words of AIP-132 `created_at desc, last_name`. Blank is the usual
    /// order of the kind. What is wrong is told at `order_by`.
    pub fn of(text: &str, fields: &Fields, errors: &mut FieldErrors) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        let id = fields.key();
        let text = if text.trim().is_empty() {
            fields.description().usual_order
        } else {
            text
        };
        for part in text.split(',') {
            let (name, descending) = direction(part.trim());
            let known = fields.position(name).filter(|at| fields.leaf(*at).public);
            match known {
                None => errors.push(
                    PARAMETER,
                    "unknown_field",
                    format!("There is no field {name} to order by."),
                ),
                Some(at) if !fields.leaf(at).sortable => {
                    errors.push(PARAMETER, "unknown_field", format!("{name} can't be ordered by."));
                }
                Some(leaf) if !keys.iter().any(|key| key.leaf == leaf) => keys.push(Key { leaf, descending }),
                Some(_) => {}
            }
        }
        if keys.len() > MOST {
            errors.push(PARAMETER, "too_many", format!("At most {MOST} fields."));
        }
        if let Some(at) = keys.iter().position(|key| key.leaf == id) {
            keys.truncate(at + 1);
        } else {
            let descending = keys.last().is_some_and(|key| key.descending);
            keys.push(Key { leaf: id, descending });
        }
        Self { keys }
    }

    /// For after `order by`. Nulls are last either way.
    #[must_use]
    pub fn sql(&self, fields: &Fields) -> String {
        let keys = self.keys.iter().map(|key| {
            let leaf = fields.leaf(key.leaf);
            let direction = if key.descending { " desc" } else { "" };
            // Said only where it can matter: an index in plain order fits the plain words alone.
            let nulls = if leaf.nullable && key.descending {
                " nulls last"
            } else {
                ""
            };
            format!("{}{direction}{nulls}", leaf.column)
        });
        keys.collect::<Vec<_>>().join(", ")
    }

    /// Its names, to know it again by.
    pub(crate) fn words(&self, fields: &Fields) -> String {
        let word = |key: &Key| {
            format!(
                "{}{}",
                if key.descending { "-" } else { "" },
                fields.leaf(key.leaf).name
            )
        };
        self.keys.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// The place of a record with these values.
    #[must_use]
    pub fn cursor(&self, values: &[Value], fields: &Fields, typos: bool) -> Cursor {
        let place = self.keys.iter().map(|key| fields.value(values, key.leaf));
        Cursor {
            place: place.collect(),
            typos,
        }
    }

    /// The leaves in order, for reading a place back.
    #[must_use]
    pub fn leaves<'f>(&self, fields: &'f Fields) -> Vec<&'f Leaf> {
        self.keys.iter().map(|key| fields.leaf(key.leaf)).collect()
    }

    /// Adds that a record comes after this place.
    pub(crate) fn after(&self, place: &[Value], fields: &Fields, condition: &mut Condition) {
        let keys: Vec<(&Leaf, bool, &Value)> = self
            .keys
            .iter()
            .zip(place)
            .map(|(key, value)| (fields.leaf(key.leaf), key.descending, value))
            .collect();
        let bound: Vec<String> = keys
            .iter()
            .map(|(leaf, _, value)| condition.bind(leaf.kind, (*value).clone()).to_string())
            .collect();
        let first_descends = keys.first().is_some_and(|(_, descending, _)| *descending);
        let plain = keys
            .iter()
            .all(|(leaf, descending, _)| !leaf.nullable && *descending == first_descends);
        if plain {
            // A comparison of rows is one range of an index.
            let columns: Vec<&str> = keys.iter().map(|(leaf, ..)| leaf.column).collect();
            let sign = if first_descends { "<" } else { ">" };
            condition.and(&format!("({}) {sign} ({})", columns.join(", "), bound.join(", ")));
            return;
        }
        let mut ways = Vec::new();
        let mut equal = Vec::new();
        for ((leaf, descending, value), place) in keys.into_iter().zip(bound) {
            let column = leaf.column;
            let sign = if descending { "<" } else { ">" };
            let null = *value == Value::Null;
            // Nothing comes after a null but other nulls.
            if !null {
                let further = format!("{column} {sign} {place}");
                let further = if leaf.nullable {
                    format!("({further} or {column} is null)")
                } else {
                    further
                };
                ways.push(joined(&[equal.clone(), vec![further]].concat(), "and"));
            }
            equal.push(if null {
                format!("{column} is null")
            } else {
                format!("{column} = {place}")
            });
        }
        condition.and(&joined(&ways, "or"));
    }
}

/// `-score` and `score desc` are descending, `score` and `score asc` ascending.
fn direction(part: &str) -> (&str, bool) {
    if let Some(name) = part.strip_prefix('-') {
        return (name.trim(), true);
    }
    match part.split_once(char::is_whitespace) {
        Some((name, word)) if word.trim().eq_ignore_ascii_case("desc") => (name, true),
        Some((name, word)) if word.trim().eq_ignore_ascii_case("asc") => (name, false),
        _ => (part, false),
    }
}
