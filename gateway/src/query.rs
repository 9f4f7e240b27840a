//! Paths and query strings to wire bytes.

use std::borrow::Cow;
use std::collections::HashSet;

use kontor_proto::api::v1::FieldError;

use crate::endpoint::{Body, Endpoint, Variable};
use crate::json::body::field_error;
use crate::json::scalar::{Refusal, put_parameter};
use crate::plan::{Found, Kind, MessageId, Plans, Shape};
use crate::wire::{put_bytes, put_nested};

/// Undoes percent-encoding; `plus` makes `+` a blank, as forms do.
pub fn decoded(text: &str, plus: bool) -> Result<Cow<'_, str>, Refusal> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+' && plus) {
        return Ok(Cow::Borrowed(text));
    }
    let malformed = || Refusal::new("malformed_url", "is not percent-encoded UTF-8");
    let digit = |byte: Option<u8>| {
        byte.and_then(|byte| char::from(byte).to_digit(16))
            .ok_or_else(malformed)
    };
    let (mut bytes, mut out) = (text.bytes(), Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8,
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| malformed())
}

/// The names and values of a query, in order; what can't be read becomes an error.
pub fn pairs<'q>(query: &'q str, errors: &mut Vec<FieldError>) -> Vec<(Cow<'q, str>, Cow<'q, str>)> {
    let mut found = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded(name, true), decoded(value, true)) {
            (Ok(name), Ok(value)) if !name.contains('\0') && !value.contains('\0') => {
                found.push((name, value));
            }
            (Ok(name), Ok(_)) => {
                errors.push(field_error(
                    &name.replace('\0', ""),
                    "invalid_text",
                    "must not contain the character NUL",
                ));
            }
            (name, value) => {
                let name = name.unwrap_or_else(|_| name_of_bad(pair));
                let message = value
                    .err()
                    .map_or_else(|| "is not percent-encoded UTF-8".to_owned(), |bad| bad.message);
                errors.push(field_error(&name, "malformed_url", message));
            }
        }
    }
    found
}

fn name_of_bad(pair: &str) -> Cow<'_, str> {
    pair.split('=').next().unwrap_or_default().into()
}

/// Writes the variables of a path. A name that no value can have is refused by name.
pub fn put_path(endpoint: &Endpoint, values: &[&str], plans: &Plans, out: &mut Vec<u8>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (variable, value) in endpoint.variables.iter().zip(values) {
        let put = decoded(value, false)
            .and_then(|value| put_variable(variable, &variable.holders, &value, plans, out));
        if let Err(refusal) = put {
            errors.push(field_error(&variable.name, refusal.code, refusal.message));
        }
    }
    errors
}

fn put_variable(
    variable: &Variable,
    holders: &[u32],
    value: &str,
    plans: &Plans,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    match holders.split_first() {
        Some((&holder, inner)) => put_nested(out, holder, |out| {
            put_variable(variable, inner, value, plans, out)
        }),
        None => put_parameter(out, variable.number, variable.kind, value, plans),
    }
}

/// Writes the parameters of a query into the request: its own scalar fields, those of its inline messages, and typed
/// filters where the request takes them.
pub fn put_query(endpoint: &Endpoint, query: &str, plans: &Plans, out: &mut Vec<u8>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut filters: Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> = Vec::new();
    let mut seen = HashSet::new();
    for (name, value) in pairs(query, &mut errors) {
        match parameter(endpoint, &name, plans) {
            Some(found) => {
                let (holder, field) = plans.field(endpoint.request, found);
                if field.shape == Shape::One && !seen.insert(found) {
                    errors.push(field_error(&name, "duplicate_parameter", "is given twice"));
                    continue;
                }
                let put = match holder {
                    Some(holder) => put_nested(out, holder.number, |out| {
                        put_parameter(out, field.number, field.kind, &value, plans)
                    }),
                    None => put_parameter(out, field.number, field.kind, &value, plans),
                };
                if let Err(refusal) = put {
                    errors.push(field_error(&name, refusal.code, refusal.message));
                }
            }
            None if endpoint.filters.is_some() => {
                match filters.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) => values.push(value),
                    None => filters.push((name, vec![value])),
                }
            }
            None => errors.push(field_error(&name, "unknown_parameter", "is not a parameter here")),
        }
    }
    if let Some(place) = endpoint.filters {
        for (name, values) in filters {
            put_nested(out, place.holder, |out| {
                put_nested(out, place.list, |out| {
                    put_bytes(out, 1, name.as_bytes());
                    for value in &values {
                        put_bytes(out, 2, value.as_bytes());
                    }
                });
            });
        }
    }
    errors
}

/// The field of the request that a parameter of the query sets.
pub fn parameter(endpoint: &Endpoint, name: &str, plans: &Plans) -> Option<Found> {
    if matches!(endpoint.body, Body::Everything(_) | Body::Upload { .. }) {
        return None;
    }
    let found = plans.message(endpoint.request).find(name)?;
    let (holder, field) = plans.field(endpoint.request, found);
    let taken = holder.is_none()
        && (Some(field.number) == endpoint.etag
            || endpoint
                .variables
                .iter()
                .any(|variable| variable.holders.is_empty() && variable.number == field.number));
    let plain = !matches!(
        field.kind,
        Kind::Message(_) | Kind::Struct | Kind::Value | Kind::ListValue | Kind::FieldMask | Kind::Bytes
    );
    (plain && !taken && field.shape != Shape::Map).then_some(found)
}

/// Writes the options of an upload from the query: scalar fields by name, maps as JSON objects or as
/// `mapping[Header]=field`.
pub fn put_options(message: MessageId, query: &str, plans: &Plans, out: &mut Vec<u8>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for (name, value) in pairs(query, &mut errors) {
        let (word, key) = match name
            .split_once('[')
            .and_then(|(word, rest)| Some((word, rest.strip_suffix(']')?)))
        {
            Some((word, key)) => (word, Some(key)),
            None => (&*name, None),
        };
        let Some(Found::Own(index)) = plans.message(message).find(word) else {
            errors.push(field_error(&name, "unknown_parameter", "is not a parameter here"));
            continue;
        };
        let field = &plans.message(message).fields[index];
        if field.shape == Shape::One && !seen.insert(index) {
            errors.push(field_error(&name, "duplicate_parameter", "is given twice"));
            continue;
        }
        let put = match (field.shape, field.kind, key) {
            (Shape::Map, _, Some(key)) => {
                put_nested(out, field.number, |out| {
                    put_bytes(out, 1, key.as_bytes());
                    put_bytes(out, 2, value.as_bytes());
                });
                Ok(())
            }
            (Shape::Map, _, None) => {
                let object = format!("{{{}:{value}}}", serde_json::Value::from(word));
                match crate::json::body::read(plans, message, &object, &[], false) {
                    Ok(read) => {
                        out.extend_from_slice(&read.wire);
                        errors.extend(read.errors);
                        Ok(())
                    }
                    Err(_) => Err(Refusal::new("invalid_type", "must be a JSON object of texts")),
                }
            }
            (_, kind, None) if !matches!(kind, Kind::Message(_)) => {
                put_parameter(out, field.number, kind, &value, plans)
            }
            _ => Err(Refusal::new("unknown_parameter", "is not a parameter here")),
        };
        if let Err(refusal) = put {
            errors.push(field_error(&name, refusal.code, refusal.message));
        }
    }
    errors
}

#[cfg(test)]
mod tests;
