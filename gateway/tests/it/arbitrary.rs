//! Messages of any type, made out of bytes: fewer bytes and smaller ones make less of a message, which is how a failing
//! one is made small.

use kontor_gateway::contract::Options;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use prost_types::value::Kind as Plain;
use prost_types::{Duration, FieldMask, ListValue, Struct, Timestamp};

/// Messages lie so deep within one another.
const DEPTH: usize = 4;

/// Makes messages out of bytes.
pub(crate) struct Maker<'a> {
    pub options: &'a Options,
    /// For requests: without what the server alone sets, and without what a body can't say.
    pub sent: bool,
    pub bytes: std::slice::Iter<'a, u8>,
}

impl Maker<'_> {
    /// The next byte; 0 when none is left.
    fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        // Small numbers and huge ones alike.
        let length = usize::from(self.byte() % 9);
        bytes[..length].fill_with(|| self.byte());
        u64::from_le_bytes(bytes)
    }

    fn within(&mut self, least: i64, most: i64) -> i64 {
        let spread = most.abs_diff(least).saturating_add(1);
        least.saturating_add_unsigned(self.number() % spread)
    }

    /// A number that takes few digits: how all others are written is a test of its own.
    fn real(&mut self) -> f64 {
        f64::from(self.number() as i32) / 4.0
    }

    fn letter(&mut self) -> char {
        let byte = self.byte();
        let code = match byte % 8 {
            0..=3 => u32::from(byte / 2),
            4 => self.number() as u32 % 0x800,
            5 => 0xd7f0 + self.number() as u32 % 0x820,
            _ => self.number() as u32 % 0x11_0000,
        };
        // Halves of surrogate pairs are no characters.
        let letter = char::from_u32(code).unwrap_or('\u{fffd}');
        if letter == '\0' && self.sent { '0' } else { letter }
    }

    fn text(&mut self) -> String {
        (0..self.byte() % 12).map(|_| self.letter()).collect()
    }

    fn word(&mut self) -> String {
        (0..=self.byte() % 6)
            .map(|_| char::from(b'a' + self.byte() % 26))
            .collect()
    }

    /// A message of this type, as far as there are bytes.
    pub(crate) fn message(&mut self, kind: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        for field in kind.fields() {
            if self.options.inline(&field) {
                // Whether it is there at all can't be seen in JSON.
                let Kind::Message(inner) = field.kind() else {
                    panic!("{} stands inline", field.full_name())
                };
                let inner = self.message(&inner, depth);
                message.set_field(&field, Value::Message(inner));
                continue;
            }
            if self.sent && self.options.is_read_only(&field) {
                continue;
            }
            // A field of a oneof that is set takes the place of the one before.
            if let Some(value) = self.field(&field, depth) {
                message.set_field(&field, value);
            } else if let Some(empty) = implied(&field) {
                message.set_field(&field, empty);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        let many = self.byte();
        if many.is_multiple_of(4) {
            return None;
        }
        let kind = field.kind();
        if depth >= DEPTH && matches!(kind, Kind::Message(_)) {
            return None;
        }
        if field.is_map() {
            let entry = kind.as_message()?.clone();
            let value = entry.map_entry_value_field();
            let pairs = (0..many % 4)
                .map(|_| {
                    let key = self.key(&entry.map_entry_key_field().kind());
                    let value = self.value(&value, depth).unwrap_or_else(|| default(&value));
                    (key, value)
                })
                .collect();
            return Some(Value::Map(pairs));
        }
        if field.cardinality() == Cardinality::Repeated {
            let values = (0..many % 4).filter_map(|_| self.value(field, depth)).collect();
            return Some(Value::List(values));
        }
        self.value(field, depth)
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match kind {
            Kind::Bool => MapKey::Bool(self.byte() % 2 == 1),
            Kind::String => MapKey::String(self.text()),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(self.number() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(self.number() as i64),
            Kind::Uint32 | Kind::Fixed32 => MapKey::U32(self.number() as u32),
            Kind::Uint64 | Kind::Fixed64 => MapKey::U64(self.number()),
            other => panic!("{other:?} is no kind of key"),
        }
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        Some(match field.kind() {
            Kind::Bool => Value::Bool(self.byte() % 2 == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes((0..self.byte() % 10).map(|_| self.byte()).collect()),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.number() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.number() as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.number() as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.number()),
            Kind::Float => Value::F32(self.real() as f32),
            Kind::Double => Value::F64(self.real()),
            Kind::Enum(words) => {
                // The unspecified one is no word: being unset says the same.
                let numbers: Vec<i32> = words
                    .values()
                    .map(|word| word.number())
                    .filter(|number| *number != 0)
                    .collect();
                let at = usize::from(self.byte()) % numbers.len().max(1);
                Value::EnumNumber(*numbers.get(at)?)
            }
            Kind::Message(kind) => Value::Message(self.of_message(&kind, depth + 1)),
        })
    }

    fn of_message(&mut self, kind: &MessageDescriptor, depth: usize) -> DynamicMessage {
        match kind.full_name() {
            // The years 1 to 9999.
            "google.protobuf.Timestamp" => known(
                kind,
                &Timestamp {
                    seconds: self.within(-62_135_596_800, 253_402_300_799),
                    nanos: self.within(0, 999_999_999) as i32,
                },
            ),
            "google.protobuf.Duration" => {
                let seconds = self.within(-315_576_000_000, 315_576_000_000);
                let nanos = self.within(0, 999_999_999) as i32;
                let nanos = if seconds < 0 { -nanos } else { nanos };
                known(kind, &Duration { seconds, nanos })
            }
            "google.protobuf.FieldMask" => {
                let paths = (0..self.byte() % 4).map(|_| self.word()).collect();
                known(kind, &FieldMask { paths })
            }
            "google.protobuf.Struct" => {
                let top = self.object(depth, !self.sent);
                known(kind, &top)
            }
            "google.protobuf.ListValue" => {
                let list = self.list(depth);
                known(kind, &list)
            }
            "google.protobuf.Value" => {
                let value = self.plain(depth, true);
                known(kind, &value)
            }
            _ => self.message(kind, depth),
        }
    }

    /// Plain JSON. At the top of a request, null says that a key is not there.
    fn object(&mut self, depth: usize, nulls: bool) -> Struct {
        let fields = (0..self.byte() % 4)
            .map(|_| (self.text(), self.plain(depth + 1, nulls)))
            .collect();
        Struct { fields }
    }

    fn list(&mut self, depth: usize) -> ListValue {
        let values = (0..self.byte() % 4)
            .map(|_| self.plain(depth + 1, true))
            .collect();
        ListValue { values }
    }

    fn plain(&mut self, depth: usize, nulls: bool) -> prost_types::Value {
        let kind = match self.byte() % 6 {
            0 if nulls => Plain::NullValue(0),
            1 => Plain::BoolValue(self.byte() % 2 == 1),
            2 => Plain::NumberValue(self.real()),
            3 if depth < DEPTH + 3 => Plain::StructValue(self.object(depth, true)),
            4 if depth < DEPTH + 3 => Plain::ListValue(self.list(depth)),
            _ => Plain::StringValue(self.text()),
        };
        prost_types::Value { kind: Some(kind) }
    }
}

/// What a field that isn't set reads as: JSON shows an object, a list or null in its place.
fn implied(field: &FieldDescriptor) -> Option<Value> {
    let optional = field.field_descriptor_proto().proto3_optional();
    let one = field.cardinality() != Cardinality::Repeated && field.containing_oneof().is_none();
    let Kind::Message(kind) = field.kind() else {
        return None;
    };
    let value = match kind.full_name() {
        "google.protobuf.Struct" if one && !optional => known(&kind, &Struct::default()),
        "google.protobuf.ListValue" if one && !optional => known(&kind, &ListValue::default()),
        "google.protobuf.Value" if one => {
            let null = Some(Plain::NullValue(0));
            known(&kind, &prost_types::Value { kind: null })
        }
        _ => return None,
    };
    Some(Value::Message(value))
}

fn default(field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::Message(kind) => Value::Message(DynamicMessage::new(kind)),
        _ => field.default_value(),
    }
}

/// A message that everybody knows, as one of the contract's pool.
pub(crate) fn known(kind: &MessageDescriptor, message: &impl prost::Message) -> DynamicMessage {
    let bytes = message.encode_to_vec();
    DynamicMessage::decode(kind.clone(), bytes.as_slice()).unwrap()
}
