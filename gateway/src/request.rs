//! What an HTTP request says beside its route: who asks, from where, and with which body.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use kontor_chassis::{Error, idempotency};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::problem;

/// JSON bodies are at most this long.
pub const LARGEST_JSON: u64 = 1 << 20;
/// The name of a request in logs, problems and headers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where the request came from, for services.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The client's program, for services; their own `user-agent` is the gateway's.
const CLIENT_AGENT: HeaderName = HeaderName::from_static("x-client-user-agent");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(idempotency::KEY);
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The request's id as it came, when it is decent, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let decent = |value: &&HeaderValue| {
        (1..=128).contains(&value.len())
            && value
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
    };
    match headers.get(&REQUEST_ID).filter(decent) {
        Some(value) => value.clone(),
        None => {
            HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("none"))
        }
    }
}

/// Where a request comes from: the last address of `X-Forwarded-For` that is no proxy of ours, when a proxy of ours sent
/// it, else the other end of the connection.
pub fn client_address(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> IpAddr {
    if !proxies.contains(&peer) {
        return peer;
    }
    let said = headers
        .get_all(&FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut addresses: Vec<IpAddr> = said
        .flat_map(|list| list.split(','))
        .filter_map(|one| one.trim().parse().ok())
        .collect();
    while let Some(address) = addresses.pop() {
        if !proxies.contains(&address) {
            return address;
        }
    }
    peer
}

/// What a service is told of the request.
pub fn metadata(
    verb: &Method,
    headers: &HeaderMap,
    request_id: &HeaderValue,
    client: IpAddr,
    patience: Option<Duration>,
) -> MetadataMap {
    let mut told = HeaderMap::with_capacity(8);
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        told.insert(header::AUTHORIZATION, value.clone());
    }
    // Other verbs do their work once by themselves.
    if let Some(value) = headers.get(&IDEMPOTENCY_KEY).filter(|_| verb == Method::POST) {
        told.insert(IDEMPOTENCY_KEY, value.clone());
    }
    if let Some(agent) = headers.get(header::USER_AGENT).filter(|agent| agent.len() <= 512) {
        told.insert(CLIENT_AGENT, agent.clone());
    }
    told.insert(REQUEST_ID, request_id.clone());
    if let Ok(address) = HeaderValue::from_str(&client.to_string()) {
        told.insert(FORWARDED_FOR, address);
    }
    if let Some(value) =
        patience.and_then(|patience| HeaderValue::from_str(&format!("{}m", patience.as_millis())).ok())
    {
        told.insert(GRPC_TIMEOUT, value);
    }
    MetadataMap::from_headers(told)
}

/// The media type of the body, in lower case, without its parameters.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The etags that a change may be based on, out of their quotes and with commas between; none for any.
pub fn if_match(headers: &HeaderMap) -> Option<String> {
    let mut etags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        // What isn't even text is nobody's etag.
        etags.extend(value.to_str().unwrap_or("unreadable").split(',').map(unquoted));
    }
    (!etags.is_empty() && etags != [""] && !etags.contains(&"*")).then(|| etags.join(","))
}

fn unquoted(etag: &str) -> &str {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.strip_prefix('"')
        .and_then(|etag| etag.strip_suffix('"'))
        .unwrap_or(etag)
}

/// Whether the body may hold anything.
pub fn has_body(body: &Incoming) -> bool {
    !body.is_end_stream() && body.size_hint().exact() != Some(0)
}

/// Refuses bodies that are compressed.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Error> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(problem::encoded()),
        _ => Ok(()),
    }
}

/// Reads a JSON body to its end. An empty one is no JSON, and none.
pub async fn json_body(
    headers: &HeaderMap,
    body: &mut Incoming,
    patch: bool,
) -> Result<Option<Bytes>, Error> {
    if !has_body(body) {
        return Ok(None);
    }
    check_encoding(headers)?;
    let media = media_type(headers);
    if media != "application/json" && !(patch && media == "application/merge-patch+json") {
        return Err(problem::unsupported(if patch {
            "application/json or application/merge-patch+json"
        } else {
            "application/json"
        }));
    }
    if body.size_hint().lower() > LARGEST_JSON {
        return Err(problem::too_large(LARGEST_JSON));
    }
    let limit = usize::try_from(LARGEST_JSON).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(read) => Ok(Some(read.to_bytes()).filter(|bytes| !bytes.is_empty())),
        Err(error) if error.is::<LengthLimitError>() => Err(problem::too_large(LARGEST_JSON)),
        Err(_) => Err(problem::broken_body()),
    }
}

/// A client that is still sending would miss an early answer: reads on for a while, and forgets what comes.
pub async fn drain(mut body: Incoming) {
    const MOST: u64 = 16 << 20;
    const LONGEST: Duration = Duration::from_secs(2);
    let mut read = 0;
    let rest = async {
        while read < MOST
            && let Some(Ok(frame)) = body.frame().await
        {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
    };
    let _ = tokio::time::timeout(LONGEST, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decent_request_id_is_kept_and_any_other_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("build-7.a_b"));
        assert_eq!(request_id(&headers), "build-7.a_b");
        for bad in ["a b", "", "<script>"] {
            headers.insert(REQUEST_ID, HeaderValue::from_static(bad));
            assert_eq!(request_id(&headers).len(), 36);
        }
    }

    #[test]
    fn only_our_own_proxies_say_where_a_request_comes_from() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            FORWARDED_FOR,
            HeaderValue::from_static("1.2.3.4, 5.6.7.8, 10.0.0.1"),
        );
        assert_eq!(client_address(&headers, proxy, &[]), proxy);
        assert_eq!(client_address(&headers, proxy, &[proxy]).to_string(), "5.6.7.8");
    }

    #[test]
    fn etags_are_taken_out_of_their_quotes() {
        let mut headers = HeaderMap::new();
        for (sent, etag) in [
            ("\"7\"", Some("7")),
            ("7", Some("7")),
            ("W/\"7\"", Some("7")),
            ("\"6\", \"7\"", Some("6,7")),
            ("*", None),
            ("", None),
        ] {
            headers.insert(header::IF_MATCH, HeaderValue::from_static(sent));
            assert_eq!(if_match(&headers).as_deref(), etag);
        }
    }
}
