//! Whether a value may stand in a leaf, and how it is kept: the one place where fields are judged, for requests and files.
//!
//! Text is kept as it is and, when it is blank, nothing. A text form of another kind (an id, an amount, a day, a word) is
//! read as that kind. What can't stand is a [`Fault`], which the caller puts at the leaf's path.

mod address;
mod codes;
mod list;
mod number;
mod text;

pub use address::domain_of;
pub use text::country;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};
use uuid::Uuid;

use crate::leaf::{Kind, Leaf};
use crate::value::Value;

/// Why a value can't stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A stable snake_case word.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
    /// Which entry of a list.
    pub entry: Option<usize>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            entry: None,
        }
    }

    /// The path of what is wrong: the leaf's, and the entry of a list.
    #[must_use]
    pub fn path(&self, leaf: &Leaf) -> String {
        self.entry
            .map_or_else(|| leaf.path.to_owned(), |entry| format!("{}[{entry}]", leaf.path))
    }
}

impl Leaf {
    /// The value as it is kept, or why it can't be. Does not ask whether it is required.
    ///
    /// # Errors
    /// The [`Fault`].
    pub fn admit(&self, raw: Value) -> Result<Value, Fault> {
        match (self.kind, raw) {
            (_, Value::Null) => Ok(Value::Null),
            (Kind::Text(form), Value::Text(given)) => text::admit(self, form, &given),
            (Kind::Choice(words), Value::Text(given)) => word(words, &given),
            (Kind::Id, Value::Text(given)) => of_text(&given, |text| id(text).map(Value::Id)),
            (Kind::Bool, Value::Text(given)) => of_text(&given, flag),
            (Kind::Int, Value::Text(given)) => of_text(&given, |text| number::whole(self, text)),
            (Kind::Int, Value::Int(given)) => number::within(self, given).map(Value::Int),
            (Kind::Amount, Value::Text(given)) => of_text(&given, |text| number::amount(self, text)),
            (Kind::Time, Value::Text(given)) => of_text(&given, |text| instant(text).map(Value::Time)),
            (Kind::Time, Value::Time(given)) => storable(given).map(Value::Time),
            (Kind::Date, Value::Text(given)) => of_text(&given, |text| day(text).map(Value::Date)),
            (Kind::Words, Value::Text(given)) => {
                list::words(self, given.split(';').map(str::to_owned).collect())
            }
            (Kind::Words, Value::Texts(given)) => list::words(self, given),
            (Kind::Ids, Value::Text(given)) => list::ids(self, given.split(';').map(str::to_owned).collect()),
            (Kind::Ids, Value::Texts(given)) => list::ids(self, given),
            (Kind::Bool, value @ Value::Bool(_))
            | (Kind::Id, value @ Value::Id(_))
            | (Kind::Amount, value @ Value::Decimal(_))
            | (Kind::Date, value @ Value::Date(_))
            | (Kind::Ids, value @ Value::Ids(_))
            | (Kind::Object, value @ Value::Json(_)) => Ok(value),
            (kind, _) => Err(Fault::new(
                "invalid_value",
                format!("This can't be a value of {kind:?}."),
            )),
        }
    }
}

fn of_text(given: &str, read: impl FnOnce(&str) -> Result<Value, Fault>) -> Result<Value, Fault> {
    let given = given.trim();
    if given.is_empty() {
        Ok(Value::Null)
    } else {
        read(given)
    }
}

/// A word of a choice, as it is written in JSON. What files call it is understood where they are read.
fn word(words: &[&str], given: &str) -> Result<Value, Fault> {
    of_text(given, |text| match words.iter().find(|word| **word == text) {
        Some(word) => Ok(Value::Text((*word).to_owned())),
        None => Err(Fault::new(
            "unknown_value",
            format!("Allowed are {}.", words.join(", ")),
        )),
    })
}

/// An id.
pub(crate) fn id(text: &str) -> Result<Uuid, Fault> {
    // Only the hyphenated form is ours; the parser also takes braces and URNs.
    let id = if text.len() == 36 {
        Uuid::try_parse(text).ok()
    } else {
        None
    };
    id.ok_or_else(|| Fault::new("invalid_id", "This is not an id."))
}

fn flag(text: &str) -> Result<Value, Fault> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" => Ok(Value::Bool(true)),
        "false" | "no" | "n" | "0" | "off" => Ok(Value::Bool(false)),
        _ => Err(Fault::new("invalid_boolean", "Allowed are true and false.")),
    }
}

/// A day, `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Result<Date, Fault> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .ok()
        .filter(|day| (1..=9999).contains(&day.year()))
        .ok_or_else(|| Fault::new("invalid_date", "Write a day as YYYY-MM-DD."))
}

/// An instant: RFC 3339, or a day or time without zone, which are UTC.
///
/// # Errors
/// The [`Fault`].
pub fn instant(text: &str) -> Result<OffsetDateTime, Fault> {
    let zoneless = [
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"),
        format_description!("[year]-[month]-[day] [hour]:[minute]"),
    ];
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| {
            zoneless
                .iter()
                .find_map(|form| PrimitiveDateTime::parse(text, form).ok())
                .map(PrimitiveDateTime::assume_utc)
        })
        .or_else(|| {
            day(text)
                .ok()
                .map(|day| day.with_time(Time::MIDNIGHT).assume_utc())
        });
    storable(at.ok_or_else(|| Fault::new("invalid_time", "Write a time as 2026-01-31T12:00:00Z."))?)
}

/// What PostgreSQL and RFC 3339 can both hold, to the microsecond.
fn storable(at: OffsetDateTime) -> Result<OffsetDateTime, Fault> {
    if !(1..=9999).contains(&at.to_offset(time::UtcOffset::UTC).year()) {
        return Err(Fault::new(
            "out_of_range",
            "The year must lie between 1 and 9999.",
        ));
    }
    at.replace_nanosecond(at.microsecond() * 1000)
        .map_err(|_| Fault::new("invalid_time", "Write a time as 2026-01-31T12:00:00Z."))
}

/// NUL is the one character that the database can't keep.
pub(crate) fn without_nul(text: &str) -> Result<(), Fault> {
    if text.contains('\0') {
        return Err(Fault::new(
            "invalid_characters",
            "The character NUL can't stand here.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf;

    fn leaf(kind: Kind, spec: &leaf::Spec) -> Leaf {
        Leaf::new("field", kind, true, spec)
    }

    #[test]
    fn words_of_a_choice_are_named_when_another_is_given() {
        let choice = leaf(Kind::Choice(&["new", "cold_call"]), &leaf::choice());
        assert_eq!(
            choice.admit(Value::Text("cold_call".into())),
            Ok(Value::Text("cold_call".into()))
        );
        assert_eq!(choice.admit(Value::Text(" ".into())), Ok(Value::Null));
        for other in ["old", "NEW", "Cold Call"] {
            let fault = choice.admit(Value::Text(other.into())).unwrap_err();
            assert_eq!(
                (fault.code, fault.message.as_str()),
                ("unknown_value", "Allowed are new, cold_call.")
            );
        }
    }

    #[test]
    fn ids_are_hyphenated_uuids() {
        let id = leaf(Kind::Id, &leaf::reference("thing"));
        assert!(
            id.admit(Value::Text("0190b6a0-7e6c-7bd0-8d2f-111111111111".into()))
                .is_ok()
        );
        for bad in [
            "7",
            "{0190b6a0-7e6c-7bd0-8d2f-111111111111}",
            "0190b6a07e6c7bd08d2f111111111111",
            "x'; drop",
        ] {
            assert_eq!(
                id.admit(Value::Text(bad.into())).unwrap_err().code,
                "invalid_id",
                "{bad}"
            );
        }
    }

    #[test]
    fn days_and_times_are_read_in_their_standard_form_only() {
        let date = leaf(Kind::Date, &leaf::date());
        assert!(date.admit(Value::Text("2024-02-29".into())).is_ok());
        for bad in [
            "2023-02-29",
            "29.02.2024",
            "2024-2-9",
            "0000-01-01",
            "+12024-01-01",
        ] {
            assert_eq!(
                date.admit(Value::Text(bad.into())).unwrap_err().code,
                "invalid_date",
                "{bad}"
            );
        }
        let time = leaf(Kind::Time, &leaf::moment());
        for good in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.5+02:00",
            "2026-01-31 12:00:00",
            "2026-01-31",
        ] {
            assert!(time.admit(Value::Text(good.into())).is_ok(), "{good}");
        }
        assert!(time.admit(Value::Text("yesterday".into())).is_err());
    }
}
