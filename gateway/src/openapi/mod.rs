//! The document of the API, OpenAPI 3.1, from the same descriptors as everything else.

mod comments;
mod parameters;
mod problem;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use kontor_chassis::methods::{Access, Method as Rpc};
use kontor_proto::{COMMENTED_FILE_DESCRIPTOR_SET, DESCRIPTORS};
use prost::DecodeError;
use prost_reflect::MessageDescriptor;
use serde_json::{Map, Value, json};

use self::comments::{Comments, summary};
use self::parameters::parameters;
use self::schemas::{Schemas, Use, describe};
use crate::contract::{Options, message_of};
use crate::endpoint::{Answer, Body, Endpoint};
use crate::plan::Plans;
use crate::route::Routes;

/// Writes it.
///
/// # Errors
/// When the comments of the protos can't be decoded, which would be a defect of the build.
pub fn document(
    routes: &Routes<Endpoint>,
    plans: &Plans,
    options: &Options,
    public_url: &str,
) -> Result<Vec<u8>, DecodeError> {
    let comments = Comments::of(COMMENTED_FILE_DESCRIPTOR_SET)?;
    let mut schemas = Schemas::new(&comments, options, plans);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags = BTreeSet::new();
    let endpoints = routes.targets();
    for endpoint in &endpoints {
        let operation = operation(endpoint, listed(endpoint, &endpoints).as_ref(), &mut schemas);
        tags.insert(tag(endpoint));
        let verb = endpoint.rule.verb.as_str().to_lowercase();
        paths
            .entry(shown_path(&endpoint.rule.path))
            .or_default()
            .insert(verb, operation);
    }
    let tags = tags.into_iter().map(|name| {
        let mut tag = json!({"name": name});
        if let Some(service) = DESCRIPTORS
            .services()
            .find(|service| service_word(service.name()) == name)
        {
            describe(&mut tag, comments.at(&service.parent_file(), service.path()));
        }
        tag
    });
    let tags: Vec<Value> = tags.collect();
    let mut shapes = schemas.finish();
    shapes.insert("Problem".to_owned(), problem::schema());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kontor",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The HTTP side of a customer relationship suite. Every path works with and without its \
                            trailing slash. Failures are problems, RFC 9457, with a stable `code` and every bad field.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": tags,
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": shapes,
            "responses": problem::responses(),
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer",
                "description": "An access token of `/api/v1/auth/login/`, or an API key.",
            }},
        },
    });
    Ok(document.to_string().into_bytes())
}

fn service_word(name: &str) -> &str {
    name.strip_suffix("Service").unwrap_or(name)
}

fn tag(endpoint: &Endpoint) -> String {
    service_word(endpoint.method.parent_service().name()).to_owned()
}

/// Paths of resources are shown with a slash at their end, those of files without.
fn shown_path(path: &str) -> String {
    let file = path
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.') || last == "{file}");
    if file { path.to_owned() } else { format!("{path}/") }
}

/// What a list lists; for what stands beside a list (`/stats`, `/export`), what that one lists.
fn listed(endpoint: &Endpoint, all: &[&Endpoint]) -> Option<MessageDescriptor> {
    endpoint.filters?;
    let of = |endpoint: &Endpoint| {
        let output = endpoint.method.output();
        output
            .fields()
            .find(prost_reflect::FieldDescriptor::is_list)
            .and_then(|field| message_of(&field).ok())
    };
    let (above, _) = endpoint.rule.path.rsplit_once('/')?;
    let is_list = |other: &&&Endpoint| {
        other.rule.path == above && other.rule.verb == Method::GET && other.filters.is_some()
    };
    all.iter()
        .find(is_list)
        .map_or_else(|| of(endpoint), |other| of(other))
}

fn operation(endpoint: &Endpoint, listed: Option<&MessageDescriptor>, schemas: &mut Schemas<'_>) -> Value {
    let method = &endpoint.method;
    let comment = schemas
        .comments
        .at(&method.parent_file(), method.path())
        .to_owned();
    let mut id = method.name().to_owned();
    if let Some(first) = id.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let mut operation = json!({
        "operationId": id,
        "tags": [tag(endpoint)],
        "summary": summary(&comment),
        "responses": responses(endpoint, schemas),
    });
    describe(&mut operation, &comment);
    let parameters = parameters(endpoint, listed, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = request_body(endpoint, schemas) {
        operation["requestBody"] = body;
    }
    match Rpc::find(&endpoint.rpc).map(|rpc| &rpc.access) {
        Some(Access::Public) => operation["security"] = json!([]),
        Some(Access::Permission(permission)) => operation["x-permission"] = json!(permission),
        _ => {}
    }
    operation
}

fn request_body(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Option<Value> {
    let input = endpoint.method.input();
    let purpose = if endpoint.mask.is_some() {
        Use::Patch
    } else {
        Use::Input
    };
    let schema = match &endpoint.body {
        Body::Nothing => return None,
        Body::Everything(fixed) => {
            let plan = schemas.plans.message(endpoint.request);
            let fixed: Vec<String> = fixed
                .iter()
                .map(|&index| plan.fields[index].word.clone())
                .collect();
            schemas.message(&input, purpose, &fixed)
        }
        Body::Field(number, _) => {
            schemas.message(&message_of(&input.get_field(*number)?).ok()?, purpose, &[])
        }
        Body::Upload { options, .. } => {
            let options = message_of(&input.get_field(*options)?).ok()?;
            return Some(upload(&schemas.message(&options, Use::Input, &[])));
        }
    };
    let mut content = json!({"application/json": {"schema": schema}});
    if endpoint.rule.verb == Method::PATCH {
        content["application/merge-patch+json"] = json!({"schema": schema});
    }
    let optional = matches!(endpoint.body, Body::Everything(_))
        && !schemas
            .plans
            .message(endpoint.request)
            .fields
            .iter()
            .any(|field| field.required);
    Some(json!({"required": !optional, "content": content}))
}

fn upload(options: &Value) -> Value {
    let file = json!({"type": "string", "contentMediaType": "text/csv"});
    let form =
        json!({"type": "object", "required": ["file"], "properties": {"options": options, "file": file}});
    json!({"required": true, "content": {
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {"schema": form, "encoding": {"options": {"contentType": "application/json"}}},
    }})
}

fn responses(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Value {
    let output = endpoint.method.output();
    let mut success = json!({"description": "Done."});
    let schema = match endpoint.answer {
        Answer::Nothing => None,
        Answer::Message(_) => Some(schemas.message(&output, Use::Answer, &[])),
        Answer::Field(id, index) => {
            let field = output.get_field(schemas.plans.message(id).fields[index].number);
            field.map(|field| {
                if field.is_list() {
                    schemas.field(&field, Use::Answer)
                } else {
                    schemas.value(&field, Use::Answer)
                }
            })
        }
        Answer::Raw | Answer::Stream => {
            let media = match endpoint.rule.path.rsplit('/').next() {
                Some("events") => "text/event-stream",
                Some("export" | "errors") => "text/csv",
                _ => "*/*",
            };
            success["content"] = json!({media: {"schema": {"type": "string"}}});
            None
        }
    };
    if let Some(schema) = schema {
        success["content"] = json!({"application/json": {"schema": schema}});
    }
    let header = |text: &str| json!({"description": text, "schema": {"type": "string"}});
    if endpoint.answer_etag.is_some() {
        success["headers"]["ETag"] = header("The etag of the record, for `If-Match`.");
    }
    if endpoint.location.is_some() {
        success["headers"]["Location"] = header("The path of the new record.");
    }
    let mut all = Map::new();
    all.insert(endpoint.success.as_str().to_owned(), success);
    let public = Rpc::find(&endpoint.rpc).is_some_and(|rpc| rpc.access == Access::Public);
    let failures = [
        ("400", true, "Invalid"),
        ("401", !public, "Unauthenticated"),
        ("403", !public, "Forbidden"),
        ("404", !endpoint.variables.is_empty(), "NotFound"),
        ("412", endpoint.etag.is_some(), "Stale"),
        ("default", true, "Problem"),
    ];
    for (status, _, name) in failures.into_iter().filter(|(_, holds, _)| *holds) {
        all.insert(
            status.to_owned(),
            json!({"$ref": format!("#/components/responses/{name}")}),
        );
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests;
