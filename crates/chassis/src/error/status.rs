//! [`Error`] to and from [`tonic::Status`].

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use kontor_proto::api::v1 as api;
use prost::{Message, Name};
use tonic::{Code, Status};
use tonic_types::pb;

use super::{Error, FieldError, Kind};

/// A status travels in HTTP/2 headers, which are bounded: no more bad fields than this are told.
const FIELDS_TOLD: usize = 100;
const DOMAIN: &str = "kontor";

impl From<Error> for Status {
    /// The edge of a service: what is our fault is logged here, once, within the span of the rpc, with its source.
    fn from(error: Error) -> Self {
        log(&error);
        let details = google_status(&error).encode_to_vec();
        let parts = *error.0;
        let mut status = Self::with_details(parts.kind.grpc(), parts.detail, Bytes::from(details));
        if let Some(source) = parts.source {
            status.set_source(source.into());
        }
        status
    }
}

fn log(error: &Error) {
    let Some(source) = error.0.source.as_deref() else {
        return;
    };
    match error.kind() {
        Kind::Internal => tracing::error!(code = error.code(), error = chain(source), "an rpc failed"),
        Kind::Unavailable => tracing::warn!(
            code = error.code(),
            error = chain(source),
            "something is unavailable"
        ),
        _ => tracing::debug!(
            code = error.code(),
            error = chain(source),
            "a request was refused"
        ),
    }
}

/// An error and everything that caused it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn google_status(error: &Error) -> pb::Status {
    let fields = &error.fields()[..error.fields().len().min(FIELDS_TOLD)];
    let mut details = vec![
        any(&api::ErrorDetail {
            code: error.code().to_owned(),
            http_status: i32::from(error.kind().http()),
            errors: fields.iter().map(field_to_proto).collect(),
            members: error
                .members()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            retry_after_seconds: error.retry_after().map_or(0, whole_seconds),
        }),
        typed(
            "google.rpc.ErrorInfo",
            &pb::ErrorInfo {
                reason: error.code().to_ascii_uppercase(),
                domain: DOMAIN.to_owned(),
                metadata: HashMap::new(),
            },
        ),
    ];
    if !fields.is_empty() {
        details.push(typed("google.rpc.BadRequest", &bad_request(fields)));
    }
    pb::Status {
        code: error.kind().grpc() as i32,
        message: error.detail().to_owned(),
        details,
    }
}

fn bad_request(fields: &[FieldError]) -> pb::BadRequest {
    let violation = |field: &FieldError| pb::bad_request::FieldViolation {
        field: field.field.to_string(),
        description: field.message.to_string(),
        reason: field.code.to_ascii_uppercase(),
        localized_message: None,
    };
    pb::BadRequest {
        field_violations: fields.iter().map(violation).collect(),
    }
}

fn whole_seconds(after: Duration) -> u32 {
    u32::try_from(after.as_millis().div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}

fn any<M: Message + Name>(message: &M) -> prost_types::Any {
    typed(&M::full_name(), message)
}

fn typed(full_name: &str, message: &impl Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/{full_name}"),
        value: message.encode_to_vec(),
    }
}

fn field_to_proto(field: &FieldError) -> api::FieldError {
    api::FieldError {
        field: field.field.to_string(),
        code: field.code.to_string(),
        message: field.message.to_string(),
        position: field.position,
    }
}

impl From<Status> for Error {
    /// The answer of another service. Without an `ErrorDetail` (the transport's own failures, foreign servers) the code
    /// decides, and a connection that broke is [`Kind::Unavailable`].
    fn from(status: Status) -> Self {
        if let Some(detail) = detail_of(&status) {
            return with_detail(&status, detail);
        }
        let broke = std::error::Error::source(&status).is_some()
            && matches!(
                status.code(),
                Code::Unknown | Code::Internal | Code::Cancelled | Code::Unavailable
            );
        let kind = if broke {
            Kind::Unavailable
        } else {
            Kind::of_code(status.code())
        };
        match kind {
            Kind::Unavailable => Self::unavailable("a service").with_source(status),
            Kind::Internal => Self::internal(status),
            kind => Self::new(kind, default_code(kind), status.message().to_owned()),
        }
    }
}

fn detail_of(status: &Status) -> Option<api::ErrorDetail> {
    if status.details().is_empty() {
        return None;
    }
    let status = pb::Status::decode(status.details()).ok()?;
    let url = format!("type.googleapis.com/{}", api::ErrorDetail::full_name());
    let any = status.details.into_iter().find(|any| any.type_url == url)?;
    api::ErrorDetail::decode(any.value.as_slice()).ok()
}

fn with_detail(status: &Status, detail: api::ErrorDetail) -> Error {
    let http_status = u16::try_from(detail.http_status).unwrap_or_default();
    let mut error = Error::new(
        Kind::of(status.code(), http_status),
        detail.code,
        status.message().to_owned(),
    );
    error.0.fields = detail.errors.into_iter().map(field_from_proto).collect();
    error.0.members = detail
        .members
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
    error.0.members.sort();
    error.0.replayed = status.metadata().contains_key(crate::idempotency::REPLAYED);
    error.0.retry_after =
        (detail.retry_after_seconds > 0).then(|| Duration::from_secs(u64::from(detail.retry_after_seconds)));
    error
}

fn field_from_proto(field: api::FieldError) -> FieldError {
    FieldError {
        field: field.field.into(),
        code: field.code.into(),
        message: field.message.into(),
        position: field.position,
    }
}

const fn default_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::Conflict => "conflict",
        Kind::Exists => "already_exists",
        Kind::Stale => "stale_etag",
        Kind::TooLarge => "too_large",
        Kind::UnsupportedMedia => "unsupported_media_type",
        Kind::Refused => "refused",
        Kind::TooMany => "too_many_requests",
        Kind::Internal => "internal",
        Kind::Unimplemented => "not_implemented",
        Kind::Unavailable => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldErrors;

    #[test]
    fn every_row_of_the_table_survives_the_way_through_a_status() {
        for kind in Kind::ALL {
            let error = Error::new(kind, "some_code", "A sentence.")
                .with_member("winner_id", "7")
                .with_retry_after(Duration::from_millis(2500));
            let status = Status::from(error);
            assert_eq!(status.code(), kind.grpc());
            let back = Error::from(status);
            assert_eq!(
                (back.kind(), back.code(), back.detail()),
                (kind, "some_code", "A sentence.")
            );
            assert_eq!(back.members().collect::<Vec<_>>(), [("winner_id", "7")]);
            assert_eq!(
                back.retry_after(),
                Some(Duration::from_secs(3)),
                "rounded up to whole seconds"
            );
        }
    }

    #[test]
    fn no_two_rows_share_both_code_and_status() {
        let rows: std::collections::HashSet<_> = Kind::ALL
            .iter()
            .map(|kind| (kind.grpc() as i32, kind.http()))
            .collect();
        assert_eq!(rows.len(), Kind::ALL.len());
    }

    #[test]
    fn every_bad_field_is_told_with_its_place() {
        let mut fields = FieldErrors::new();
        fields.push("email", "invalid_email", "This is no address.");
        fields.push_at("filter", "syntax", "A field was expected.", 4);
        let error = fields.into_result().unwrap_err();
        assert_eq!(error.code(), "invalid_fields");
        let back = Error::from(Status::from(error));
        let told: Vec<_> = back
            .fields()
            .iter()
            .map(|f| (f.field.as_ref(), f.code.as_ref(), f.position))
            .collect();
        assert_eq!(
            told,
            [("email", "invalid_email", None), ("filter", "syntax", Some(4))]
        );
    }

    #[test]
    fn a_status_of_a_foreign_server_is_judged_by_its_code() {
        assert_eq!(Error::from(Status::not_found("no")).kind(), Kind::NotFound);
        assert_eq!(Error::from(Status::unknown("panicked")).kind(), Kind::Internal);
        assert_eq!(
            Error::from(Status::unavailable("connect")).kind(),
            Kind::Unavailable
        );
        let mut broken = Status::unknown("transport error");
        broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
        assert_eq!(Error::from(broken).kind(), Kind::Unavailable);
    }

    #[test]
    fn google_s_own_details_are_there_for_other_clients() {
        use tonic_types::StatusExt;
        let status = Status::from(Error::invalid_field(
            "email",
            "invalid_email",
            "This is no address.",
        ));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("INVALID_EMAIL", "kontor")
        );
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "email");
    }
}
