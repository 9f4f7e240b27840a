//! Export to an OpenTelemetry collector.

use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::error::Error;

/// How long an export may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
const TRACES_EVERY: Duration = Duration::from_secs(1);
const METRICS_EVERY: Duration = Duration::from_secs(15);

pub(super) struct Exported {
    pub(super) traces: SdkTracerProvider,
    pub(super) meters: SdkMeterProvider,
}

impl Exported {
    pub(super) fn to(endpoint: &str, name: &str) -> Result<Self, Error> {
        let resource = Resource::builder().with_service_name(name.to_owned()).build();
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| wrong(&error))?;
        let batches = BatchConfigBuilder::default()
            .with_scheduled_delay(TRACES_EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(spans)
            .with_batch_config(batches)
            .build();
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_span_processor(processor)
            .build();
        let measures = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| wrong(&error))?;
        let reader = PeriodicReader::builder(measures)
            .with_interval(METRICS_EVERY)
            .build();
        let meters = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader)
            .build();
        Ok(Self { traces, meters })
    }

    pub(super) fn meter(&self) -> Meter {
        self.meters.meter("kontor")
    }

    /// Spans of our own crates, also those of single transactions; of the events within them only what is worth a line.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = filter_fn(|metadata| {
            metadata.target().starts_with("kontor")
                && (metadata.is_span() || *metadata.level() <= Level::INFO)
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("kontor"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            // Nobody asks for OpenTelemetry's own current context; and a span may be named while it is entered.
            .with_context_activation(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::DEBUG))
    }
}

fn wrong(error: &opentelemetry_otlp::ExporterBuildError) -> Error {
    Error::internal(format!("the setting KONTOR_OTLP_ENDPOINT can't be used: {error}"))
}
