//! The W3C trace context: in and out of HTTP/2 metadata and of events.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::{Dispatch, Span};
use tracing_opentelemetry::{OpenTelemetrySpanExt, get_otel_context};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a span and all below it belong to. Stands in the extensions of the span where the trace was continued or begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) id: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl Trace {
    /// Reads `00-<32 hex>-<16 hex>-<2 hex>`; later versions may have more behind it.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        if id.len() != 32
            || span.len() != 16
            || flags.len() != 2
            || text.bytes().any(|b| b.is_ascii_uppercase())
        {
            return None;
        }
        let trace = Self {
            id: TraceId::from_hex(id).ok()?,
            span: SpanId::from_hex(span).ok()?,
            flags: TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        };
        (trace.id != TraceId::INVALID && trace.span != SpanId::INVALID).then_some(trace)
    }

    fn begin() -> Self {
        Self {
            id: TraceId::from_bytes(rand::random()),
            span: SpanId::from_bytes(rand::random()),
            flags: TraceFlags::NOT_SAMPLED,
        }
    }

    fn remote(self) -> SpanContext {
        SpanContext::new(self.id, self.span, self.flags, true, TraceState::NONE)
    }
}

impl From<&SpanContext> for Trace {
    fn from(context: &SpanContext) -> Self {
        Self {
            id: context.trace_id(),
            span: context.span_id(),
            flags: context.trace_flags(),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.id, self.span, self.flags.to_u8())
    }
}

/// Makes a span the continuation of the trace that this `traceparent` names; without one, of the trace around it, or the
/// beginning of a new one. Call it before the span is entered. Its name may still be recorded until it has something below it.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    let parent = traceparent.and_then(Trace::parse);
    if let Some(parent) = parent {
        // An error says that no traces are exported: then the extension alone carries it on.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent.remote()));
    }
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        // A new trace that is exported gets its id when it is first asked for; asking now would fix the span's name.
        let begins = || {
            let inherited = span
                .scope()
                .any(|span| span.extensions().get::<Trace>().is_some());
            (!inherited && !EXPORTS.load(Ordering::Relaxed)).then(Trace::begin)
        };
        let trace = parent.or_else(begins)?;
        span.extensions_mut().replace(trace)
    });
}

/// Whether this process exports its traces.
static EXPORTS: AtomicBool = AtomicBool::new(false);

pub(super) fn are_exported() {
    EXPORTS.store(true, Ordering::Relaxed);
}

pub(crate) fn continue_from_headers(span: &Span, headers: &HeaderMap) {
    continue_from(
        span,
        headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()),
    );
}

/// The span's own context when traces are exported.
fn exported(span: &Span) -> Option<Trace> {
    let context = span.context();
    let context = context.span();
    let context = context.span_context();
    context.is_valid().then(|| Trace::from(context))
}

/// The `traceparent` of this span.
#[must_use]
pub fn traceparent_of(span: &Span) -> Option<String> {
    span.in_scope(traceparent)
}

/// The `traceparent` of what happens now, to be handed on; `None` outside of any trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    current().map(|trace| trace.to_string())
}

/// The id of the trace of what happens now, in hex.
#[must_use]
pub fn trace_id() -> Option<String> {
    current().map(|trace| trace.id.to_string())
}

fn current() -> Option<Trace> {
    exported(&Span::current()).or_else(|| tracing::dispatcher::get_default(of_current_span))
}

fn of_current_span(dispatch: &Dispatch) -> Option<Trace> {
    let registry = dispatch.downcast_ref::<Registry>()?;
    let current = dispatch.current_span();
    let span = registry.span(current.id()?)?;
    span.scope()
        .find_map(|span| span.extensions().get::<Trace>().copied())
}

/// The trace that spans, the innermost first, belong to: for a log line within them.
pub(super) fn of_spans<'a, S>(spans: impl Iterator<Item = SpanRef<'a, S>>) -> Option<TraceId>
where
    S: LookupSpan<'a> + 'a,
{
    let mut innermost = None;
    for span in spans {
        if let Some(trace) = span.extensions().get::<Trace>() {
            return Some(trace.id);
        }
        innermost = innermost.or_else(|| Some(span.id()));
    }
    let innermost = innermost?;
    let context = tracing::dispatcher::get_default(|dispatch| get_otel_context(&innermost, dispatch))?;
    let context = context.span();
    let context = context.span_context();
    context.is_valid().then(|| context.trace_id())
}

/// Hands the trace on to another service, unless the request has one already.
pub(crate) fn inject(headers: &mut HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        return;
    }
    if let Some(value) = traceparent().and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_alike() {
        assert_eq!(Trace::parse(GIVEN).unwrap().to_string(), GIVEN);
    }

    #[test]
    fn a_broken_traceparent_is_none() {
        for broken in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_trace_is_carried_through_spans_below_without_any_export() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let outer = tracing::info_span!("outer");
            continue_from(&outer, Some(GIVEN));
            let _outer = outer.entered();
            let _inner = tracing::info_span!("inner").entered();
            assert_eq!(trace_id().as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
            let mut headers = HeaderMap::new();
            inject(&mut headers);
            assert_eq!(headers["traceparent"], GIVEN);
        });
    }

    #[test]
    fn without_a_traceparent_a_trace_begins() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            assert_eq!(traceparent(), None);
            let span = tracing::info_span!("outer");
            continue_from(&span, Some("nonsense"));
            let _entered = span.entered();
            assert!(Trace::parse(&traceparent().unwrap()).is_some());
        });
    }

    #[test]
    fn an_exported_span_hands_on_its_own_id_in_the_same_trace() {
        use opentelemetry::trace::TracerProvider;
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("outer");
            continue_from(&span, Some(GIVEN));
            let _entered = span.entered();
            let handed_on = traceparent().unwrap();
            assert!(
                handed_on.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
                "{handed_on}"
            );
            assert_ne!(handed_on, GIVEN);
        });
    }
}
