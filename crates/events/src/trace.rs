//! One trace from the request that told something to the last who heard it.

use opentelemetry::propagation::{Extractor, Injector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == "traceparent")
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The W3C `traceparent` of a span, when traces are kept.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = Carrier(None);
    let context = span.context();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut carrier)
    });
    carrier.0
}

/// Makes a span go on with the trace of a message.
pub(crate) fn go_on(span: &Span, traceparent: Option<&str>) {
    if traceparent.is_none() {
        return;
    }
    let carrier = Carrier(traceparent.map(str::to_owned));
    let context = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
    // Without a layer that keeps traces there is nothing to go on with.
    let _ = span.set_parent(context);
}
