//! Failures as problem documents, RFC 9457.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use kontor_chassis::idempotency::REPLAYED;
use kontor_chassis::{Error, FieldErrors, Kind};
use kontor_proto::api::v1::FieldError;
use tonic::body::Body;

use crate::json::number::put_uint;
use crate::json::scan::NotJson;
use crate::json::text::put_string;

/// The answer that a failure becomes.
pub fn response(error: &Error, request_id: &str) -> Response<Body> {
    with_status(
        error,
        StatusCode::from_u16(error.kind().http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        request_id,
    )
}

/// The same with a status that the table of failures doesn't have, such as 405.
pub fn with_status(error: &Error, status: StatusCode, request_id: &str) -> Response<Body> {
    let (response, body) = whole(error, status, request_id);
    response.map(|()| Body::new(Full::new(body)))
}

/// The same in two pieces: the head, and the document.
pub fn whole(error: &Error, status: StatusCode, request_id: &str) -> (Response<()>, Bytes) {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.is_replayed() {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(after) = error.retry_after() {
        let seconds = after.as_millis().div_ceil(1000).max(1);
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            headers.insert(header::RETRY_AFTER, value);
        }
    }
    (response, Bytes::from(document(error, status, request_id)))
}

fn document(error: &Error, status: StatusCode, request_id: &str) -> Vec<u8> {
    let title = if status.as_u16() == error.kind().http() {
        error.kind().title()
    } else {
        status.canonical_reason().unwrap_or("Error")
    };
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"type\":");
    put_string(
        &mut out,
        format!("urn:kontor:problem:{}", error.code()).as_bytes(),
    );
    member(&mut out, "title", title);
    out.extend_from_slice(b",\"status\":");
    put_uint(&mut out, u64::from(status.as_u16()));
    member(&mut out, "detail", error.detail());
    member(&mut out, "code", error.code());
    member(&mut out, "request_id", request_id);
    out.extend_from_slice(b",\"errors\":[");
    for (at, field) in error.fields().iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"field\":" } else { b",{\"field\":" });
        put_string(&mut out, field.field.as_bytes());
        member(&mut out, "code", &field.code);
        member(&mut out, "message", &field.message);
        if let Some(position) = field.position {
            out.extend_from_slice(b",\"position\":");
            put_uint(&mut out, u64::from(position));
        }
        out.push(b'}');
    }
    out.push(b']');
    const OWN: [&str; 7] = [
        "type",
        "title",
        "status",
        "detail",
        "code",
        "request_id",
        "errors",
    ];
    for (name, value) in error.members().filter(|(name, _)| !OWN.contains(name)) {
        member(&mut out, name, value);
    }
    out.push(b'}');
    out
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    put_string(out, name.as_bytes());
    out.push(b':');
    put_string(out, value.as_bytes());
}

/// One error that lists every bad field.
pub fn invalid(errors: Vec<FieldError>) -> Error {
    let fields = errors.into_iter().map(|error| kontor_chassis::FieldError {
        field: error.field.into(),
        code: error.code.into(),
        message: error.message.into(),
        position: error.position,
    });
    let error = FieldErrors::from(fields.collect::<Vec<_>>()).into_error(Kind::Invalid);
    // Several mistakes of one kind are that kind of mistake.
    match error.fields() {
        [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|field| field.code == first.code) => {
            let several = Error::new(Kind::Invalid, first.code.clone(), "Several fields are invalid.");
            error.fields().iter().cloned().fold(several, Error::with_field)
        }
        _ => error,
    }
}

/// Adds what a service found in what was left of a request. Fields that were bad before it saw them are not there for it,
/// so what it says of them, or of a list that it saw without some entries, says nothing.
pub fn join(errors: &mut Vec<FieldError>, found: &[kontor_chassis::FieldError]) {
    let known: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
    let told_before = |field: &str| {
        known.iter().any(|known| {
            let entry_of = known.strip_suffix(']').and_then(|entry| entry.rsplit_once('['));
            let lost = entry_of.map_or(known.as_str(), |(list, _)| list);
            let below = field.strip_prefix(lost);
            lost.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    errors.extend(
        found
            .iter()
            .filter(|error| !told_before(&error.field))
            .map(|error| FieldError {
                field: error.field.to_string(),
                code: error.code.to_string(),
                message: error.message.to_string(),
                position: error.position,
            }),
    );
}

/// A body that is no JSON.
pub fn malformed(text: &str, bad: NotJson) -> Error {
    let before = text.get(..bad.at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let detail = format!(
        "The body is not JSON at line {line}, column {column}: {}.",
        bad.why
    );
    Error::invalid("malformed_json", detail).with_member("position", bad.at.to_string())
}

/// Nothing stands at a path.
pub fn no_route() -> Error {
    Error::new(Kind::NotFound, "not_found", "There is nothing at this path.")
}

/// A path doesn't take a verb; goes with 405.
pub fn wrong_verb(allowed: &str) -> Error {
    Error::invalid("method_not_allowed", format!("This path takes {allowed}."))
}

/// A body of another type than is taken.
pub fn unsupported(taken: &str) -> Error {
    Error::new(
        Kind::UnsupportedMedia,
        "unsupported_media_type",
        format!("The body must be {taken}."),
    )
}

/// A body that is compressed.
pub fn encoded() -> Error {
    Error::new(
        Kind::UnsupportedMedia,
        "unsupported_media_type",
        "A body with a Content-Encoding is not taken.",
    )
}

/// A body longer than is taken.
pub fn too_large(limit: u64) -> Error {
    Error::new(
        Kind::TooLarge,
        "too_large",
        format!("The body is longer than {limit} bytes."),
    )
}

/// The client kept its connection open and sent nothing.
pub fn silent_body() -> Error {
    Error::invalid(
        "incomplete_body",
        "Nothing came for too long, and the body had not ended.",
    )
}

/// The client went away or sent what is no body.
pub fn broken_body() -> Error {
    Error::invalid("incomplete_body", "The body ended too early.")
}
