//! The span and the metrics of a request.

use std::sync::OnceLock;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, StatusCode};
use kontor_chassis::telemetry;
use metrics::{Counter, Histogram};
use tracing::Span;
use tracing::field::Empty;

/// Begins the span of a request, which continues the client's trace. The route is recorded when it is known.
pub(crate) fn span(parts: &Parts, id: &HeaderValue) -> Span {
    // At error level, so that it is there whatever is logged: it carries the trace.
    let span = tracing::error_span!(
        "http",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = parts.method.as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = id.to_str().unwrap_or_default(),
    );
    telemetry::continue_from(
        &span,
        parts
            .headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok()),
    );
    span
}

/// Records which route it is.
pub(crate) fn routed(span: &Span, name: &str, path: &str) {
    span.record("otel.name", name);
    span.record("http.route", path);
}

/// Records how it ended.
pub(crate) fn ended(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The metrics of one route, by the first digit of the status.
#[derive(Default)]
pub(crate) struct Measured([OnceLock<(Counter, Histogram)>; 6]);

impl Measured {
    /// Counts an answer.
    pub(crate) fn count(&self, verb: &str, path: &str, status: StatusCode, begun: Instant) {
        let class = usize::from(status.as_u16() / 100);
        let Some(slot) = self.0.get(class) else { return };
        let (count, seconds) = slot.get_or_init(|| {
            let labels = [
                ("method", verb.to_owned()),
                ("route", path.to_owned()),
                ("status", format!("{class}xx")),
            ];
            (
                metrics::counter!("kontor_http_total", &labels),
                metrics::histogram!("kontor_http_seconds", &labels),
            )
        });
        count.increment(1);
        seconds.record(begun.elapsed().as_secs_f64());
    }
}
