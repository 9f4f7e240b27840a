//! Logs, traces and metrics of a process.
//!
//! Every rpc runs in a span that continues the caller's trace, whether traces are exported or not, so that log lines carry
//! its id; what leaves (an rpc, an event) takes it along by [`traceparent`]. Traces and metrics go to an OpenTelemetry
//! collector when one is set, and metrics always stand on the admin port.

mod log_line;
mod metric;
mod otlp;
mod trace;

use std::io::IsTerminal;

use metrics_exporter_prometheus::PrometheusHandle;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

pub use trace::{continue_from, trace_id, traceparent, traceparent_of};
pub(crate) use trace::{continue_from_headers, inject};

use crate::error::Error;
use crate::settings::{LogFormat, Settings};

/// The telemetry of a process; keep it until the end, then call [`Telemetry::finish`].
pub struct Telemetry {
    prometheus: PrometheusHandle,
    traces: Option<SdkTracerProvider>,
    meters: Option<SdkMeterProvider>,
}

/// Begins to log, trace and measure, once for a process; `name` is the service, or the suite's when several run in one.
///
/// Call it within the run time.
///
/// # Errors
/// When a setting can't be read, the collector's address is none, or it was begun already.
pub fn init(settings: &Settings, name: &str) -> Result<Telemetry, Error> {
    // Unlike EnvFilter, it has nothing to do when a span is entered or left.
    let filter = settings.log.parse::<Targets>();
    let filter = filter
        .map_err(|error| Error::internal(format!("the setting KONTOR_LOG can't be read: {error}")))?
        // It writes down every message that no queue wanted, and with it what people entered.
        .with_target("lapin::returned_messages", LevelFilter::OFF);
    let exported = settings
        .otlp_endpoint
        .as_deref()
        .map(|at| otlp::Exported::to(at, name))
        .transpose()?;

    let format = settings.log_format.unwrap_or(if std::io::stderr().is_terminal() {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => log.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => log
            .event_format(log_line::JsonLine)
            .fmt_fields(log_line::NoFields)
            .with_ansi(false)
            .with_filter(filter)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(log)
        .with(exported.as_ref().map(otlp::Exported::layer))
        .try_init()
        .map_err(Error::internal)?;

    if exported.is_some() {
        trace::are_exported();
    }
    let prometheus = metric::install(exported.as_ref().map(otlp::Exported::meter))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let text = panic.payload_as_str().unwrap_or("a panic without a text");
        tracing::error!(place, panic = text, "a task panicked");
    }));
    let (traces, meters) = exported
        .map(|exported| (exported.traces, exported.meters))
        .unzip();
    Ok(Telemetry {
        prometheus,
        traces,
        meters,
    })
}

impl Telemetry {
    /// What `/metrics` answers with.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics(self.prometheus.clone())
    }

    /// Sends what has not been exported yet, for at most a few seconds.
    pub async fn finish(self) {
        // The exporters block while they flush.
        let flushed = tokio::task::spawn_blocking(move || {
            let traces = self
                .traces
                .map(|traces| traces.shutdown_with_timeout(otlp::PATIENCE));
            let meters = self
                .meters
                .map(|meters| meters.shutdown_with_timeout(otlp::PATIENCE));
            [traces, meters].into_iter().flatten().find_map(Result::err)
        });
        match flushed.await {
            Ok(None) => {}
            Ok(Some(error)) => tracing::warn!(%error, "the last traces or metrics could not be exported"),
            Err(error) => tracing::warn!(%error, "the exporters could not be ended"),
        }
    }
}

/// The metrics of the process as Prometheus reads them. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Empties the buffers of histograms, which otherwise grow until somebody reads them.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
