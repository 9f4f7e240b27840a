//! What browsers need to be told: who may ask from another origin, and what they must not do with an answer.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use kontor_chassis::Error;
use kontor_chassis::settings::Settings;
use tonic::body::Body;

/// Headers of an answer that a script of another origin may read.
const EXPOSED: &str = "etag, location, x-request-id, retry-after, ratelimit, ratelimit-policy, content-disposition, \
                       idempotency-replayed";
/// Headers that a script of another origin may send.
const ALLOWED: &str = "authorization, content-type, if-match, idempotency-key, x-request-id, x-kontor-client, \
                       traceparent, tracestate";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// The rules of the edge.
#[derive(Debug)]
pub struct Edge {
    /// The origin under which people know the suite.
    own: String,
    /// Other origins whose scripts may ask.
    origins: Vec<String>,
    /// Proxies of ours, whose word on the client's address counts.
    pub(crate) proxies: Vec<IpAddr>,
}

impl Edge {
    /// Reads `KONTOR_PUBLIC_URL`, `KONTOR_CORS_ORIGINS` (origins whose scripts may ask, separated by commas; default none)
    /// and `KONTOR_TRUSTED_PROXIES` (addresses whose `X-Forwarded-For` counts; default none).
    ///
    /// # Errors
    /// When one can't be read.
    pub fn of(settings: &Settings) -> Result<Self, Error> {
        let list = |key: &str| -> Result<Vec<String>, Error> {
            let text: String = settings.get(key)?.unwrap_or_default();
            let parts = text
                .split(',')
                .map(|part| part.trim().trim_end_matches('/').to_owned());
            Ok(parts.filter(|part| !part.is_empty()).collect())
        };
        let proxies = list("trusted_proxies")?.into_iter().map(|proxy| {
            proxy.parse().map_err(|_| {
                Error::internal(format!(
                    "the setting KONTOR_TRUSTED_PROXIES: {proxy} is no address"
                ))
            })
        });
        Ok(Self {
            own: origin_of(&settings.public_url),
            origins: list("cors_origins")?,
            proxies: proxies.collect::<Result<_, _>>()?,
        })
    }

    fn allowed<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
            .then_some(origin)
    }

    /// Whether a request that a browser decorates with a cookie comes from a page of ours. Browsers send `Origin` with
    /// every POST; what sends none is no browser and can't be led astray by a page.
    pub fn is_from_us(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let Ok(text) = origin.to_str() else { return false };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        text == self.own
            || self.origins.iter().any(|known| known == text)
            || text
                .split_once("://")
                .is_some_and(|(_, authority)| Some(authority) == host)
    }

    /// The answer to a browser's question whether it may ask.
    pub fn preflight(&self, parts: &Parts) -> Option<Response<Body>> {
        let asks = parts.method == Method::OPTIONS
            && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && self.allowed(&parts.headers).is_some();
        if !asks {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(ALLOWED),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        Some(response)
    }

    /// Puts on what every answer wears.
    pub fn finish<B>(&self, asked: &HeaderMap, response: &mut Response<B>) {
        let origin = self.allowed(asked).cloned();
        let headers = response.headers_mut();
        if !self.origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
        const ALWAYS: [(HeaderName, &str); 4] = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
            (
                header::STRICT_TRANSPORT_SECURITY,
                "max-age=31536000; includeSubDomains",
            ),
        ];
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static(
                "default-src 'none'; frame-ancestors 'none'",
            ));
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// `https://crm.example/path` is of the origin `https://crm.example`.
fn origin_of(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or(rest)),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge() -> Edge {
        let pairs = [
            ("public_url", "https://crm.example/app"),
            ("cors_origins", "https://one.example, https://two.example/"),
        ];
        Edge::of(&Settings::from_pairs(pairs).unwrap()).unwrap()
    }

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_listed_origins_may_ask_from_elsewhere() {
        for (origin, allowed) in [
            ("https://two.example", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let mut response = Response::new(Body::empty());
            edge().finish(&from(origin), &mut response);
            assert_eq!(
                response
                    .headers()
                    .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                allowed,
                "{origin}"
            );
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[test]
    fn cookies_count_only_from_pages_of_ours() {
        assert!(edge().is_from_us(&from("https://crm.example")));
        assert!(edge().is_from_us(&from("https://one.example")));
        assert!(!edge().is_from_us(&from("https://evil.example")));
        assert!(!edge().is_from_us(&from("null")));
        let mut same = from("http://127.0.0.1:9000");
        same.insert(header::HOST, HeaderValue::from_static("127.0.0.1:9000"));
        assert!(edge().is_from_us(&same));
    }
}
