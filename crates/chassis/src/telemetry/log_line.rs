//! A log line as one JSON object, with the id of its trace.

use std::fmt::{self, Debug};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::trace;

/// `{"timestamp":…,"level":…,"target":…,<fields>,"span":…,"trace_id":…}`.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line {
            writer,
            failed: Ok(()),
        };
        let now = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .map_err(|_| fmt::Error)?;
        let metadata = event.metadata();
        write!(
            line.writer,
            r#"{{"timestamp":"{now}","level":"{}","target":"{}""#,
            metadata.level(),
            metadata.target()
        )?;
        event.record(&mut line);
        if let Some(span) = context.lookup_current() {
            line.put("span", span.name());
        }
        if let Some(trace) = context.event_scope().and_then(trace::of_spans) {
            line.put("trace_id", &trace.to_string());
        }
        line.failed?;
        writeln!(line.writer, "}}")
    }
}

struct Line<'a> {
    writer: Writer<'a>,
    failed: fmt::Result,
}

impl Line<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if self.failed.is_ok() {
            // A number that JSON doesn't know is left out rather than the whole line.
            let Ok(text) = serde_json::to_string(value) else {
                return;
            };
            self.failed = write!(self.writer, r#","{name}":{text}"#);
        }
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), &format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), &value);
    }
}

/// Fields of spans are for traces; in a line the span's name and trace suffice, so nothing is written down for each span.
pub(super) struct NoFields;

impl<'writer> FormatFields<'writer> for NoFields {
    fn format_fields<R: RecordFields>(&self, _writer: Writer<'writer>, _fields: R) -> fmt::Result {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_json_with_its_fields_and_its_trace() {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(JsonLine)
            .fmt_fields(NoFields)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("rpc", secret = "unseen");
            super::super::continue_from(
                &span,
                Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            );
            let _entered = span.entered();
            let _inner = tracing::info_span!("step").entered();
            tracing::warn!(rows = 3, kind = ?Some("a\"b"), "said \"so\"");
        });
        let bytes = written.0.lock().unwrap().clone();
        let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(line["message"], "said \"so\"");
        assert_eq!(
            (line["level"].as_str(), line["rows"].as_u64()),
            (Some("WARN"), Some(3))
        );
        assert_eq!(line["kind"], "Some(\"a\\\"b\")");
        assert_eq!(line["span"], "step");
        assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(line.get("secret"), None);
    }
}
