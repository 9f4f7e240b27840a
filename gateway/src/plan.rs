//! What to do with every field of every message, worked out once, so that a request costs no look at a descriptor.

use std::collections::HashMap;

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, MessageDescriptor};

use crate::contract::{BadContract, Options};

/// Which message plan.
pub type MessageId = usize;
/// Which enum plan.
pub type EnumId = usize;

/// The plans of all messages and enums of the contract.
#[derive(Debug)]
pub struct Plans {
    messages: Vec<MessagePlan>,
    enums: Vec<EnumPlan>,
    by_name: HashMap<String, MessageId>,
    empty: MessageId,
}

/// A message, field by field.
#[derive(Debug)]
pub struct MessagePlan {
    /// The full protobuf name.
    pub name: String,
    /// The fields by ascending number.
    pub fields: Vec<FieldPlan>,
    by_number: Vec<u16>,
    by_word: HashMap<String, Found>,
    /// The members of each real oneof, as indices.
    pub oneofs: Vec<Vec<usize>>,
}

/// Where a word of JSON leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// To a field of the message itself.
    Own(usize),
    /// To a field of a message that stands inline: (the field that holds it, its own field).
    Inline(usize, usize),
}

/// A field.
#[derive(Debug)]
pub struct FieldPlan {
    /// Its number.
    pub number: u32,
    /// Its protobuf name, as in an update mask.
    pub name: String,
    /// Its word in JSON.
    pub word: String,
    /// The word, quoted, with its colon.
    pub key: Vec<u8>,
    /// What a value of it is.
    pub kind: Kind,
    /// How many values it has.
    pub shape: Shape,
    /// Whether not being set differs from the default.
    pub presence: bool,
    /// Whether it is written `optional`.
    pub optional: bool,
    /// The oneof it is a member of.
    pub oneof: Option<usize>,
    /// Only the server sets it.
    pub read_only: bool,
    /// It must be given.
    pub required: bool,
    /// Its message's fields stand in its place.
    pub inline: bool,
    /// Unset, it is left out of answers.
    pub sparse: bool,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are protobuf's own
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(EnumId),
    Message(MessageId),
    Timestamp,
    Duration,
    Struct,
    Value,
    ListValue,
    FieldMask,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// At most one.
    One,
    /// Any number, in order.
    List,
    /// Any number, by key; the field's kind is the message of an entry.
    Map,
}

/// The words of an enum.
#[derive(Debug)]
pub struct EnumPlan {
    /// The full protobuf name.
    pub name: String,
    /// Number and word, without the unspecified one.
    pub words: Vec<(i32, String)>,
}

impl EnumPlan {
    /// The word of a number.
    pub fn word(&self, number: i32) -> Option<&str> {
        let near = usize::try_from(number)
            .ok()
            .and_then(|n| self.words.get(n.wrapping_sub(1)));
        match near {
            Some((n, word)) if *n == number => Some(word),
            _ => self
                .words
                .iter()
                .find(|(n, _)| *n == number)
                .map(|(_, word)| word.as_str()),
        }
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> Option<i32> {
        self.words
            .iter()
            .find(|(_, known)| known == word)
            .map(|(number, _)| *number)
    }

    /// All words, for a person.
    pub fn list(&self) -> String {
        self.words
            .iter()
            .map(|(_, word)| word.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl MessagePlan {
    /// The index of the field with a number.
    pub fn index(&self, number: u32) -> Option<usize> {
        match self.by_number.get(number as usize) {
            Some(&index) if index != u16::MAX => Some(usize::from(index)),
            _ => None,
        }
    }

    /// The field behind a word of JSON.
    pub fn find(&self, word: &str) -> Option<Found> {
        self.by_word.get(word).copied()
    }

    /// The field with a protobuf name.
    pub fn named(&self, name: &str) -> Option<&FieldPlan> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Plans {
    /// Works out the plans of every message in the pool.
    pub fn of(pool: &DescriptorPool, options: &Options) -> Result<Self, BadContract> {
        let by_name: HashMap<_, _> = pool
            .all_messages()
            .enumerate()
            .map(|(id, message)| (message.full_name().to_owned(), id))
            .collect();
        let enum_ids: HashMap<_, _> = pool
            .all_enums()
            .enumerate()
            .map(|(id, words)| (words.full_name().to_owned(), id))
            .collect();
        let mut plans = Self {
            messages: pool
                .all_messages()
                .map(|message| message_plan(&message, options, &by_name, &enum_ids))
                .collect::<Result<_, _>>()?,
            enums: pool.all_enums().map(|words| enum_plan(&words)).collect(),
            empty: *by_name
                .get("google.protobuf.Empty")
                .ok_or_else(|| BadContract::new("google.protobuf.Empty", "is not in the descriptors"))?,
            by_name,
        };
        plans.name_inlined_fields()?;
        Ok(plans)
    }

    /// The plan of a message.
    pub fn message(&self, id: MessageId) -> &MessagePlan {
        &self.messages[id]
    }

    /// The plan of an enum.
    pub fn words(&self, id: EnumId) -> &EnumPlan {
        &self.enums[id]
    }

    /// The plan of an enum by its full name.
    pub fn enum_named(&self, full_name: &str) -> Option<&EnumPlan> {
        self.enums.iter().find(|words| words.name == full_name)
    }

    /// The id of a message's plan.
    pub fn id(&self, full_name: &str) -> Result<MessageId, BadContract> {
        self.by_name
            .get(full_name)
            .copied()
            .ok_or_else(|| BadContract::new(full_name, "is not in the descriptors"))
    }

    /// The plan of a message without fields, for bodies that are not expected.
    pub fn empty(&self) -> MessageId {
        self.empty
    }

    /// The field behind a word, through inline messages.
    pub fn field(&self, message: MessageId, found: Found) -> (Option<&FieldPlan>, &FieldPlan) {
        let plan = self.message(message);
        match found {
            Found::Own(index) => (None, &plan.fields[index]),
            Found::Inline(holder, index) => {
                let holder = &plan.fields[holder];
                match holder.kind {
                    Kind::Message(inner) => (Some(holder), &self.message(inner).fields[index]),
                    _ => (None, holder),
                }
            }
        }
    }

    fn name_inlined_fields(&mut self) -> Result<(), BadContract> {
        for id in 0..self.messages.len() {
            let mut words = Vec::new();
            for (holder, field) in self.messages[id]
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| field.inline)
            {
                let (Kind::Message(inner), Shape::One) = (field.kind, field.shape) else {
                    return Err(BadContract::new(
                        &self.messages[id].name,
                        "only one message can stand inline",
                    ));
                };
                let inner = &self.messages[inner];
                if inner.fields.iter().any(|field| field.inline) {
                    return Err(BadContract::new(
                        &inner.name,
                        "stands inline and can't hold an inline message itself",
                    ));
                }
                words.extend(
                    inner
                        .fields
                        .iter()
                        .enumerate()
                        .map(|(at, own)| (own.word.clone(), Found::Inline(holder, at))),
                );
            }
            for (word, found) in words {
                // Its own fields come before those of what stands inline.
                self.messages[id].by_word.entry(word).or_insert(found);
            }
        }
        Ok(())
    }
}

fn message_plan(
    message: &MessageDescriptor,
    options: &Options,
    messages: &HashMap<String, MessageId>,
    enums: &HashMap<String, EnumId>,
) -> Result<MessagePlan, BadContract> {
    let real: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
    let fields: Vec<_> = message
        .fields()
        .map(|field| {
            let word = options.word(&field);
            let oneof = field
                .containing_oneof()
                .and_then(|oneof| real.iter().position(|known| *known == oneof));
            Ok(FieldPlan {
                number: field.number(),
                name: field.name().to_owned(),
                key: format!("\"{word}\":").into_bytes(),
                word,
                kind: kind(&field, messages, enums)?,
                shape: match (field.is_map(), field.cardinality()) {
                    (true, _) => Shape::Map,
                    (false, Cardinality::Repeated) => Shape::List,
                    _ => Shape::One,
                },
                presence: field.supports_presence(),
                optional: field.field_descriptor_proto().proto3_optional(),
                oneof,
                read_only: options.is_read_only(&field),
                required: options.is_required(&field),
                inline: options.inline(&field),
                sparse: options.is_sparse(&field),
            })
        })
        .collect::<Result<_, BadContract>>()?;
    let highest = fields.last().map_or(0, |field| field.number as usize);
    if highest > 5000 && message.full_name().starts_with("kontor.") {
        return Err(BadContract::new(
            message.full_name(),
            "field numbers above 5000 are not planned for",
        ));
    }
    let mut by_number = vec![u16::MAX; highest.min(5000) + 1];
    for (index, field) in fields.iter().enumerate() {
        if let (Some(slot), Ok(index)) = (by_number.get_mut(field.number as usize), u16::try_from(index)) {
            *slot = index;
        }
    }
    let by_word = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| !field.inline)
        .map(|(index, field)| (field.word.clone(), Found::Own(index)))
        .collect();
    let oneofs = (0..real.len())
        .map(|oneof| {
            (0..fields.len())
                .filter(|&index| fields[index].oneof == Some(oneof))
                .collect()
        })
        .collect();
    Ok(MessagePlan {
        name: message.full_name().to_owned(),
        fields,
        by_number,
        by_word,
        oneofs,
    })
}

fn kind(
    field: &FieldDescriptor,
    messages: &HashMap<String, MessageId>,
    enums: &HashMap<String, EnumId>,
) -> Result<Kind, BadContract> {
    use prost_reflect::Kind as Proto;
    let unknown = || BadContract::new(field.full_name(), "its type is not in the descriptors");
    Ok(match field.kind() {
        Proto::Bool => Kind::Bool,
        Proto::Int32 => Kind::Int32,
        Proto::Int64 => Kind::Int64,
        Proto::Uint32 => Kind::Uint32,
        Proto::Uint64 => Kind::Uint64,
        Proto::Sint32 => Kind::Sint32,
        Proto::Sint64 => Kind::Sint64,
        Proto::Fixed32 => Kind::Fixed32,
        Proto::Fixed64 => Kind::Fixed64,
        Proto::Sfixed32 => Kind::Sfixed32,
        Proto::Sfixed64 => Kind::Sfixed64,
        Proto::Float => Kind::Float,
        Proto::Double => Kind::Double,
        Proto::String => Kind::String,
        Proto::Bytes => Kind::Bytes,
        Proto::Enum(words) => Kind::Enum(*enums.get(words.full_name()).ok_or_else(unknown)?),
        Proto::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => Kind::Timestamp,
            "google.protobuf.Duration" => Kind::Duration,
            "google.protobuf.Struct" => Kind::Struct,
            "google.protobuf.Value" => Kind::Value,
            "google.protobuf.ListValue" => Kind::ListValue,
            "google.protobuf.FieldMask" => Kind::FieldMask,
            name => Kind::Message(*messages.get(name).ok_or_else(unknown)?),
        },
    })
}

/// `LEAD_STATUS_NEW` of the enum `LeadStatus` is `new`.
fn enum_plan(words: &EnumDescriptor) -> EnumPlan {
    let mut prefix = String::new();
    for (at, letter) in words.name().char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    let words_of_values = words
        .values()
        .filter(|value| value.number() != 0)
        .map(|value| {
            let word = value
                .name()
                .strip_prefix(prefix.as_str())
                .unwrap_or(value.name())
                .to_ascii_lowercase();
            (value.number(), word)
        })
        .collect();
    EnumPlan {
        name: words.full_name().to_owned(),
        words: words_of_values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kontor_proto::DESCRIPTORS;

    fn plans() -> Plans {
        Plans::of(&DESCRIPTORS, &Options::of(&DESCRIPTORS).unwrap()).unwrap()
    }

    #[test]
    fn an_enum_is_known_by_short_words() {
        let plans = plans();
        let status = plans
            .enums
            .iter()
            .find(|words| words.name == "kontor.leads.v1.LeadStatus")
            .unwrap();
        assert_eq!(status.word(1), Some("new"));
        assert_eq!(status.number("converted"), Some(6));
        assert_eq!(status.word(0), None);
        assert_eq!(status.number("unspecified"), None);
    }

    #[test]
    fn the_fields_of_an_inline_message_are_found_as_its_holders_own() {
        let plans = plans();
        let id = plans.id("kontor.leads.v1.ListLeadsRequest").unwrap();
        let found = plans.message(id).find("page_size").unwrap();
        let (holder, field) = plans.field(id, found);
        assert_eq!(
            (holder.unwrap().name.as_str(), field.name.as_str()),
            ("query", "page_size")
        );
        assert_eq!(plans.message(id).find("query"), None);
    }
}
