//! Answers of bytes: exports, server-sent events, calendars.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use crate::wire::{Malformed, Value, Walk};

/// Passes a stream of `google.api.HttpBody` on as it comes: the next message is asked for when the client has taken the
/// one before. What fails before the first message is a problem; what fails after it cuts the body off.
pub async fn answer(
    metadata: &MetadataMap,
    mut messages: Streaming<Bytes>,
    path: &str,
) -> Result<Response<Body>, Status> {
    let corrupt = |_: Malformed| Status::internal("a service sent what is no HttpBody");
    let first = match messages.message().await? {
        Some(message) => parts(&message).map_err(corrupt)?,
        None => (None, Bytes::new()),
    };
    let (media, data) = first;
    let rest = messages.map(move |message| parts(&message?).map(|(_, data)| data).map_err(corrupt));
    let frames = stream::once(std::future::ready(Ok(data)))
        .chain(rest)
        .filter(|data| {
            let empty = matches!(data, Ok(data) if data.is_empty());
            std::future::ready(!empty)
        });
    let body = StreamBody::new(frames.map(|data| data.map(Frame::data)));
    Ok(dressed(Response::new(Body::new(body)), metadata, media, path))
}

/// The same for one message.
pub fn whole(metadata: &MetadataMap, message: &Bytes, path: &str) -> Result<Response<Body>, Malformed> {
    let (media, data) = parts(message)?;
    Ok(dressed(
        Response::new(Body::new(Full::new(data))),
        metadata,
        media,
        path,
    ))
}

/// The content type and the data of a `google.api.HttpBody`.
fn parts(message: &Bytes) -> Result<(Option<HeaderValue>, Bytes), Malformed> {
    let (mut media, mut data, mut walk) = (None, Bytes::new(), Walk::from(message, 0));
    while !walk.is_done() {
        match walk.field()? {
            (1, Value::Bytes(text)) => {
                media = HeaderValue::from_bytes(text)
                    .ok()
                    .filter(|value| !value.is_empty());
            }
            (2, Value::Bytes(bytes)) => data = message.slice_ref(bytes),
            _ => {}
        }
    }
    Ok((media, data))
}

fn dressed(
    mut response: Response<Body>,
    metadata: &MetadataMap,
    media: Option<HeaderValue>,
    path: &str,
) -> Response<Body> {
    let headers = response.headers_mut();
    let media = media.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    if media.as_bytes().starts_with(b"text/csv") {
        let chosen = metadata
            .get("content-disposition")
            .and_then(|value| value.to_str().ok());
        let disposition = chosen.map_or_else(
            || format!("attachment; filename=\"{}\"", file_name(path)),
            str::to_owned,
        );
        if let Ok(value) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    if media.as_bytes().starts_with(b"text/event-stream") {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    headers.insert(header::CONTENT_TYPE, media);
    response
}

/// `/api/v1/leads/export/` is `leads.csv`, `/api/v1/leads/imports/7/errors` is `leads-errors.csv`.
fn file_name(path: &str) -> String {
    let plain = |segment: &&str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let mut words = path.split('/').filter(plain).filter(|word| *word != "api");
    let first = words.next().unwrap_or("download");
    match words.next_back() {
        Some(last) if last != "export" => format!("{first}-{last}.csv"),
        _ => format!("{first}.csv"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_named_after_its_path() {
        assert_eq!(file_name("/api/v1/leads/export/"), "leads.csv");
        assert_eq!(
            file_name("/api/v1/leads/imports/0192-7/errors"),
            "leads-errors.csv"
        );
        assert_eq!(file_name("/"), "download.csv");
    }
}
