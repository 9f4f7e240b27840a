//! Whatever a client sends as JSON is refused or is a message, and that message reads the same when it is written and sent
//! again. Whatever a service answers is refused as malformed or is JSON.

use std::sync::LazyLock;

use kontor_gateway::contract::Options;
use kontor_gateway::json::answer::Writer;
use kontor_gateway::json::body::read;
use kontor_gateway::plan::{Kind, MessageId, Plans, Shape};
use kontor_proto::DESCRIPTORS;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::Value;

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let options = Options::of(&DESCRIPTORS).expect("the contract");
    Plans::of(&DESCRIPTORS, &options).expect("the contract")
});

/// The messages of the contract.
static MESSAGES: LazyLock<Vec<MessageDescriptor>> = LazyLock::new(|| {
    let own =
        |message: &MessageDescriptor| message.full_name().starts_with("kontor.") && !message.is_map_entry();
    DESCRIPTORS.all_messages().filter(own).collect()
});

fn written(id: MessageId, wire: &[u8]) -> Option<Value> {
    let mut writer = Writer::new(&PLANS, 256);
    writer.message(id, wire).ok()?;
    Some(serde_json::from_slice(&writer.finish()).expect("an answer is JSON"))
}

/// Takes out what the server alone sets.
fn strip(id: MessageId, json: &mut Value) {
    let Value::Object(object) = json else { return };
    for field in &PLANS.message(id).fields {
        let Kind::Message(inner) = field.kind else {
            if field.read_only {
                object.remove(&field.word);
            }
            continue;
        };
        if field.inline {
            for own in PLANS.message(inner).fields.iter().filter(|own| own.read_only) {
                object.remove(&own.word);
            }
        } else if field.read_only {
            object.remove(&field.word);
        } else if let Some(value) = object.get_mut(&field.word) {
            match (field.shape, value) {
                (Shape::Map, _) => {}
                (Shape::List, Value::Array(list)) => list.iter_mut().for_each(|one| strip(inner, one)),
                (_, value) => strip(inner, value),
            }
        }
    }
}

fn sent(kind: &MessageDescriptor, id: MessageId, text: &str) {
    for masked in [false, true] {
        let Ok(outcome) = read(&PLANS, id, text, &[], masked) else {
            continue;
        };
        if !outcome.errors.is_empty() {
            continue;
        }
        DynamicMessage::decode(kind.clone(), outcome.wire.as_slice()).expect("what is taken is a message");
        let Some(first) = written(id, &outcome.wire) else {
            continue;
        };
        let mut again = first.clone();
        strip(id, &mut again);
        let again = read(&PLANS, id, &again.to_string(), &[], masked).expect("JSON");
        assert!(
            again.errors.is_empty(),
            "{}: {first} is refused: {:?}",
            kind.full_name(),
            again.errors
        );
        let second = written(id, &again.wire).expect("a message");
        assert_eq!(first, second, "{}", kind.full_name());
    }
}

/// The first byte says whether it is a request or an answer, the next two of which message.
pub(crate) fn holds(input: &[u8]) {
    let [answer, low, high, bytes @ ..] = input else {
        return;
    };
    let which = usize::from(u16::from_le_bytes([*low, *high]));
    let kind = &MESSAGES[which % MESSAGES.len()];
    let id = PLANS.id(kind.full_name()).expect("a plan");
    if answer % 2 == 1 {
        written(id, bytes);
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        sent(kind, id, text);
    }
}
