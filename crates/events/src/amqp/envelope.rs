//! A message in AMQP: its id and type as properties, the attributes of CloudEvents and the trace as headers.

use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{Headers, message::Message};

const PERSISTENT: u8 = 2;

pub(super) fn properties(message: &Message) -> BasicProperties {
    let Headers {
        source,
        time,
        subject,
        company,
        actor,
        address,
        device,
        traceparent,
        addressed,
    } = &message.headers;
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
    };
    put("specversion", Some("1.0".to_owned()));
    put("id", Some(message.id.clone()));
    put("type", Some(message.kind.clone()));
    put("source", Some(source.clone()));
    put("time", time.and_then(|at| at.format(&Rfc3339).ok()));
    put("subject", subject.clone());
    put("company", company.map(|id| id.to_string()));
    put("actor", actor.map(|id| id.to_string()));
    put("address", address.clone());
    put("device", device.clone());
    put("traceparent", traceparent.clone());
    put("addressed", addressed.then(|| "true".to_owned()));
    let at = time.unwrap_or(OffsetDateTime::UNIX_EPOCH).unix_timestamp();
    BasicProperties::default()
        .with_message_id(message.id.as_str().into())
        .with_type(message.kind.as_str().into())
        .with_content_type("application/protobuf".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(at).unwrap_or_default())
        .with_headers(headers)
}

/// The message of a delivery. Whatever is missing or unreadable stays empty; the consumer decides what that means.
pub(super) fn message(properties: &BasicProperties, payload: Vec<u8>) -> Message {
    let headers = properties.headers().clone().unwrap_or_default();
    let text = |name: &str| headers.inner().get(name).and_then(as_text);
    let id = properties
        .message_id()
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| text("id"));
    let kind = properties
        .kind()
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| text("type"));
    Message {
        id: id.unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        headers: Headers {
            source: text("source").unwrap_or_default(),
            time: text("time").and_then(|at| OffsetDateTime::parse(&at, &Rfc3339).ok()),
            subject: text("subject"),
            company: text("company").and_then(|id| Uuid::parse_str(&id).ok()),
            actor: text("actor").and_then(|id| Uuid::parse_str(&id).ok()),
            address: text("address"),
            device: text("device"),
            traceparent: text("traceparent"),
            addressed: text("addressed").is_some(),
        },
        payload: Bytes::from(payload),
        attempts: headers
            .inner()
            .get("x-delivery-count")
            .and_then(as_count)
            .unwrap_or_default(),
    }
}

/// The broker's word for why it gave a message up: `rejected` by the service, `delivery_limit`.
pub(super) fn death(properties: &BasicProperties) -> String {
    let headers = properties.headers().clone().unwrap_or_default();
    headers
        .inner()
        .get("x-first-death-reason")
        .and_then(as_text)
        .unwrap_or_default()
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn as_count(value: &AMQPValue) -> Option<u32> {
    match value {
        AMQPValue::ShortShortUInt(count) => Some(u32::from(*count)),
        AMQPValue::ShortUInt(count) => Some(u32::from(*count)),
        AMQPValue::LongUInt(count) => Some(*count),
        AMQPValue::ShortShortInt(count) => u32::try_from(*count).ok(),
        AMQPValue::ShortInt(count) => u32::try_from(*count).ok(),
        AMQPValue::LongInt(count) => u32::try_from(*count).ok(),
        AMQPValue::LongLongInt(count) => u32::try_from(*count).ok(),
        _ => None,
    }
}
