//! Page tokens: a place in a list, of use for that list alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kontor_chassis::{Caller, Error, Scope};
use kontor_proto::records::v1::ListQuery;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::order::Order;
use crate::fields::Fields;
use crate::leaf::{Kind, Leaf};
use crate::value::Value;

/// Bytes of the hash that a token begins with.
const HASH: usize = 16;

/// A place in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The values of the last record that decide its place, as the order has them.
    pub place: Vec<Value>,
    /// Whether the list's search forgives typos.
    pub typos: bool,
}

/// What is written into a token.
#[derive(Deserialize, Serialize)]
struct Written {
    k: Vec<Option<String>>,
    t: bool,
}

/// What a list is told apart by: its kind, company, caller's reach, filters and order.
pub struct Identity(Sha256);

impl Identity {
    /// Of a list of this kind, as this caller reads it.
    #[must_use]
    pub fn of(fields: &Fields, caller: &Caller, query: &ListQuery, order: &Order) -> Self {
        let description = fields.description();
        let mut hash = Sha256::new();
        // Each part ends with a byte that UTF-8 never has, so that no two lists read alike.
        let mut add = |part: &[u8]| {
            hash.update(part);
            hash.update([0xff]);
        };
        add(description.many.as_bytes());
        add(caller.company_id().as_bytes());
        if caller.allowed(description.permission("read")) != Some(Scope::All) {
            add(caller.user_id().unwrap_or_default().as_bytes());
        }
        add(order.words(fields).as_bytes());
        add(query.search.trim().as_bytes());
        add(query.filter.trim().as_bytes());
        add(&[u8::from(query.deleted)]);
        let mut filters: Vec<_> = query.field_filters.iter().collect();
        filters.sort_by(|a, b| a.parameter.cmp(&b.parameter));
        for filter in filters {
            add(filter.parameter.as_bytes());
            let mut values: Vec<&str> = filter.values.iter().map(String::as_str).collect();
            values.sort_unstable();
            values.iter().for_each(|value| add(value.as_bytes()));
        }
        Self(hash)
    }

    fn seal(&self, written: &[u8]) -> [u8; HASH] {
        let mut hash = self.0.clone();
        hash.update(written);
        let mut seal = [0; HASH];
        seal.copy_from_slice(&hash.finalize()[..HASH]);
        seal
    }

    /// The token of a place.
    ///
    /// # Errors
    /// Internal, never in practice: text can be written as JSON.
    pub fn token(&self, cursor: &Cursor) -> Result<String, Error> {
        let written = Written {
            k: cursor.place.iter().map(exact_text).collect(),
            t: cursor.typos,
        };
        let written = serde_json::to_vec(&written).map_err(Error::internal)?;
        let mut bytes = self.seal(&written).to_vec();
        bytes.extend(written);
        Ok(BASE64.encode(bytes))
    }

    /// The place of a token; none for the first page.
    ///
    /// # Errors
    /// Invalid `invalid_page_token` for anything but a token of this very list.
    pub fn cursor(&self, token: &str, leaves: &[&Leaf]) -> Result<Option<Cursor>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token, leaves).map(Some).ok_or_else(|| {
            Error::invalid_field(
                "page_token",
                "invalid_page_token",
                "This token belongs to no page of this list.",
            )
        })
    }

    fn read(&self, token: &str, leaves: &[&Leaf]) -> Option<Cursor> {
        let bytes = BASE64.decode(token).ok()?;
        let (seal, written) = bytes.split_at_checked(HASH)?;
        if seal != self.seal(written) {
            return None;
        }
        let Written { k, t } = serde_json::from_slice(written).ok()?;
        if k.len() != leaves.len() {
            return None;
        }
        let place = k
            .into_iter()
            .zip(leaves)
            .map(|(text, leaf)| value(text, leaf))
            .collect::<Option<_>>()?;
        Some(Cursor { place, typos: t })
    }
}

/// The value as it is, not as people read it.
fn exact_text(value: &Value) -> Option<String> {
    match value {
        Value::Decimal(amount) => Some(amount.to_string()),
        other => other.to_text(),
    }
}

fn value(text: Option<String>, leaf: &Leaf) -> Option<Value> {
    let Some(text) = text else {
        return leaf.nullable.then_some(Value::Null);
    };
    match leaf.kind {
        Kind::Text(_) | Kind::Choice(_) => Some(Value::Text(text)),
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Amount => text.parse::<Decimal>().ok().map(Value::Decimal),
        Kind::Id => text.parse().ok().map(Value::Id),
        Kind::Time => crate::admit::instant(&text).ok().map(Value::Time),
        Kind::Date => crate::admit::day(&text).ok().map(Value::Date),
        Kind::Words | Kind::Ids | Kind::Object => None,
    }
}
