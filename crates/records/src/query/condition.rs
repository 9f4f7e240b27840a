//! A condition in SQL and the values of its parameters.

use std::fmt::Write as _;

use kontor_chassis::Error;
use sqlx::postgres::PgArguments;

use crate::leaf::Kind;
use crate::value::Value;

/// A condition that grows. Values only ever enter as parameters, numbered from `$1` in the order they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    text: String,
    values: Vec<(Kind, Value)>,
}

/// The place of a parameter: shown as `$3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Condition {
    /// Takes a value as the next parameter.
    pub(crate) fn bind(&mut self, kind: Kind, value: Value) -> Place {
        self.values.push((kind, value));
        Place(self.values.len())
    }

    /// Adds one that must hold too.
    pub(crate) fn and(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\n  and ");
        }
        self.text.push_str(text);
    }

    /// Its text, for after `where`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many parameters it has; the next one is `$` this plus one.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.values.len()
    }

    /// A text that only this condition on this table has: conditions hold the company they are of.
    pub(crate) fn fingerprint(&self, table: &str) -> String {
        let Self { text, values } = self;
        format!("{table}\n{text}\n{values:?}")
    }

    /// Its values, to be bound before any other.
    ///
    /// # Errors
    /// Internal when one can't be encoded.
    pub fn arguments(&self) -> Result<PgArguments, Error> {
        let mut arguments = PgArguments::default();
        for (kind, value) in &self.values {
            value
                .clone()
                .bind(*kind, &mut arguments)
                .map_err(Error::internal)?;
        }
        Ok(arguments)
    }
}

/// Parts in parentheses, joined by a word.
pub(crate) fn joined(parts: &[String], word: &str) -> String {
    match parts {
        [only] => only.clone(),
        _ => {
            let mut text = String::from("(");
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    let _ = write!(text, " {word} ");
                }
                text.push_str(part);
            }
            text.push(')');
            text
        }
    }
}
