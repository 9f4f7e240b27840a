//! The Rust types that one column can have.

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::leaf::{Form, Kind};
use crate::value::Value;

/// A company's own fields of a record, by key.
pub type CustomFields = Map<String, Json>;

/// The type of one column's value.
pub trait Cell: Clone + Sized {
    /// Its kind; a text takes its form from the field's description.
    const KIND: Kind;
    /// Whether it can be null.
    const NULLABLE: bool = false;

    /// Of a record that isn't filled in yet.
    fn blank() -> Self;
    /// Reads the column at this position, which has the type that belongs to its kind: that is seen to where a table is
    /// made, and not looked at again for each value of each row.
    ///
    /// # Errors
    /// When the value can't be decoded.
    fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error>;
    /// As a value.
    fn to_value(&self) -> Value;
    /// Back from a value; none when that has another kind.
    fn from_value(value: Value) -> Option<Self>;
}

/// A choice: an enum of the model, written as short lower-case words. Made by [`choice!`](crate::choice).
pub trait Choice: Copy + PartialEq + Sized + Send + Sync + 'static {
    /// Its words, in order.
    const WORDS: &'static [&'static str];
    /// What a new record has.
    const FIRST: Self;

    /// Its word.
    fn word(self) -> &'static str;
    /// The choice of a word.
    fn from_word(word: &str) -> Option<Self>;
    /// Its number in the contract.
    fn number(self) -> i32;
    /// The choice of a number; none for 0 and for unknown ones.
    fn from_number(number: i32) -> Option<Self>;
}

macro_rules! cell {
    ($type:ty, $kind:expr, $variant:ident, $blank:expr) => {
        impl Cell for $type {
            const KIND: Kind = $kind;

            fn blank() -> Self {
                $blank
            }
            fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
                row.try_get_unchecked(position)
            }
            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    };
}

macro_rules! nullable_cell {
    ($type:ty) => {
        impl Cell for Option<$type> {
            const KIND: Kind = <$type as Cell>::KIND;
            const NULLABLE: bool = true;

            fn blank() -> Self {
                None
            }
            fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
                row.try_get_unchecked(position)
            }
            fn to_value(&self) -> Value {
                self.as_ref().map_or(Value::Null, Cell::to_value)
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Null => Some(None),
                    other => <$type as Cell>::from_value(other).map(Some),
                }
            }
        }
    };
}

cell!(Uuid, Kind::Id, Id, Uuid::nil());
cell!(String, Kind::Text(Form::Line), Text, String::new());
cell!(bool, Kind::Bool, Bool, false);
cell!(i64, Kind::Int, Int, 0);
cell!(Decimal, Kind::Amount, Decimal, Decimal::ZERO);
cell!(OffsetDateTime, Kind::Time, Time, OffsetDateTime::UNIX_EPOCH);
cell!(Date, Kind::Date, Date, OffsetDateTime::UNIX_EPOCH.date());
cell!(Vec<String>, Kind::Words, Texts, Vec::new());
cell!(Vec<Uuid>, Kind::Ids, Ids, Vec::new());
nullable_cell!(Uuid);
nullable_cell!(String);
nullable_cell!(bool);
nullable_cell!(i64);
nullable_cell!(i32);
nullable_cell!(Decimal);
nullable_cell!(OffsetDateTime);
nullable_cell!(Date);

impl Cell for i32 {
    const KIND: Kind = Kind::Int;

    fn blank() -> Self {
        0
    }
    fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
        row.try_get_unchecked(position)
    }
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(number) => number.try_into().ok(),
            _ => None,
        }
    }
}

impl Cell for CustomFields {
    const KIND: Kind = Kind::Object;

    fn blank() -> Self {
        Self::new()
    }
    fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
        let sqlx::types::Json(fields) = row.try_get_unchecked(position)?;
        Ok(fields)
    }
    fn to_value(&self) -> Value {
        Value::Json(self.clone())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Json(object) => Some(object),
            _ => None,
        }
    }
}

impl<E: Choice> Cell for E {
    const KIND: Kind = Kind::Choice(E::WORDS);

    fn blank() -> Self {
        E::FIRST
    }
    fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
        known(row.try_get_unchecked(position)?, position)
    }
    fn to_value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(word) => E::from_word(&word),
            _ => None,
        }
    }
}

impl<E: Choice> Cell for Option<E> {
    const KIND: Kind = Kind::Choice(E::WORDS);
    const NULLABLE: bool = true;

    fn blank() -> Self {
        None
    }
    fn read(row: &PgRow, position: usize) -> Result<Self, sqlx::Error> {
        row.try_get_unchecked::<Option<&str>, _>(position)?
            .map(|word| known(word, position))
            .transpose()
    }
    fn to_value(&self) -> Value {
        self.map_or(Value::Null, |choice| choice.to_value())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => E::from_value(other).map(Some),
        }
    }
}

fn known<E: Choice>(word: &str, position: usize) -> Result<E, sqlx::Error> {
    E::from_word(word).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: position.to_string(),
        source: format!("{word:?} is none of {:?}", E::WORDS).into(),
    })
}
