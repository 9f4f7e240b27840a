//! From JSON to wire bytes, in one pass, collecting every bad field on the way.

use std::borrow::Cow;
use std::collections::HashSet;

use kontor_proto::api::v1::FieldError;

use super::scalar::{Refusal, describe, is_numeric, put_bool, put_number, put_text, real};
use super::scan::{Next, NotJson, Scan};
use crate::plan::{FieldPlan, Found, Kind, MessageId, Plans, Shape};
use crate::wire::{WireType, put_bytes, put_nested, put_tag};

/// So many bad fields are listed; a body that has more is no honest mistake.
const MOST_ERRORS: usize = 100;

/// Reads one JSON body.
pub struct Reader<'a> {
    plans: &'a Plans,
    scan: Scan<'a>,
    errors: Vec<FieldError>,
    missing: Vec<FieldError>,
    /// The path of the value at hand, as in JSON.
    path: String,
    /// The same by protobuf's names, and the paths that were sent, when a mask is wanted.
    mask: Option<(String, Vec<String>)>,
}

/// What a body comes to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The message, to be used when nothing is wrong with it.
    pub wire: Vec<u8>,
    /// The paths that were sent, when a mask was wanted.
    pub mask: Vec<String>,
    /// Every bad field.
    pub errors: Vec<FieldError>,
    /// Required fields that were not sent. A service lists them together with its own findings, so that they count
    /// here only beside other errors.
    pub missing: Vec<FieldError>,
}

type Result<T> = std::result::Result<T, NotJson>;

/// Reads a body as a message. Fields of the message whose indices are in `fixed` are said elsewhere (in the path, in a
/// header) and refused as read-only.
pub fn read(
    plans: &Plans,
    message: MessageId,
    text: &str,
    fixed: &[usize],
    with_mask: bool,
) -> Result<Outcome> {
    let mut reader = Reader {
        plans,
        scan: Scan::new(text),
        errors: Vec::new(),
        missing: Vec::new(),
        path: String::new(),
        mask: with_mask.then(Default::default),
    };
    let mut wire = Vec::with_capacity(text.len());
    match reader.scan.peek()? {
        Next::Object => reader.object(message, &mut wire, fixed, with_mask)?,
        next => {
            reader.scan.skip(next)?;
            reader.refuse(&Refusal::wrong_type("an object", next.name()));
        }
    }
    reader.scan.end()?;
    let mask = reader.mask.map(|(_, paths)| paths).unwrap_or_default();
    Ok(Outcome {
        wire,
        mask,
        errors: reader.errors,
        missing: reader.missing,
    })
}

impl Reader<'_> {
    fn refuse(&mut self, refusal: &Refusal) {
        if self.errors.len() < MOST_ERRORS {
            self.errors
                .push(field_error(&self.path, refusal.code, refusal.message.clone()));
        }
    }

    /// Goes on below the path, and back.
    fn within<T>(&mut self, word: &str, name: &str, go: impl FnOnce(&mut Self) -> T) -> T {
        let (path, mask) = (
            self.path.len(),
            self.mask.as_ref().map_or(0, |(path, _)| path.len()),
        );
        push(&mut self.path, word);
        if let Some((path, _)) = &mut self.mask {
            push(path, name);
        }
        let result = go(self);
        self.path.truncate(path);
        if let Some((path, _)) = &mut self.mask {
            path.truncate(mask);
        }
        result
    }

    fn mark(&mut self) {
        if let Some((path, paths)) = &mut self.mask {
            paths.push(path.clone());
        }
    }

    fn object(&mut self, id: MessageId, out: &mut Vec<u8>, fixed: &[usize], masking: bool) -> Result<()> {
        let plan = self.plans.message(id);
        let (mut seen, mut given, mut first) = (HashSet::new(), HashSet::new(), true);
        self.scan.open()?;
        while let Some(key) = self.scan.key(&mut first)? {
            let Some(found) = plan.find(&key) else {
                self.unknown(&key)?;
                continue;
            };
            let (holder, field) = self.plans.field(id, found);
            if !seen.insert(found) {
                self.within(&field.word, &field.name, |reader| {
                    reader.refuse(&Refusal::new("duplicate_key", "stands twice in the object"));
                });
                let next = self.scan.peek()?;
                self.scan.skip(next)?;
                continue;
            }
            let length = out.len();
            let read_only = field.read_only || matches!(found, Found::Own(index) if fixed.contains(&index));
            self.within(&field.word, &field.name, |reader| {
                if read_only {
                    reader.refuse(&Refusal::new("read_only", "is set by the server alone"));
                    let next = reader.scan.peek()?;
                    return reader.scan.skip(next);
                }
                match holder {
                    // Pieces of one message are merged by whoever reads them.
                    Some(holder) => put_nested(out, holder.number, |out| reader.field(field, out, masking)),
                    None => reader.field(field, out, masking),
                }
            })?;
            // Of alternatives, all but one may be null, as in an answer.
            if field.oneof.is_some() && out.len() > length {
                given.insert(found);
            }
        }
        for (index, field) in plan.fields.iter().enumerate() {
            let found = Found::Own(index);
            if field.required && !masking && !fixed.contains(&index) && !seen.contains(&found) {
                let path = self.within(&field.word, &field.name, |reader| reader.path.clone());
                self.missing.push(field_error(&path, "required", "is required"));
            }
            let rivals = field.oneof.map_or(&[][..], |oneof| plan.oneofs[oneof].as_slice());
            if given.contains(&found)
                && rivals
                    .iter()
                    .any(|&rival| rival < index && given.contains(&Found::Own(rival)))
            {
                self.within(&field.word, &field.name, |reader| {
                    reader.refuse(&Refusal::new(
                        "exclusive",
                        "can't be given together with its alternative",
                    ));
                });
            }
        }
        Ok(())
    }

    fn unknown(&mut self, key: &str) -> Result<()> {
        let shown: String = key
            .chars()
            .filter(|letter| !letter.is_control())
            .take(100)
            .collect();
        self.within(&shown, &shown, |reader| {
            reader.refuse(&Refusal::new("unknown_field", "is not a field here"));
        });
        let next = self.scan.peek()?;
        self.scan.skip(next)
    }

    fn field(&mut self, field: &FieldPlan, out: &mut Vec<u8>, masking: bool) -> Result<()> {
        let next = self.scan.peek()?;
        if next == Next::Null && (field.kind != Kind::Value || field.shape != Shape::One) {
            if field.required && !masking {
                self.missing
                    .push(field_error(&self.path, "required", "is required"));
            }
            if masking {
                self.mark();
            }
            return Ok(());
        }
        match (field.shape, next) {
            (Shape::One, Next::Object) => match field.kind {
                Kind::Message(id) => {
                    return put_nested(out, field.number, |out| self.object(id, out, &[], masking));
                }
                Kind::Struct => {
                    return put_nested(out, field.number, |out| self.plain_object(out, true, masking));
                }
                _ => {}
            },
            (Shape::List, Next::List) => {
                self.scan.open()?;
                let (mut first, mut at) = (true, 0);
                while self.scan.item(&mut first)? {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{at}]"));
                    let next = self.scan.peek()?;
                    self.value(field.number, field.kind, next, out)?;
                    self.path.truncate(length);
                    at += 1;
                }
                if masking {
                    self.mark();
                }
                return Ok(());
            }
            (Shape::Map, Next::Object) => {
                self.map(field, out)?;
                if masking {
                    self.mark();
                }
                return Ok(());
            }
            (Shape::List, next) => return self.wrong("a list", next),
            (Shape::Map, next) => return self.wrong("an object", next),
            (Shape::One, _) => {}
        }
        if masking {
            self.mark();
        }
        self.value(field.number, field.kind, next, out)
    }

    fn wrong(&mut self, expected: &str, next: Next) -> Result<()> {
        self.refuse(&Refusal::wrong_type(expected, next.name()));
        self.scan.skip(next)
    }

    fn value(&mut self, number: u32, kind: Kind, next: Next, out: &mut Vec<u8>) -> Result<()> {
        let taken = match (kind, next) {
            (Kind::Message(id), Next::Object) => {
                return put_nested(out, number, |out| self.object(id, out, &[], false));
            }
            (Kind::Struct, Next::Object) => {
                return put_nested(out, number, |out| self.plain_object(out, false, false));
            }
            (Kind::ListValue, Next::List) => return put_nested(out, number, |out| self.plain_list(out)),
            (Kind::Value, next) => return put_nested(out, number, |out| self.plain_value(next, out)),
            (Kind::Bool, Next::Bool(value)) => {
                put_bool(out, number, value);
                Ok(())
            }
            (kind, Next::Number) if is_numeric(kind) => put_number(out, number, kind, self.scan.number()?),
            (kind, Next::String) if describe(kind) == "a string" => {
                let (text, whole) = self.scan.text()?;
                if whole {
                    put_text(out, number, kind, &text, self.plans)
                } else {
                    Err(half_a_character())
                }
            }
            (kind, next) => return self.wrong(describe(kind), next),
        };
        if let Err(refusal) = taken {
            self.refuse(&refusal);
        }
        Ok(())
    }

    fn map(&mut self, field: &FieldPlan, out: &mut Vec<u8>) -> Result<()> {
        let Kind::Message(entry) = field.kind else {
            return Ok(());
        };
        let [key_plan, value_plan] = self.plans.message(entry).fields.as_slice() else {
            return Ok(());
        };
        self.keys(|reader, key| {
            let next = reader.scan.peek()?;
            put_nested(out, field.number, |out| {
                let taken = super::scalar::put_parameter(out, 1, key_plan.kind, key, reader.plans);
                if let Err(refusal) = taken {
                    reader.refuse(&refusal);
                }
                reader.value(2, value_plan.kind, next, out)
            })
        })
    }

    /// Goes through an object of free keys.
    fn keys(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        let (mut seen, mut first) = (HashSet::<Cow<'_, str>>::new(), true);
        self.scan.open()?;
        while let Some(key) = self.scan.key(&mut first)? {
            let twice = seen.contains(&key);
            self.within(&key, &key, |reader| {
                if twice {
                    reader.refuse(&Refusal::new("duplicate_key", "stands twice in the object"));
                } else if key.contains('\0') {
                    reader.refuse(&Refusal::new(
                        "invalid_text",
                        "must not contain the character NUL",
                    ));
                }
                each(reader, &key)
            })?;
            seen.insert(key);
        }
        Ok(())
    }

    /// An object of any content. At the top, null means that a key is not there.
    fn plain_object(&mut self, out: &mut Vec<u8>, top: bool, masking: bool) -> Result<()> {
        self.keys(|reader, key| {
            if masking {
                reader.mark();
            }
            let next = reader.scan.peek()?;
            if top && next == Next::Null {
                return Ok(());
            }
            put_nested(out, 1, |out| {
                put_bytes(out, 1, key.as_bytes());
                put_nested(out, 2, |out| reader.plain_value(next, out))
            })
        })
    }

    fn plain_list(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.scan.open()?;
        let (mut first, mut at) = (true, 0);
        while self.scan.item(&mut first)? {
            let length = self.path.len();
            self.path.push_str(&format!("[{at}]"));
            let next = self.scan.peek()?;
            put_nested(out, 1, |out| self.plain_value(next, out))?;
            self.path.truncate(length);
            at += 1;
        }
        Ok(())
    }

    fn plain_value(&mut self, next: Next, out: &mut Vec<u8>) -> Result<()> {
        match next {
            Next::Null => {
                put_tag(out, 1, WireType::Varint);
                out.push(0);
            }
            Next::Number => match real(self.scan.number()?) {
                Ok(value) => {
                    put_tag(out, 2, WireType::Fixed64);
                    out.extend_from_slice(&value.to_bits().to_le_bytes());
                }
                Err(refusal) => self.refuse(&refusal),
            },
            Next::String => {
                let (text, whole) = self.scan.text()?;
                let taken = if whole {
                    put_text(out, 3, Kind::String, &text, self.plans)
                } else {
                    Err(half_a_character())
                };
                if let Err(refusal) = taken {
                    self.refuse(&refusal);
                }
            }
            Next::Bool(value) => put_bool(out, 4, value),
            Next::Object => put_nested(out, 5, |out| self.plain_object(out, false, false))?,
            Next::List => put_nested(out, 6, |out| self.plain_list(out))?,
        }
        Ok(())
    }
}

fn half_a_character() -> Refusal {
    Refusal::new("invalid_text", "must not contain half of a surrogate pair")
}

fn push(path: &mut String, word: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(word);
}

/// A bad field.
pub fn field_error(path: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: path.to_owned(),
        code: code.to_owned(),
        message: message.into(),
        position: None,
    }
}
