//! What stands in paths, queries and headers.

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::schemas::{Schemas, Use, describe};
use crate::contract::message_of;
use crate::endpoint::{Body, Endpoint};
use crate::plan::Found;
use crate::query::parameter;

/// The parameters of an endpoint. `listed` is the resource that its typed filters are about.
pub(super) fn parameters(
    endpoint: &Endpoint,
    listed: Option<&MessageDescriptor>,
    schemas: &mut Schemas<'_>,
) -> Vec<Value> {
    let input = endpoint.method.input();
    let mut found = Vec::new();
    for variable in &endpoint.variables {
        let schema = json!({"type": "string", "minLength": 1});
        let mut known = json!({"name": variable.name, "in": "path", "required": true, "schema": schema});
        if let Some(field) = input.get_field_by_name(&variable.name) {
            describe(
                &mut known,
                schemas.comments.at(&input.parent_file(), field.path()),
            );
        }
        found.push(known);
    }
    if endpoint.etag.is_some() {
        found.push(json!({
            "name": "If-Match", "in": "header", "schema": {"type": "string"},
            "description": "The etag that the change is based on; 412 when it is stale.",
        }));
    }
    let fields = query_fields(endpoint, schemas);
    let taken: Vec<String> = fields.iter().map(|field| schemas.options.word(field)).collect();
    found.extend(fields.iter().map(|field| in_query(field, schemas)));
    if let (Some(listed), Some(_)) = (listed, endpoint.filters) {
        let more = filters(listed, schemas).into_iter();
        found.extend(more.filter(|filter| !taken.iter().any(|word| filter["name"] == word.as_str())));
    }
    found
}

fn query_fields(endpoint: &Endpoint, schemas: &Schemas<'_>) -> Vec<FieldDescriptor> {
    let input = endpoint.method.input();
    if let Body::Upload { options, .. } = endpoint.body {
        let options = input.get_field(options).and_then(|field| message_of(&field).ok());
        return options
            .iter()
            .flat_map(|options| options.fields().collect::<Vec<_>>())
            .collect();
    }
    let mut found = Vec::new();
    for field in input.fields() {
        let inner = schemas
            .options
            .inline(&field)
            .then(|| message_of(&field).ok())
            .flatten();
        let fields: Vec<_> = inner.map_or_else(|| vec![field], |inner| inner.fields().collect());
        // A field of the request itself stands before one of the same name in what is inline.
        let is_parameter = |known: &FieldDescriptor| {
            let place = parameter(endpoint, &schemas.options.word(known), schemas.plans);
            place.is_some_and(|place| match place {
                Found::Own(_) => known.parent_message() == &input,
                Found::Inline(..) => known.parent_message() != &input,
            })
        };
        found.extend(fields.into_iter().filter(is_parameter));
    }
    found
}

fn in_query(field: &FieldDescriptor, schemas: &mut Schemas<'_>) -> Value {
    let word = schemas.options.word(field);
    let comment = schemas
        .comments
        .at(&field.parent_message().parent_file(), field.path())
        .to_owned();
    let mut known = if field.is_map() {
        let schema = json!({"type": "object", "additionalProperties": {"type": "string"}});
        json!({"name": word, "in": "query", "content": {"application/json": {"schema": schema}}})
    } else {
        let value = schemas.value(field, Use::Input);
        let schema = match field.cardinality() {
            Cardinality::Repeated => json!({"type": "array", "items": value}),
            _ => value,
        };
        json!({"name": word, "in": "query", "schema": schema})
    };
    describe(&mut known, &comment);
    known
}

/// Enums, ids, tags and booleans by their own name; times by `_after` and `_before`; numbers by `_min` and `_max`.
fn filters(listed: &MessageDescriptor, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    for field in listed.fields() {
        let word = schemas.options.word(&field);
        let by_name = |schema: Value| {
            let schema = json!({"type": "array", "items": schema});
            vec![
                json!({"name": word, "in": "query", "schema": schema, "description": "Several values mean OR."}),
            ]
        };
        let by_range = |from: &str, to: &str, schema: Value| {
            [from, to]
                .map(|end| json!({"name": format!("{word}_{end}"), "in": "query", "schema": schema}))
                .to_vec()
        };
        let repeated = field.cardinality() == Cardinality::Repeated;
        let is_id = word.ends_with("_id") || word.ends_with("_ids") || word.ends_with("_by");
        found.extend(match field.kind() {
            Kind::Enum(_) => by_name(schemas.value(&field, Use::Input)),
            Kind::Bool => vec![json!({"name": word, "in": "query", "schema": {"type": "boolean"}})],
            Kind::String if word == "tags" || (is_id && word != "company_id") => {
                by_name(json!({"type": "string"}))
            }
            Kind::String if word.ends_with("_date") || word == "birthday" => {
                by_range("after", "before", json!({"type": "string", "format": "date"}))
            }
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 if !repeated => {
                by_range("min", "max", json!({"type": "integer"}))
            }
            Kind::Double | Kind::Float if !repeated => by_range("min", "max", json!({"type": "number"})),
            Kind::Message(message) if !repeated && message.full_name() == "google.protobuf.Timestamp" => {
                by_range(
                    "after",
                    "before",
                    json!({"type": "string", "format": "date-time"}),
                )
            }
            Kind::Message(message) if !repeated && is_money(&message) => by_range(
                "min",
                "max",
                json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,4})?$"}),
            ),
            _ => Vec::new(),
        });
    }
    found
}

fn is_money(message: &MessageDescriptor) -> bool {
    message.fields().count() == 2
        && message.get_field_by_name("amount").is_some()
        && message.get_field_by_name("currency").is_some()
}
