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

    /// As PostgreSQL reads it from text, by the cast of [`Kind::cast`]; none for null.
    #[must_use]
    pub fn to_sql_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => text.clone(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Decimal(amount) => amount.to_string(),
            Self::Id(id) => id.to_string(),
            Self::Time(at) => time_text(*at),
            Self::Date(day) => date_text(*day),
            Self::Texts(words) => array_text(words.iter().map(String::as_str)),
            Self::Ids(ids) => array_text(ids.iter().map(Uuid::to_string)),
            Self::Json(object) => Json::Object(object.clone()).to_string(),
        })
    }

    /// As JSON that [`Self::from_json`] reads exactly.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Int(number) => Json::from(*number),
            Self::Texts(words) => Json::from(words.clone()),
            Self::Ids(ids) => ids.iter().map(Uuid::to_string).collect(),
            Self::Json(object) => Json::Object(object.clone()),
            Self::Text(_) | Self::Decimal(_) | Self::Id(_) | Self::Time(_) | Self::Date(_) => {
                self.to_sql_text().map_or(Json::Null, Json::String)
            }
        }
    }

    /// What [`Self::to_json`] wrote of a value of this kind; none when it wrote no such thing.
    #[must_use]
    pub fn from_json(kind: Kind, json: &Json) -> Option<Self> {
        let text = json.as_str();
        Some(match kind {
            _ if json.is_null() => Self::Null,
            Kind::Text(_) | Kind::Choice(_) => Self::Text(text?.to_owned()),
            Kind::Bool => Self::Bool(json.as_bool()?),
            Kind::Int => Self::Int(json.as_i64()?),
            Kind::Amount => Self::Decimal(text?.parse().ok()?),
            Kind::Id => Self::Id(text?.parse().ok()?),
            Kind::Time => Self::Time(OffsetDateTime::parse(text?, &Rfc3339).ok()?),
            Kind::Date => Self::Date(Date::parse(text?, format_description!("[year]-[month]-[day]")).ok()?),
            Kind::Words => Self::Texts(serde_json::from_value(json.clone()).ok()?),
            Kind::Ids => Self::Ids(
                json.as_array()?
                    .iter()
                    .map(|id| id.as_str()?.parse().ok())
                    .collect::<Option<_>>()?,
            ),
            Kind::Object => Self::Json(json.as_object()?.clone()),
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

/// An array as PostgreSQL reads it, every element quoted.
pub(crate) fn array_text<T: AsRef<str>>(elements: impl Iterator<Item = T>) -> String {
    let mut literal = String::from("{");
    for (index, element) in elements.enumerate() {
        if index > 0 {
            literal.push(',');
        }
        literal.push('"');
        literal.push_str(&element.as_ref().replace('\\', "\\\\").replace('"', "\\\""));
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// A value within an object as people and files read it: an amount and its currency, words parted by `;`.
#[must_use]
pub(crate) fn json_text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        Json::Array(words) => {
            let words: Vec<String> = words.iter().filter_map(json_text).collect();
            (!words.is_empty()).then(|| words.join(";"))
        }
        Json::Object(object) => match (object.get("amount"), object.get("currency")) {
            (Some(Json::String(amount)), Some(Json::String(currency))) => {
                Some(format!("{amount} {currency}"))
            }
            _ => Some(value.to_string()),
        },
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
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
    fn values_come_back_from_json_as_they_were() {
        let words = vec!["a;b".to_owned(), "\"\\".to_owned()];
        let at = time::macros::datetime!(2026-02-01 12:00:00.000_001 UTC);
        for (kind, value) in [
            (Kind::Text(crate::leaf::Form::Line), Value::Text(" x ".into())),
            (Kind::Choice(&["a"]), Value::Text("a".into())),
            (Kind::Bool, Value::Bool(true)),
            (Kind::Int, Value::Int(-7)),
            (Kind::Amount, Value::Decimal("0.1250".parse().unwrap())),
            (Kind::Id, Value::Id(Uuid::nil())),
            (Kind::Time, Value::Time(at)),
            (Kind::Date, Value::Date(at.date())),
            (Kind::Words, Value::Texts(words)),
            (Kind::Ids, Value::Ids(vec![Uuid::max()])),
            (
                Kind::Object,
                Value::Json([("k".to_owned(), Json::from(1))].into_iter().collect()),
            ),
            (Kind::Int, Value::Null),
        ] {
            assert_eq!(Value::from_json(kind, &value.to_json()), Some(value));
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
