//! Messages and enums as JSON Schema.

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;
use crate::contract::Options;
use crate::plan::Plans;

/// What a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// An answer: every field is there.
    Answer,
    /// A body: without what only the server sets.
    Input,
    /// A merge patch: anything may be left out.
    Patch,
}

/// Gathers the schemas that are referred to.
pub(super) struct Schemas<'a> {
    pub(super) comments: &'a Comments,
    pub(super) options: &'a Options,
    pub(super) plans: &'a Plans,
    found: BTreeMap<String, Value>,
    names: HashMap<String, String>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(comments: &'a Comments, options: &'a Options, plans: &'a Plans) -> Self {
        Self {
            comments,
            options,
            plans,
            found: BTreeMap::new(),
            names: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> BTreeMap<String, Value> {
        self.found
    }

    /// The short name of a type; the full one when two are called alike.
    fn name(&mut self, full: &str, short: &str) -> String {
        if let Some(known) = self.names.get(full) {
            return known.clone();
        }
        let taken = self.names.values().any(|known| known == short);
        let name = if taken {
            full.replace('.', "_")
        } else {
            short.to_owned()
        };
        self.names.insert(full.to_owned(), name.clone());
        name
    }

    /// A reference to the schema of a message.
    pub(super) fn message(&mut self, message: &MessageDescriptor, purpose: Use, without: &[String]) -> Value {
        let mut name = self.name(message.full_name(), message.name());
        match purpose {
            Use::Input if !name.ends_with("Request") => name.push_str("Input"),
            Use::Patch => name.push_str("Patch"),
            Use::Input | Use::Answer => {}
        }
        if !self.found.contains_key(&name) {
            // A place first: a message may hold itself.
            self.found.insert(name.clone(), Value::Null);
            let schema = self.object(message, purpose, without);
            self.found.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn object(&mut self, message: &MessageDescriptor, purpose: Use, without: &[String]) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        self.properties(message, purpose, without, &mut properties, &mut required);
        let mut schema = json!({"type": "object", "properties": properties});
        if purpose != Use::Answer {
            schema["additionalProperties"] = json!(false);
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        describe(
            &mut schema,
            self.comments.at(&message.parent_file(), message.path()),
        );
        schema
    }

    fn properties(
        &mut self,
        message: &MessageDescriptor,
        purpose: Use,
        without: &[String],
        properties: &mut Map<String, Value>,
        required: &mut Vec<String>,
    ) {
        for field in message.fields() {
            let word = self.options.word(&field);
            let read_only = self.options.is_read_only(&field);
            if without.contains(&word) || (purpose != Use::Answer && read_only) {
                continue;
            }
            if let (true, Kind::Message(inner)) = (self.options.inline(&field), field.kind()) {
                self.properties(&inner, purpose, &[], properties, required);
                continue;
            }
            let mut schema = self.field(&field, purpose);
            if read_only {
                schema["readOnly"] = json!(true);
            }
            match purpose {
                Use::Answer if self.options.is_sparse(&field) => {}
                Use::Answer => required.push(word.clone()),
                Use::Input if self.options.is_required(&field) => required.push(word.clone()),
                Use::Input | Use::Patch => {}
            }
            properties.insert(word, schema);
        }
    }

    /// The schema of a field, with its comment.
    pub(super) fn field(&mut self, field: &FieldDescriptor, purpose: Use) -> Value {
        let mut schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let value = self.value(&entry.map_entry_value_field(), purpose);
                json!({"type": "object", "additionalProperties": value})
            }
            _ if field.cardinality() == Cardinality::Repeated => {
                json!({"type": "array", "items": self.value(field, purpose)})
            }
            kind => {
                let value = self.value(field, purpose);
                let cleared = purpose != Use::Answer && !self.options.is_required(field);
                let sparse = self.options.is_sparse(field);
                let unset = match kind {
                    Kind::Enum(_) => true,
                    Kind::Message(message) => {
                        message.full_name() != "google.protobuf.Struct"
                            || field.field_descriptor_proto().proto3_optional()
                    }
                    _ => field.supports_presence(),
                };
                if cleared || (unset && !sparse && purpose == Use::Answer) {
                    nullable(value)
                } else {
                    value
                }
            }
        };
        describe(
            &mut schema,
            self.comments
                .at(&field.parent_message().parent_file(), field.path()),
        );
        schema
    }

    /// The schema of one value.
    pub(super) fn value(&mut self, field: &FieldDescriptor, purpose: Use) -> Value {
        match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "integer", "format": "int64"}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "integer", "minimum": 0}),
            Kind::Float => json!({"type": "number", "format": "float"}),
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(words) => self.words(&words),
            Kind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
                "google.protobuf.Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?s$"}),
                "google.protobuf.Struct" => json!({"type": "object", "additionalProperties": true}),
                "google.protobuf.Value" => json!({}),
                "google.protobuf.ListValue" => json!({"type": "array", "items": {}}),
                "google.protobuf.FieldMask" => json!({"type": "string"}),
                _ => self.message(&message, purpose, &[]),
            },
        }
    }

    fn words(&mut self, words: &EnumDescriptor) -> Value {
        let name = self.name(words.full_name(), words.name());
        if !self.found.contains_key(&name) {
            let file = words.parent_file();
            let mut text = self.comments.at(&file, words.path()).to_owned();
            let mut known = Vec::new();
            for (number, word) in self
                .plans
                .enum_named(words.full_name())
                .into_iter()
                .flat_map(|plan| &plan.words)
            {
                known.push(word.as_str());
                if let Some(value) = words.get_value(*number) {
                    text.push_str(&format!(
                        "\n\n- `{word}`: {}",
                        self.comments.at(&file, value.path())
                    ));
                }
            }
            let mut schema = json!({"type": "string", "enum": known});
            describe(&mut schema, &text);
            self.found.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn nullable(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({"oneOf": [schema, {"type": "null"}]});
    }
    if let Some(Value::String(of)) = schema.get("type").cloned() {
        schema["type"] = json!([of, "null"]);
    }
    schema
}

/// Puts a comment on what has one, and the example that a comment on a text gives.
pub(super) fn describe(schema: &mut Value, comment: &str) {
    if comment.is_empty() {
        return;
    }
    schema["description"] = json!(comment);
    let is_text = match &schema["type"] {
        Value::Array(types) => types.contains(&json!("string")),
        other => *other == "string",
    };
    if let (true, Some(example)) = (is_text, example(comment)) {
        schema["examples"] = json!([example]);
    }
}

/// `USD` of the comment "ISO 4217, for example `USD`."
fn example(comment: &str) -> Option<&str> {
    let (_, after) = comment.split_once("for example `")?;
    after.split_once('`').map(|(example, _)| example)
}
