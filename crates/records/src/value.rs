//! A stored value without its Rust type: what is bound, compared, validated and written into the history.

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::leaf::Kind;

/// The value of one leaf.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text, or the word of a choice. Before validation also the text form of any other kind.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An amount.
    Decimal(Decimal),
    /// An id.
    Id(Uuid),
    /// An instant.
    Time(OffsetDateTime),
    /// A day.
    Date(Date),
    /// Words, for example tags.
    Texts(Vec<String>),
    /// Ids.
    Ids(Vec<Uuid>),
    /// A JSON object.
    Json(Map<String, Json>),
}

impl Value {
    /// Whether there is nothing in it: null, an empty list or an empty object.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Texts(list) => list.is_empty(),
            Self::Ids(list) => list.is_empty(),
            Self::Json(object) => object.is_empty(),
            Self::Text(_)
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Decimal(_)
            | Self::Id(_)
            | Self::Time(_)
            | Self::Date(_) => false,
        }
    }

    /// As people and files read it; none for nothing. Lists are parted by `;`.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        if self.is_blank() {
            return None;
        }
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => text.clone(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Decimal(amount) => amount_text(*amount),
            Self::Id(id) => id.to_string(),
            Self::Time(at) => time_text(*at),
            Self::Date(day) => date_text(*day),
            Self::Texts(words) => words.join(";"),
            Self::Ids(ids) => ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(";"),
            Self::Json(object) => Json::Object(object.clone()).to_string(),
        })
    }

    /// Adds it to the arguments of a statement. The kind gives a null its type.
    ///
    /// # Errors
    /// When it can't be encoded.
    pub fn bind(self, kind: Kind, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        match self {
            Self::Text(text) => arguments.add(text),
            Self::Bool(flag) => arguments.add(flag),
            Self::Int(number) => arguments.add(number),
            Self::Decimal(amount) => arguments.add(amount),
            Self::Id(id) => arguments.add(id),
            Self::Time(at) => arguments.add(at),
            Self::Date(day) => arguments.add(day),
            Self::Texts(words) => arguments.add(words),
            Self::Ids(ids) => arguments.add(ids),
            Self::Json(object) => arguments.add(Json::Object(object)),
            Self::Null => match kind {
                Kind::Id => arguments.add(None::<Uuid>),
                Kind::Text(_) | Kind::Choice(_) => arguments.add(None::<String>),
                Kind::Bool => arguments.add(None::<bool>),
                Kind::Int => arguments.add(None::<i64>),
                Kind::Amount => arguments.add(None::<Decimal>),
                Kind::Time => arguments.add(None::<OffsetDateTime>),
                Kind::Date => arguments.add(None::<Date>),
                Kind::Words => arguments.add(None::<Vec<String>>),
                Kind::Ids => arguments.add(None::<Vec<Uuid>>),
                Kind::Object => arguments.add(None::<Json>),
            },
        }
    }
}

/// An amount as it is sent: the places it was given with, but no more zeros than two.
///
/// `1234.5000` → `1234.50`, `0.1250` → `0.125`, `5` → `5`.
#[must_use]
pub fn amount_text(amount: Decimal) -> String {
    let shortest = amount.normalize();
    let mut shown = amount;
    if amount.scale() > 2 {
        shown = shortest;
        if shortest.scale() < 2 {
            shown.rescale(2);
        }
    }
    shown.to_string()
}

/// RFC 3339, UTC.
#[must_use]
pub fn time_text(at: OffsetDateTime) -> String {
    // A timestamp of PostgreSQL lies within the years that RFC 3339 can write, or its own text serves.
    let utc = at.to_offset(time::UtcOffset::UTC);
    utc.format(&Rfc3339).unwrap_or_else(|_| utc.to_string())
}

/// `YYYY-MM-DD`.
#[must_use]
pub fn date_text(day: Date) -> String {
    day.format(format_description!("[year]-[month]-[day]"))
        .unwrap_or_else(|_| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_places_but_not_the_columns_zeros() {
        for (given, shown) in [
            ("1234.5000", "1234.50"),
            ("1234.50", "1234.50"),
            ("50000", "50000"),
            ("50000.0000", "50000.00"),
            ("0.1250", "0.125"),
            ("-3.0001", "-3.0001"),
            ("0", "0"),
        ] {
            assert_eq!(amount_text(given.parse().unwrap()), shown);
        }
    }

    #[test]
    fn blank_values_have_no_text() {
        assert_eq!(Value::Texts(Vec::new()).to_text(), None);
        assert_eq!(
            Value::Texts(vec!["a".into(), "b".into()]).to_text().as_deref(),
            Some("a;b")
        );
    }
}
