//! From wire bytes to JSON, in one pass over the bytes of each message and into one buffer.
//!
//! Every field is there: null when unset, `[]` and `{}` when empty; but for those that the contract calls sparse. A message
//! is walked once, noting for each field where its first and last value stand; then the fields are written in the order
//! of their numbers. The notes of all open messages lie on one stack, so that no field costs an allocation.

use super::number::{put_double, put_float, put_int, put_uint};
use super::text::{put_base64, put_duration, put_instant, put_string};
use crate::plan::{EnumId, FieldPlan, Kind, MessageId, Plans, Shape};
use crate::wire::{Malformed, Value, Walk, last};

/// Deeper messages than this are refused, as protobuf's own readers do.
const DEPTH: usize = 100;

/// Where the values of a field stand: the first and the last tag, the end of the last value, and how many.
#[derive(Clone, Copy, Default)]
struct Slot {
    first: usize,
    last: usize,
    end: usize,
    count: usize,
}

/// Writes messages as JSON.
pub struct Writer<'a> {
    plans: &'a Plans,
    out: Vec<u8>,
    slots: Vec<Slot>,
}

impl<'a> Writer<'a> {
    /// Begins with room for `capacity` bytes of JSON.
    pub fn new(plans: &'a Plans, capacity: usize) -> Self {
        Self {
            plans,
            out: Vec::with_capacity(capacity),
            slots: Vec::with_capacity(128),
        }
    }

    /// The JSON.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Writes a whole message.
    pub fn message(&mut self, id: MessageId, bytes: &[u8]) -> Result<(), Malformed> {
        self.object(id, bytes, 0)
    }

    /// Writes one field of a message, as the answer of an rpc with a `response_body`.
    pub fn field(&mut self, field: &FieldPlan, bytes: &[u8]) -> Result<(), Malformed> {
        let mut slot = Slot::default();
        let mut walk = Walk::from(bytes, 0);
        while !walk.is_done() {
            let at = walk.at();
            if walk.field()?.0 == field.number {
                slot = slot.with(at, walk.at());
            }
        }
        self.slot(field, bytes, slot, 0)
    }

    fn object(&mut self, id: MessageId, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
        self.out.push(b'{');
        self.fields(id, bytes, depth, true)?;
        self.out.push(b'}');
        Ok(())
    }

    fn fields(&mut self, id: MessageId, bytes: &[u8], depth: usize, first: bool) -> Result<(), Malformed> {
        if depth > DEPTH {
            return Err(Malformed(0));
        }
        let plan = self.plans.message(id);
        let base = self.slots.len();
        self.slots.resize(base + plan.fields.len(), Slot::default());
        let mut walk = Walk::from(bytes, 0);
        while !walk.is_done() {
            let at = walk.at();
            let (number, _) = walk.field()?;
            let Some(index) = plan.index(number) else { continue };
            if let Some(oneof) = plan.fields[index].oneof {
                for &other in plan.oneofs[oneof].iter().filter(|&&other| other != index) {
                    self.slots[base + other] = Slot::default();
                }
            }
            self.slots[base + index] = self.slots[base + index].with(at, walk.at());
        }
        let mut first = first;
        for (index, field) in plan.fields.iter().enumerate() {
            let slot = self.slots[base + index];
            if let (true, Kind::Message(inner)) = (field.inline, field.kind) {
                let value = merged(field, bytes, slot)?;
                self.fields(inner, &value, depth + 1, first)?;
                first = first && self.plans.message(inner).fields.is_empty();
                continue;
            }
            if field.sparse && slot.count == 0 {
                continue;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.out.extend_from_slice(&field.key);
            self.slot(field, bytes, slot, depth)?;
        }
        self.slots.truncate(base);
        Ok(())
    }

    fn slot(&mut self, field: &FieldPlan, bytes: &[u8], slot: Slot, depth: usize) -> Result<(), Malformed> {
        match field.shape {
            Shape::List => self.list(field, bytes, slot, depth),
            Shape::Map => self.map(field, bytes, slot, depth),
            Shape::One if slot.count == 0 => {
                self.unset(field);
                Ok(())
            }
            Shape::One if slot.count > 1 && is_message(field.kind) => {
                let value = merged(field, bytes, slot)?;
                self.value(field.kind, Value::Bytes(&value), depth)
            }
            Shape::One => {
                let (_, value) = Walk::from(bytes, slot.last).field()?;
                self.value(field.kind, value, depth)
            }
        }
    }

    fn unset(&mut self, field: &FieldPlan) {
        self.out.extend_from_slice(match field.kind {
            Kind::Struct if !field.optional => b"{}",
            Kind::ListValue if !field.optional => b"[]",
            _ if field.presence => b"null",
            Kind::Bool => b"false",
            Kind::String | Kind::Bytes => b"\"\"",
            Kind::Enum(_) => b"null",
            _ => b"0",
        });
    }

    fn list(&mut self, field: &FieldPlan, bytes: &[u8], slot: Slot, depth: usize) -> Result<(), Malformed> {
        self.out.push(b'[');
        let mut comma = false;
        if slot.count > 0 {
            let mut walk = Walk::from(&bytes[..slot.end], slot.first);
            while !walk.is_done() {
                let (number, value) = walk.field()?;
                if number != field.number {
                    continue;
                }
                match value {
                    Value::Bytes(packed) if is_number(field.kind) => {
                        let mut packed = Walk::from(packed, 0);
                        while !packed.is_done() {
                            self.comma(&mut comma);
                            let number = match field.kind {
                                Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => u64::from(packed.fixed32()?),
                                Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => packed.fixed64()?,
                                _ => packed.varint()?,
                            };
                            self.value(field.kind, Value::Number(number), depth)?;
                        }
                    }
                    value => {
                        self.comma(&mut comma);
                        self.value(field.kind, value, depth)?;
                    }
                }
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn comma(&mut self, before: &mut bool) {
        if *before {
            self.out.push(b',');
        }
        *before = true;
    }

    /// Maps are written by ascending key, so that the same answer is the same text.
    fn map(&mut self, field: &FieldPlan, bytes: &[u8], slot: Slot, depth: usize) -> Result<(), Malformed> {
        let Kind::Message(entry) = field.kind else {
            return Err(Malformed(slot.first));
        };
        let [key, value] = self.plans.message(entry).fields.as_slice() else {
            return Err(Malformed(slot.first));
        };
        let mut entries: Vec<(Vec<u8>, &[u8])> = Vec::with_capacity(slot.count);
        if slot.count > 0 {
            let mut walk = Walk::from(&bytes[..slot.end], slot.first);
            while !walk.is_done() {
                if let (number, Value::Bytes(entry)) = walk.field()?
                    && number == field.number
                {
                    let name = match last(entry, 1)? {
                        Some(Value::Bytes(name)) => name.to_vec(),
                        Some(Value::Number(number)) if key.kind == Kind::Bool => {
                            (number != 0).to_string().into_bytes()
                        }
                        Some(Value::Number(number)) => self.key_number(key.kind, number),
                        None if key.kind == Kind::String => Vec::new(),
                        None if key.kind == Kind::Bool => b"false".to_vec(),
                        None => b"0".to_vec(),
                    };
                    entries.push((name, entry));
                }
            }
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        self.out.push(b'{');
        for (at, (name, entry)) in entries.iter().enumerate() {
            if entries.get(at + 1).is_some_and(|(next, _)| next == name) {
                continue; // the last one of equal keys counts
            }
            if self.out.last() != Some(&b'{') {
                self.out.push(b',');
            }
            put_string(&mut self.out, name);
            self.out.push(b':');
            match last(entry, 2)? {
                Some(found) => self.value(value.kind, found, depth)?,
                None if is_message(value.kind) => self.value(value.kind, Value::Bytes(&[]), depth)?,
                None => self.unset(value),
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn key_number(&self, kind: Kind, number: u64) -> Vec<u8> {
        let mut writer = Writer::new(self.plans, 20);
        writer.number(kind, number);
        writer.out
    }

    fn value(&mut self, kind: Kind, value: Value<'_>, depth: usize) -> Result<(), Malformed> {
        match (kind, value) {
            (Kind::String, Value::Bytes(text)) => put_string(&mut self.out, text),
            (Kind::Bytes, Value::Bytes(bytes)) => put_base64(&mut self.out, bytes),
            (Kind::Message(id), Value::Bytes(bytes)) => self.object(id, bytes, depth + 1)?,
            (Kind::Timestamp, Value::Bytes(bytes)) => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                put_instant(&mut self.out, seconds, nanos);
            }
            (Kind::Duration, Value::Bytes(bytes)) => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                put_duration(&mut self.out, seconds, nanos);
            }
            (Kind::Struct, Value::Bytes(bytes)) => self.plain_object(bytes, depth + 1)?,
            (Kind::Value, Value::Bytes(bytes)) => self.plain_value(bytes, depth + 1)?,
            (Kind::ListValue, Value::Bytes(bytes)) => self.plain_list(bytes, depth + 1)?,
            (Kind::FieldMask, Value::Bytes(bytes)) => {
                let mut paths = Vec::new();
                let mut walk = Walk::from(bytes, 0);
                while !walk.is_done() {
                    if let (1, Value::Bytes(path)) = walk.field()? {
                        paths.push(path);
                    }
                }
                put_string(&mut self.out, &paths.join(&b','));
            }
            (kind, Value::Number(number)) if is_number(kind) => self.number(kind, number),
            _ => return Err(Malformed(0)),
        }
        Ok(())
    }

    fn number(&mut self, kind: Kind, number: u64) {
        let unzigzag = (number >> 1) as i64 ^ -((number & 1) as i64);
        match kind {
            Kind::Bool => self
                .out
                .extend_from_slice(if number == 0 { b"false" } else { b"true" }),
            Kind::Enum(words) => self.word(words, number as i32),
            Kind::Int32 | Kind::Sfixed32 => put_int(&mut self.out, i64::from(number as i32)),
            Kind::Int64 | Kind::Sfixed64 => put_int(&mut self.out, number as i64),
            Kind::Sint32 | Kind::Sint64 => put_int(&mut self.out, unzigzag),
            Kind::Float => put_float(&mut self.out, f32::from_bits(number as u32)),
            Kind::Double => put_double(&mut self.out, f64::from_bits(number)),
            _ => put_uint(&mut self.out, number),
        }
    }

    /// A number without a word, from a newer service, is null like none.
    fn word(&mut self, words: EnumId, number: i32) {
        match self.plans.words(words).word(number) {
            Some(word) => put_string(&mut self.out, word.as_bytes()),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn plain_object(&mut self, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
        let mut entries: Vec<(&[u8], &[u8])> = Vec::new();
        let mut walk = Walk::from(bytes, 0);
        while !walk.is_done() {
            if let (1, Value::Bytes(entry)) = walk.field()? {
                let text = |value| match value {
                    Some(Value::Bytes(bytes)) => bytes,
                    _ => &[][..],
                };
                entries.push((text(last(entry, 1)?), text(last(entry, 2)?)));
            }
        }
        entries.sort_by_key(|(key, _)| *key);
        self.out.push(b'{');
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            put_string(&mut self.out, key);
            self.out.push(b':');
            self.plain_value(value, depth + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn plain_list(&mut self, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
        self.out.push(b'[');
        let (mut walk, mut comma) = (Walk::from(bytes, 0), false);
        while !walk.is_done() {
            if let (1, Value::Bytes(value)) = walk.field()? {
                self.comma(&mut comma);
                self.plain_value(value, depth + 1)?;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn plain_value(&mut self, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH {
            return Err(Malformed(0));
        }
        let (mut walk, mut found) = (Walk::from(bytes, 0), (1, Value::Number(0)));
        while !walk.is_done() {
            found = walk.field()?;
        }
        match found {
            (2, Value::Number(bits)) => put_double(&mut self.out, f64::from_bits(bits)),
            (3, Value::Bytes(text)) => put_string(&mut self.out, text),
            (4, Value::Number(number)) => self.number(Kind::Bool, number),
            (5, Value::Bytes(object)) => self.plain_object(object, depth)?,
            (6, Value::Bytes(list)) => self.plain_list(list, depth)?,
            _ => self.out.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

impl Slot {
    fn with(self, at: usize, end: usize) -> Self {
        Self {
            first: if self.count == 0 { at } else { self.first },
            last: at,
            end,
            count: self.count + 1,
        }
    }
}

/// A message that stands in several pieces is the pieces one behind the other, as protobuf wants it.
fn merged<'a>(
    field: &FieldPlan,
    bytes: &'a [u8],
    slot: Slot,
) -> Result<std::borrow::Cow<'a, [u8]>, Malformed> {
    let mut pieces = Vec::new();
    if slot.count > 0 {
        let mut walk = Walk::from(&bytes[..slot.end], slot.first);
        while !walk.is_done() {
            match walk.field()? {
                (number, Value::Bytes(piece)) if number == field.number => {
                    if slot.count == 1 {
                        return Ok(piece.into());
                    }
                    pieces.extend_from_slice(piece);
                }
                _ => {}
            }
        }
    }
    Ok(pieces.into())
}

fn seconds_and_nanos(bytes: &[u8]) -> Result<(i64, i64), Malformed> {
    let (mut walk, mut seconds, mut nanos) = (Walk::from(bytes, 0), 0, 0);
    while !walk.is_done() {
        match walk.field()? {
            (1, Value::Number(number)) => seconds = number as i64,
            (2, Value::Number(number)) => nanos = i64::from(number as i32),
            _ => {}
        }
    }
    Ok((seconds, nanos))
}

fn is_message(kind: Kind) -> bool {
    !is_number(kind) && !matches!(kind, Kind::String | Kind::Bytes)
}

fn is_number(kind: Kind) -> bool {
    use Kind::*;
    matches!(
        kind,
        Bool | Int32
            | Int64
            | Uint32
            | Uint64
            | Sint32
            | Sint64
            | Fixed32
            | Fixed64
            | Sfixed32
            | Sfixed64
            | Float
            | Double
            | Enum(_)
    )
}
