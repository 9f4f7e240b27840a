//! How a field's Rust type and its type in the contract become one another.
//!
//! What comes in is *raw*: text forms where the contract has text (ids, amounts, days, words), to be judged by the
//! leaf's description in [`admit`](crate::admit). What goes out is right by construction.

use kontor_proto::records::v1 as contract;
use prost_types::{Struct, Timestamp};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::cell::{Cell, Choice, CustomFields};
use crate::field::{Field, Money};
use crate::json;
use crate::value::{Value, amount_text, date_text};

/// A field whose type in the contract is `P`.
pub trait Wire<P>: Field {
    /// For an answer.
    fn into_wire(self) -> P;
    /// Of a request: one raw value a leaf.
    fn raw(wire: P, raw: &mut Vec<Value>);
}

/// Types that are the same on both sides.
macro_rules! same {
    ($($type:ty),+) => {$(
        impl Wire<$type> for $type {
            fn into_wire(self) -> $type {
                self
            }
            fn raw(wire: $type, raw: &mut Vec<Value>) {
                raw.push(Cell::to_value(&wire));
            }
        }
    )+};
}

same!(
    String,
    Option<String>,
    bool,
    Option<bool>,
    i32,
    Option<i32>,
    i64,
    Option<i64>,
    Vec<String>
);

impl Wire<String> for Option<String> {
    fn into_wire(self) -> String {
        self.unwrap_or_default()
    }
    fn raw(wire: String, raw: &mut Vec<Value>) {
        raw.push(Value::Text(wire));
    }
}

impl Wire<Option<String>> for String {
    fn into_wire(self) -> Option<String> {
        Some(self)
    }
    fn raw(wire: Option<String>, raw: &mut Vec<Value>) {
        raw.push(text(wire));
    }
}

impl Wire<Option<i32>> for i32 {
    fn into_wire(self) -> Option<i32> {
        Some(self)
    }
    fn raw(wire: Option<i32>, raw: &mut Vec<Value>) {
        raw.push(wire.to_value());
    }
}

impl Wire<Option<i64>> for i64 {
    fn into_wire(self) -> Option<i64> {
        Some(self)
    }
    fn raw(wire: Option<i64>, raw: &mut Vec<Value>) {
        raw.push(wire.to_value());
    }
}

impl Wire<String> for Uuid {
    fn into_wire(self) -> String {
        self.to_string()
    }
    fn raw(wire: String, raw: &mut Vec<Value>) {
        raw.push(Value::Text(wire));
    }
}

impl Wire<Option<String>> for Uuid {
    fn into_wire(self) -> Option<String> {
        Some(self.to_string())
    }
    fn raw(wire: Option<String>, raw: &mut Vec<Value>) {
        raw.push(text(wire));
    }
}

impl Wire<String> for Option<Uuid> {
    fn into_wire(self) -> String {
        self.map_or_else(String::new, |id| id.to_string())
    }
    fn raw(wire: String, raw: &mut Vec<Value>) {
        raw.push(Value::Text(wire));
    }
}

impl Wire<Option<String>> for Option<Uuid> {
    fn into_wire(self) -> Option<String> {
        self.map(|id| id.to_string())
    }
    fn raw(wire: Option<String>, raw: &mut Vec<Value>) {
        raw.push(text(wire));
    }
}

impl Wire<Vec<String>> for Vec<Uuid> {
    fn into_wire(self) -> Vec<String> {
        self.into_iter().map(|id| id.to_string()).collect()
    }
    fn raw(wire: Vec<String>, raw: &mut Vec<Value>) {
        raw.push(Value::Texts(wire));
    }
}

impl Wire<Option<String>> for Option<Date> {
    fn into_wire(self) -> Option<String> {
        self.map(date_text)
    }
    fn raw(wire: Option<String>, raw: &mut Vec<Value>) {
        raw.push(text(wire));
    }
}

impl Wire<Option<Timestamp>> for Option<OffsetDateTime> {
    fn into_wire(self) -> Option<Timestamp> {
        self.map(timestamp)
    }
    fn raw(wire: Option<Timestamp>, raw: &mut Vec<Value>) {
        raw.push(instant(wire));
    }
}

impl Wire<Option<Timestamp>> for OffsetDateTime {
    fn into_wire(self) -> Option<Timestamp> {
        Some(timestamp(self))
    }
    fn raw(wire: Option<Timestamp>, raw: &mut Vec<Value>) {
        raw.push(instant(wire));
    }
}

impl<E: Choice> Wire<i32> for E {
    fn into_wire(self) -> i32 {
        self.number()
    }
    fn raw(wire: i32, raw: &mut Vec<Value>) {
        raw.push(word::<E>(Some(wire)));
    }
}

impl<E: Choice> Wire<Option<i32>> for E {
    fn into_wire(self) -> Option<i32> {
        Some(self.number())
    }
    fn raw(wire: Option<i32>, raw: &mut Vec<Value>) {
        raw.push(word::<E>(wire));
    }
}

impl<E: Choice> Wire<Option<i32>> for Option<E> {
    fn into_wire(self) -> Option<i32> {
        self.map(Choice::number)
    }
    fn raw(wire: Option<i32>, raw: &mut Vec<Value>) {
        raw.push(word::<E>(wire));
    }
}

impl Wire<Option<contract::Money>> for Option<Money> {
    fn into_wire(self) -> Option<contract::Money> {
        self.map(|Money { amount, currency }| contract::Money {
            amount: amount_text(amount),
            currency,
        })
    }
    fn raw(wire: Option<contract::Money>, raw: &mut Vec<Value>) {
        match wire {
            Some(contract::Money { amount, currency }) => {
                raw.extend([Value::Text(amount), Value::Text(currency)]);
            }
            None => raw.extend([Value::Null, Value::Null]),
        }
    }
}

impl Wire<Option<Struct>> for CustomFields {
    fn into_wire(self) -> Option<Struct> {
        Some(json::to_struct(self))
    }
    fn raw(wire: Option<Struct>, raw: &mut Vec<Value>) {
        raw.push(Value::Json(wire.map(json::of_struct).unwrap_or_default()));
    }
}

fn text(wire: Option<String>) -> Value {
    wire.map_or(Value::Null, Value::Text)
}

/// The word of a number; a number that names none is kept as text, for the refusal to show.
fn word<E: Choice>(wire: Option<i32>) -> Value {
    match wire {
        None | Some(0) => Value::Null,
        Some(number) => Value::Text(
            E::from_number(number).map_or_else(|| number.to_string(), |choice| choice.word().to_owned()),
        ),
    }
}

/// For a message.
pub(crate) fn timestamp(at: OffsetDateTime) -> Timestamp {
    // Nanoseconds within a second fit an i32.
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}

/// The instant of a timestamp; one that no calendar knows is kept as text, for the refusal to show.
fn instant(wire: Option<Timestamp>) -> Value {
    let Some(Timestamp { seconds, nanos }) = wire else {
        return Value::Null;
    };
    let nanoseconds = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .map_or_else(|_| Value::Text(seconds.to_string()), Value::Time)
}
