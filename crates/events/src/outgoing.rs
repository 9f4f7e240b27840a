//! A message before it is told.

use kontor_chassis::Origin;
use prost::{Message, Name};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::trace;

/// The full protobuf name of a type of messages.
#[must_use]
pub fn name_of<E: Name>() -> String {
    E::full_name()
}

/// A fact to tell, or a request to make, ready for the outbox.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its own id, by which a consumer knows a message that comes twice.
    pub id: Uuid,
    /// The full protobuf name, which is also the routing key: `kontor.notes.v1.NoteWritten`.
    pub kind: String,
    /// The encoded message.
    pub payload: Vec<u8>,
    /// Everything that travels beside it.
    pub headers: Headers,
}

/// What travels beside a message: the attributes of CloudEvents that are not its id and type, and ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Headers {
    /// The service that tells it: `/kontor/notes`.
    pub source: String,
    /// When it was told.
    #[serde(with = "time::serde::rfc3339::option")]
    pub time: Option<OffsetDateTime>,
    /// The record it is about.
    pub subject: Option<String>,
    /// The tenant; a consumer handles the message as that company. None concerns no tenant.
    pub company: Option<Uuid>,
    /// The person behind it.
    pub actor: Option<Uuid>,
    /// From where that person asked; none for the suite's own work.
    pub address: Option<String>,
    /// With which program.
    pub device: Option<String>,
    /// The W3C trace it belongs to.
    pub traceparent: Option<String>,
    /// It asks somebody to act: without a queue that takes it, it waits in the outbox.
    pub addressed: bool,
}

impl Outgoing {
    /// A fact of this company. When no service cares for facts of its type, it is forgotten after a short while.
    #[must_use]
    pub fn new<E: Message + Name>(company: Uuid, actor: Option<Uuid>, event: &E) -> Self {
        Self::of(Some(company), actor, event)
    }

    /// A fact that belongs to no company.
    #[must_use]
    pub fn unscoped<E: Message + Name>(actor: Option<Uuid>, event: &E) -> Self {
        Self::of(None, actor, event)
    }

    /// Says which record it is about.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // ids and words alike
    pub fn about(mut self, subject: impl std::fmt::Display) -> Self {
        self.headers.subject = Some(subject.to_string());
        self
    }

    /// Says from where the person behind it asked.
    #[must_use]
    pub fn asked_from(mut self, origin: &Origin) -> Self {
        self.headers.address = origin.address();
        self.headers.device = origin.device();
        self
    }

    /// Says that somebody has to act on it: while no queue takes it, it stays in the outbox and is tried again.
    #[must_use]
    pub fn addressed(mut self) -> Self {
        self.headers.addressed = true;
        self
    }

    fn of<E: Message + Name>(company: Option<Uuid>, actor: Option<Uuid>, event: &E) -> Self {
        let headers = Headers {
            source: source(E::PACKAGE),
            time: Some(OffsetDateTime::now_utc()),
            subject: None,
            company,
            actor,
            address: None,
            device: None,
            traceparent: trace::traceparent(&tracing::Span::current()),
            addressed: false,
        };
        Self {
            id: Uuid::now_v7(),
            kind: E::full_name(),
            payload: event.encode_to_vec(),
            headers,
        }
    }
}

impl Headers {
    /// As the outbox keeps them.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let Self {
            source,
            time,
            subject,
            company,
            actor,
            address,
            device,
            traceparent,
            addressed,
        } = self;
        let mut json = serde_json::Map::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                json.insert(key.to_owned(), value.into());
            }
        };
        put("source", Some(source.clone()));
        put("time", time.and_then(|t| t.format(&Rfc3339).ok()));
        put("subject", subject.clone());
        put("company", company.map(|id| id.to_string()));
        put("actor", actor.map(|id| id.to_string()));
        put("address", address.clone());
        put("device", device.clone());
        put("traceparent", traceparent.clone());
        json.insert("addressed".to_owned(), (*addressed).into());
        json.into()
    }
}

/// `kontor.notes.v1` → `/kontor/notes`.
fn source(package: &str) -> String {
    let mut parts: Vec<&str> = package.split('.').collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last.starts_with('v')) {
        parts.pop();
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_the_service_without_the_version() {
        assert_eq!(source("kontor.notes.v1"), "/kontor/notes");
        assert_eq!(source("vendor"), "/vendor");
    }

    #[test]
    fn headers_survive_the_outbox() {
        let headers = Headers {
            source: "/kontor/notes".into(),
            time: Some(OffsetDateTime::UNIX_EPOCH),
            subject: None,
            company: Some(Uuid::nil()),
            actor: None,
            address: Some("203.0.113.7".into()),
            device: Some("curl/8".into()),
            traceparent: None,
            addressed: true,
        };
        let json = headers.to_json();
        assert_eq!(serde_json::from_value::<Headers>(json).unwrap(), headers);
    }
}
