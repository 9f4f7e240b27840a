//! One trace from the request that told something to the last who heard it.

use kontor_chassis::telemetry;
use tracing::Span;

/// The W3C `traceparent` of a span, when it belongs to a trace.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    telemetry::traceparent_of(span)
}

/// Makes a span go on with the trace of a message, or begin one.
pub(crate) fn go_on(span: &Span, traceparent: Option<&str>) {
    telemetry::continue_from(span, traceparent);
}
