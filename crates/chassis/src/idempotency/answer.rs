//! Answers as they are kept, and as they are given again.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::{Code, Status};

use super::REPLAYED;
use crate::error::{Error, Kind};

/// The code of an answer stands in its headers when there is no body, else in the trailers.
const CODE: &str = "grpc-status";
/// Headers that belong to the connection and the moment rather than to the answer.
const NOT_KEPT: [HeaderName; 4] = [
    header::DATE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
];

/// The answer of an rpc: its metadata with its code, and its message as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// What is answered to a request that comes again while its work goes on without anybody who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interim(pub(crate) Kept);

impl Interim {
    /// That the work goes on (`202`): the answer message as it stands now.
    #[must_use]
    pub fn running(message: &impl prost::Message) -> Self {
        let encoded = message.encode_to_vec();
        let mut body = BytesMut::with_capacity(encoded.len() + 5);
        body.put_u8(0);
        body.put_u32(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
        body.put_slice(&encoded);
        let headers = [("x-http-status", "202"), (CODE, "0")];
        Self(Kept {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: body.freeze(),
        })
    }
}

impl Kept {
    /// Reads an answer to its end.
    ///
    /// # Errors
    /// What breaks it off.
    pub(crate) async fn of(response: Response<Body>) -> Result<Self, Status> {
        let (parts, body) = response.into_parts();
        let collected = body.collect().await?;
        let mut headers = pairs(&parts.headers);
        headers.extend(collected.trailers().map(pairs).unwrap_or_default());
        Ok(Self {
            headers,
            body: collected.to_bytes(),
        })
    }

    /// Whether it says that the work began: it was done, or refused by a rule or a state.
    pub(crate) fn counts(&self) -> bool {
        let mut headers = HeaderMap::new();
        put(&mut headers, &self.headers, |_| true);
        match Status::from_header_map(&headers) {
            Some(status) if status.code() == Code::Ok => true,
            Some(status) => matches!(
                Error::from(status).kind(),
                Kind::Conflict | Kind::Exists | Kind::Refused
            ),
            None => false,
        }
    }

    /// Whether it says that it is our fault, so that nobody knows how far the work went.
    pub(crate) fn is_a_fault(&self) -> bool {
        let mut headers = HeaderMap::new();
        put(&mut headers, &self.headers, |_| true);
        Status::from_header_map(&headers)
            .is_none_or(|status| status.code() != Code::Ok && Error::from(status).kind().http() >= 500)
    }

    /// As it is given.
    pub(crate) fn into_response(self, again: bool) -> Response<Body> {
        // With a body the code comes after it, without one at once, as gRPC has it.
        let has_body = !self.body.is_empty();
        let is_trailer = |name: &str| has_body && name.starts_with("grpc-") && name != "grpc-encoding";
        let mut trailers = HeaderMap::new();
        put(&mut trailers, &self.headers, is_trailer);
        let body = if has_body {
            Body::new(Full::new(self.body).with_trailers(std::future::ready(Some(Ok(trailers)))))
        } else {
            Body::empty()
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        put(headers, &self.headers, |name| !is_trailer(name));
        if again {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !NOT_KEPT.contains(name))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn put(headers: &mut HeaderMap, pairs: &[(String, String)], which: impl Fn(&str) -> bool) {
    for (name, value) in pairs.iter().filter(|(name, _)| which(name)) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_survives_being_kept() {
        let interim = Interim::running(&prost_types::Timestamp { seconds: 7, nanos: 0 });
        let given = interim.0.clone().into_response(true);
        assert_eq!(given.headers()["x-http-status"], "202");
        assert_eq!(given.headers()[REPLAYED], "true");
        let again = Kept::of(given).await.unwrap();
        assert_eq!(again.body, interim.0.body);
        assert!(again.counts());
    }

    #[tokio::test]
    async fn only_answers_of_work_that_began_count() {
        for (error, counts) in [
            (Error::conflict("wrong_state", "No."), true),
            (Error::exists("taken", "No."), true),
            (Error::refused("refused", "No."), true),
            (Error::invalid("invalid", "No."), false),
            (Error::not_found("thing"), false),
            (Error::stale(), false),
            (Error::unavailable("the database"), false),
            (Error::internal("broken"), false),
        ] {
            let kept = Kept::of(Status::from(error).into_http()).await.unwrap();
            assert_eq!(kept.counts(), counts, "{kept:?}");
            let again = Kept::of(kept.clone().into_response(false)).await.unwrap();
            assert_eq!(again, kept, "without a body the code stands in the headers");
        }
    }
}
