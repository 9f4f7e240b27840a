//! JSON and the wire say the same: every message of the contract, and one of every kind of field there is.
//!
//! What an answer says is read here by rules of this test's own. What a request says is an answer without the fields that
//! the server alone sets. JSON can't say everything: a number without a word is null like none, so is an instant outside
//! the years 1 to 9999 and a real number that isn't finite, and whether an inline message is there can't be seen.

use std::sync::LazyLock;

use kontor_gateway::contract::Options;
use kontor_gateway::json::answer::Writer;
use kontor_gateway::json::body::{Outcome, read};
use kontor_gateway::plan::Plans;
use kontor_proto::DESCRIPTORS;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey,
    MessageDescriptor, ReflectMessage as _, Value,
};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::value::Kind as Plain;
use prost_types::{
    DescriptorProto, Duration, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FieldMask, FileDescriptorProto, ListValue, MessageOptions, OneofDescriptorProto, Struct, Timestamp,
};
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arbitrary::{Maker, known};

struct Contract {
    pool: DescriptorPool,
    options: Options,
    plans: Plans,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let mut pool = DESCRIPTORS.clone();
    let duration = DescriptorPool::global().get_file_by_name("google/protobuf/duration.proto");
    pool.add_file_descriptor_proto(duration.unwrap().file_descriptor_proto().clone())
        .unwrap();
    pool.add_file_descriptor_proto(everything()).unwrap();
    let options = Options::of(&pool).unwrap();
    let plans = Plans::of(&pool, &options).unwrap();
    Contract { pool, options, plans }
});

/// A message with a field of every kind and shape; the contract itself doesn't use them all.
fn everything() -> FileDescriptorProto {
    const NAME: &str = ".kontor.everything.v1.Everything";
    let mut fields = Vec::new();
    let mut field = |name: String, label: Label, kind: Type, of: Option<&str>| {
        fields.push(FieldDescriptorProto {
            number: Some(fields.len() as i32 + 1),
            name: Some(name),
            label: Some(label.into()),
            r#type: Some(kind.into()),
            type_name: of.map(str::to_owned),
            ..FieldDescriptorProto::default()
        });
        fields.len() - 1
    };
    let (mut optional, mut chosen, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let kinds = (1..=18).filter_map(|kind| Type::try_from(kind).ok());
    for kind in kinds.filter(|kind| !matches!(kind, Type::Group | Type::Message)) {
        let of = (kind == Type::Enum).then_some(".kontor.everything.v1.Mood");
        let name = kind.as_str_name().to_ascii_lowercase();
        field(name.clone(), Label::Optional, kind, of);
        optional.push(field(format!("optional_{name}"), Label::Optional, kind, of));
        field(format!("many_{name}"), Label::Repeated, kind, of);
        chosen.push(field(format!("chosen_{name}"), Label::Optional, kind, of));
        if !matches!(kind, Type::Float | Type::Double | Type::Bytes | Type::Enum) {
            let entry = format!("By{}Entry", camel(&name));
            let path = format!("{NAME}.{entry}");
            field(
                format!("by_{name}"),
                Label::Repeated,
                Type::Message,
                Some(path.as_str()),
            );
            entries.push((entry, kind));
        }
    }
    for known in [
        "Timestamp",
        "Duration",
        "FieldMask",
        "Struct",
        "Value",
        "ListValue",
    ] {
        let of = format!(".google.protobuf.{known}");
        let name = known.to_ascii_lowercase();
        field(name.clone(), Label::Optional, Type::Message, Some(of.as_str()));
        field(
            format!("many_{name}"),
            Label::Repeated,
            Type::Message,
            Some(of.as_str()),
        );
    }
    field("itself".to_owned(), Label::Optional, Type::Message, Some(NAME));
    field(
        "many_of_itself".to_owned(),
        Label::Repeated,
        Type::Message,
        Some(NAME),
    );

    let oneof = |name: String| OneofDescriptorProto {
        name: Some(name),
        options: None,
    };
    let mut oneofs = vec![oneof("choice".to_owned())];
    for at in chosen {
        fields[at].oneof_index = Some(0);
    }
    for at in optional {
        fields[at].proto3_optional = Some(true);
        fields[at].oneof_index = Some(oneofs.len() as i32);
        oneofs.push(oneof(format!("_{}", fields[at].name())));
    }
    let part = |name: &str, number: i32, kind: Type, of: Option<&str>| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    };
    let entries = entries.into_iter().map(|(name, key)| DescriptorProto {
        name: Some(name),
        field: vec![
            part("key", 1, key, None),
            part("value", 2, Type::Message, Some(NAME)),
        ],
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        }),
        ..DescriptorProto::default()
    });
    let moods = ["UNSPECIFIED", "GOOD", "VERY_GOOD", "BAD"];
    let mood = |(number, word): (usize, &&str)| EnumValueDescriptorProto {
        name: Some(format!("MOOD_{word}")),
        number: Some(number as i32 * if *word == "BAD" { -7 } else { 1 }),
        options: None,
    };
    FileDescriptorProto {
        name: Some("kontor/everything/v1/everything.proto".to_owned()),
        package: Some("kontor.everything.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        dependency: ["timestamp", "duration", "field_mask", "struct"]
            .map(|file| format!("google/protobuf/{file}.proto"))
            .to_vec(),
        message_type: vec![DescriptorProto {
            name: Some("Everything".to_owned()),
            nested_type: entries.collect(),
            field: fields,
            oneof_decl: oneofs,
            ..DescriptorProto::default()
        }],
        enum_type: vec![EnumDescriptorProto {
            name: Some("Mood".to_owned()),
            value: moods.iter().enumerate().map(mood).collect(),
            ..EnumDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    }
}

fn camel(name: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('_').map(capital).collect()
}

fn messages() -> impl Iterator<Item = MessageDescriptor> {
    CONTRACT
        .pool
        .all_messages()
        .filter(|message| message.full_name().starts_with("kontor.") && !message.is_map_entry())
}

fn made(kind: &MessageDescriptor, bytes: &[u8], sent: bool) -> DynamicMessage {
    let mut maker = Maker {
        options: &CONTRACT.options,
        sent,
        bytes: bytes.iter(),
    };
    as_sent(&maker.message(kind, 0))
}

/// The message as it is on the wire, where a default that is set is no more than one that isn't.
fn as_sent(message: &DynamicMessage) -> DynamicMessage {
    known(&message.descriptor(), message)
}

fn written(message: &DynamicMessage) -> String {
    let mut writer = Writer::new(&CONTRACT.plans, 64);
    let id = CONTRACT.plans.id(message.descriptor().full_name()).unwrap();
    writer.message(id, &message.encode_to_vec()).unwrap();
    String::from_utf8(writer.finish()).unwrap()
}

fn taken(kind: &MessageDescriptor, json: &str, masked: bool) -> Outcome {
    let id = CONTRACT.plans.id(kind.full_name()).unwrap();
    read(&CONTRACT.plans, id, json, &[], masked).unwrap()
}

/// The message that an answer tells of.
fn told(kind: &MessageDescriptor, json: &Json) -> DynamicMessage {
    let (message, words) = told_within(kind, json);
    let object = json.as_object().unwrap();
    assert_eq!(
        words,
        object.len(),
        "{} has strange keys: {json}",
        kind.full_name()
    );
    message
}

/// The same, and how many of the object's keys are the message's; an inline one shares the object with others.
fn told_within(kind: &MessageDescriptor, json: &Json) -> (DynamicMessage, usize) {
    let (mut message, mut words) = (DynamicMessage::new(kind.clone()), 0);
    for field in kind.fields() {
        if CONTRACT.options.inline(&field) {
            let Kind::Message(inner) = field.kind() else {
                panic!("{}", field.full_name())
            };
            let (inner, own) = told_within(&inner, json);
            message.set_field(&field, Value::Message(inner));
            words += own;
            continue;
        }
        let word = CONTRACT.options.word(&field);
        let value = match json.get(&word) {
            None if CONTRACT.options.is_sparse(&field) => continue,
            value => value.unwrap_or_else(|| panic!("{} is missing in {json}", field.full_name())),
        };
        words += 1;
        if let Some(value) = told_value(&field, value) {
            message.set_field(&field, value);
        }
    }
    (message, words)
}

fn told_value(field: &FieldDescriptor, json: &Json) -> Option<Value> {
    if let (true, Json::Object(pairs), Kind::Message(entry)) = (field.is_map(), json, field.kind()) {
        let pairs = pairs.iter().map(|(key, value)| {
            let key = told_key(&entry.map_entry_key_field().kind(), key);
            (key, told_one(&entry.map_entry_value_field(), value).unwrap())
        });
        return Some(Value::Map(pairs.collect()));
    }
    if field.cardinality() == Cardinality::Repeated {
        let list = json.as_array().unwrap();
        let list = list.iter().map(|one| told_one(field, one).unwrap());
        return Some(Value::List(list.collect()));
    }
    told_one(field, json)
}

fn told_key(kind: &Kind, key: &str) -> MapKey {
    match kind {
        Kind::Bool => MapKey::Bool(key.parse().unwrap()),
        Kind::String => MapKey::String(key.to_owned()),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(key.parse().unwrap()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(key.parse().unwrap()),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(key.parse().unwrap()),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(key.parse().unwrap()),
        other => panic!("{other:?} is no kind of key"),
    }
}

fn told_one(field: &FieldDescriptor, json: &Json) -> Option<Value> {
    let kind = field.kind();
    let is_value = kind
        .as_message()
        .is_some_and(|kind| kind.full_name() == "google.protobuf.Value");
    if json.is_null() && !is_value {
        let may_be = field.supports_presence() || matches!(kind, Kind::Enum(_));
        assert!(may_be, "{} is null", field.full_name());
        return None;
    }
    Some(match kind {
        Kind::Bool => Value::Bool(json.as_bool().unwrap()),
        Kind::String => Value::String(json.as_str().unwrap().to_owned()),
        Kind::Bytes => {
            use base64::Engine as _;
            let engine = base64::engine::general_purpose::STANDARD;
            Value::Bytes(engine.decode(json.as_str().unwrap()).unwrap().into())
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(json.as_i64().unwrap().try_into().unwrap()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(json.as_i64().unwrap()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(json.as_u64().unwrap().try_into().unwrap()),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(json.as_u64().unwrap()),
        Kind::Float => Value::F32(json.as_f64().unwrap() as f32),
        Kind::Double => Value::F64(json.as_f64().unwrap()),
        Kind::Enum(words) => Value::EnumNumber(number(&words, json.as_str().unwrap())),
        Kind::Message(kind) => Value::Message(told_message(&kind, json)),
    })
}

fn number(words: &EnumDescriptor, word: &str) -> i32 {
    let prefix = words.get_value(0).unwrap().name().replace("UNSPECIFIED", "");
    let name = prefix + &word.to_ascii_uppercase();
    let value = words.get_value_by_name(&name);
    value
        .unwrap_or_else(|| panic!("{} has no {name}", words.full_name()))
        .number()
}

fn told_message(kind: &MessageDescriptor, json: &Json) -> DynamicMessage {
    match kind.full_name() {
        "google.protobuf.Timestamp" => {
            let at = OffsetDateTime::parse(json.as_str().unwrap(), &Rfc3339).unwrap();
            known(
                kind,
                &Timestamp {
                    seconds: at.unix_timestamp(),
                    nanos: at.nanosecond() as i32,
                },
            )
        }
        "google.protobuf.Duration" => {
            let text = json.as_str().unwrap().strip_suffix('s').unwrap();
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let nanos: i32 = format!("{part:0<9}").parse().unwrap();
            let duration = Duration {
                seconds: whole.parse().unwrap(),
                nanos: if text.starts_with('-') { -nanos } else { nanos },
            };
            known(kind, &duration)
        }
        "google.protobuf.FieldMask" => {
            let paths = json.as_str().unwrap().split_terminator(',').map(str::to_owned);
            known(
                kind,
                &FieldMask {
                    paths: paths.collect(),
                },
            )
        }
        "google.protobuf.Struct" => known(kind, &object(json)),
        "google.protobuf.ListValue" => known(kind, &list(json)),
        "google.protobuf.Value" => known(kind, &plain(json)),
        _ => told(kind, json),
    }
}

fn object(json: &Json) -> Struct {
    let pairs = json.as_object().unwrap().iter();
    Struct {
        fields: pairs.map(|(key, value)| (key.clone(), plain(value))).collect(),
    }
}

fn list(json: &Json) -> ListValue {
    ListValue {
        values: json.as_array().unwrap().iter().map(plain).collect(),
    }
}

fn plain(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Plain::NullValue(0),
        Json::Bool(value) => Plain::BoolValue(*value),
        Json::Number(number) => Plain::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Plain::StringValue(text.clone()),
        Json::Array(_) => Plain::ListValue(list(json)),
        Json::Object(_) => Plain::StructValue(object(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Takes out of an answer what the server alone sets, so that it can be sent.
fn strip(kind: &MessageDescriptor, json: &mut Json) {
    if kind.full_name().starts_with("google.protobuf.") {
        return;
    }
    for field in kind.fields() {
        let Kind::Message(inner) = field.kind() else {
            if CONTRACT.options.is_read_only(&field) {
                json.as_object_mut()
                    .unwrap()
                    .remove(&CONTRACT.options.word(&field));
            }
            continue;
        };
        if CONTRACT.options.inline(&field) {
            strip(&inner, json);
            continue;
        }
        let word = CONTRACT.options.word(&field);
        if CONTRACT.options.is_read_only(&field) {
            json.as_object_mut().unwrap().remove(&word);
            continue;
        }
        let inner = match (field.is_map(), inner) {
            (true, entry) => match entry.map_entry_value_field().kind() {
                Kind::Message(value) => value,
                _ => continue,
            },
            (false, inner) => inner,
        };
        let value = match json.get_mut(&word) {
            None if CONTRACT.options.is_sparse(&field) => continue,
            value => value.unwrap(),
        };
        match value {
            Json::Object(pairs) if field.is_map() => {
                pairs.values_mut().for_each(|value| strip(&inner, value));
            }
            value @ Json::Object(_) => strip(&inner, value),
            Json::Array(list) => list.iter_mut().for_each(|one| strip(&inner, one)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_answer_tells_the_whole_message(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        for kind in messages() {
            let message = made(&kind, &bytes, false);
            let json = written(&message);
            let read = as_sent(&told(&kind, &serde_json::from_str(&json).unwrap()));
            prop_assert!(read == message, "{}: {json} is read as {}", kind.full_name(), written(&read));
        }
    }

    #[test]
    fn a_request_is_taken_as_it_was_meant(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        for kind in messages() {
            let message = made(&kind, &bytes, true);
            let mut json: Json = serde_json::from_str(&written(&message)).unwrap();
            strip(&kind, &mut json);
            let json = json.to_string();
            for masked in [false, true] {
                let outcome = taken(&kind, &json, masked);
                prop_assert!(outcome.errors.is_empty(), "{}: {:?} {json}", kind.full_name(), outcome.errors);
                let read = as_sent(&DynamicMessage::decode(kind.clone(), outcome.wire.as_slice()).unwrap());
                prop_assert!(read == message, "{}: {json} is read as {}", kind.full_name(), written(&read));
            }
        }
    }
}

#[test]
fn the_contract_is_tried_with_more_than_nothing() {
    // Bytes that count up set most fields, so that the two proofs above are about something.
    let bytes: Vec<u8> = (0..4000).map(|n| (n * 7 % 251) as u8).collect();
    let (mut messages_made, mut characters) = (0, 0);
    for kind in messages() {
        messages_made += 1;
        characters += written(&made(&kind, &bytes, false)).len();
    }
    assert!(messages_made > 300, "{messages_made} messages");
    assert!(characters > 200 * messages_made, "{characters} characters");
}
