//! What the gateway answers by itself: health, the document of the API and its explorer.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use kontor_chassis::health::{Checked, Fitness, Report};
use kontor_chassis::peers::Peer;
use tonic::Code;
use tonic::body::Body;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::gateway::Gateway;

/// A service that doesn't say how it is in this time is not there.
const PATIENCE: Duration = Duration::from_secs(3);
/// What services share, by the names of their checks.
const SHARED: [&str; 2] = ["database", "broker"];

const EXPLORER: &[u8] = include_bytes!("explorer/index.html");
const EXPLORER_SCRIPT: &[u8] = include_bytes!("explorer/explorer.js");
const EXPLORER_STYLE: &[u8] = include_bytes!("explorer/explorer.css");
/// The explorer loads nothing from elsewhere and runs no script but its own.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                               connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at a path, if it is one of these.
pub(crate) async fn find(gateway: &Gateway, parts: &Parts) -> Option<Response<Body>> {
    let path = parts.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let known = ["/healthz", "/readyz", "/docs", "/api/v1/openapi.json"].contains(&path);
        return known.then(|| {
            let id = parts
                .headers
                .get(crate::request::REQUEST_ID)
                .and_then(|id| id.to_str().ok())
                .unwrap_or_default();
            let error = crate::problem::wrong_verb("GET, HEAD");
            let mut response = crate::problem::with_status(&error, StatusCode::METHOD_NOT_ALLOWED, id);
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        });
    }
    Some(match path {
        "/healthz" => page("application/json", Bytes::from_static(b"{\"status\":\"alive\"}")),
        "/readyz" => readiness(gateway).await,
        "/api/v1/openapi.json" => page("application/json", gateway.openapi.clone()),
        "/docs" => explorer("text/html; charset=utf-8", EXPLORER),
        "/docs/explorer.js" => explorer("text/javascript; charset=utf-8", EXPLORER_SCRIPT),
        "/docs/explorer.css" => explorer("text/css; charset=utf-8", EXPLORER_STYLE),
        _ => return None,
    })
}

fn page(media: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn explorer(media: &'static str, body: &'static [u8]) -> Response<Body> {
    let mut response = page(media, Bytes::from_static(body));
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(EXPLORER_POLICY),
    );
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Each service, the database and the broker, by name.
async fn readiness(gateway: &Gateway) -> Response<Body> {
    let asked = gateway
        .peers
        .iter()
        .map(|(name, peer)| async move { (name, ask(peer).await) });
    let mut checks: BTreeMap<String, Checked> = BTreeMap::new();
    // Until the gateway has heard from identity itself, it can judge nobody's token.
    let status = if gateway.guard.is_in_step() {
        Fitness::Ready
    } else {
        Fitness::Unavailable
    };
    checks.insert("gateway".to_owned(), Checked { status });
    for (name, found) in join_all(asked).await {
        for (check, status) in found {
            let check = if check.is_empty() { name.as_str() } else { check };
            let known = checks.entry(check.to_owned()).or_insert(Checked { status });
            known.status = known.status.max(status);
        }
    }
    let status = checks
        .values()
        .map(|checked| checked.status)
        .max()
        .unwrap_or(Fitness::Ready);
    let report = Report { status, checks };
    let body = serde_json::to_vec(&report).unwrap_or_default();
    let mut response = page("application/json", Bytes::from(body));
    if status == Fitness::Unavailable {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// How a service is (`""`), and what it says of the things it shares with others.
async fn ask(peer: &Peer) -> Vec<(&'static str, Fitness)> {
    let names = ["", SHARED[0], SHARED[1]];
    let answers = join_all(names.map(|name| check(peer, name))).await;
    let mut found: Vec<_> = names
        .into_iter()
        .zip(answers)
        .filter_map(|(name, answer)| Some((name, answer?)))
        .collect();
    let whole = found
        .first()
        .map_or(Fitness::Unavailable, |(_, fitness)| *fitness);
    for (name, fitness) in &mut found {
        // What a service can do without only puts off some of its work.
        if !name.is_empty() && *fitness == Fitness::Unavailable && whole == Fitness::Ready {
            *fitness = Fitness::Degraded;
        }
    }
    if !found.iter().any(|(name, _)| name.is_empty()) {
        found.insert(0, ("", whole));
    }
    found
}

/// None when the service has no such check.
async fn check(peer: &Peer, name: &str) -> Option<Fitness> {
    let mut client = HealthClient::new(peer.clone());
    let asked = client.check(HealthCheckRequest {
        service: name.to_owned(),
    });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving => Some(Fitness::Ready),
        Ok(Err(status)) if status.code() == Code::NotFound => None,
        // Without the service itself, nothing is known of what it shares.
        Ok(Err(_)) | Err(_) => name.is_empty().then_some(Fitness::Unavailable),
        Ok(Ok(_)) => Some(Fitness::Unavailable),
    }
}
