//! Metrics: always for Prometheus, and for the collector when one is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::error::Error;

/// Upper bounds of latencies, in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

pub(super) fn install(meter: Option<Meter>) -> Result<PrometheusHandle, Error> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .map_err(Error::internal)?
        .build_recorder();
    let handle = recorder.handle();
    match meter {
        None => metrics::set_global_recorder(recorder).map_err(|error| Error::internal(error.to_string()))?,
        Some(meter) => metrics::set_global_recorder(Both {
            prometheus: recorder,
            meter,
        })
        .map_err(|error| Error::internal(error.to_string()))?,
    }
    Ok(handle)
}

/// Records for Prometheus and for the collector.
struct Both {
    prometheus: PrometheusRecorder,
    meter: Meter,
}

impl Recorder for Both {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }
    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }
    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(BothCounter {
            prometheus: self.prometheus.register_counter(key, metadata),
            told: AtomicU64::new(0),
            collector: self.meter.u64_counter(key.name().to_owned()).build(),
            labels: labels(key),
        }))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(BothGauge {
            prometheus: self.prometheus.register_gauge(key, metadata),
            value: AtomicU64::new(0f64.to_bits()),
            collector: self.meter.f64_gauge(key.name().to_owned()).build(),
            labels: labels(key),
        }))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(BothHistogram {
            prometheus: self.prometheus.register_histogram(key, metadata),
            collector: self
                .meter
                .f64_histogram(key.name().to_owned())
                .with_boundaries(SECONDS.to_vec())
                .build(),
            labels: labels(key),
        }))
    }
}

fn labels(key: &Key) -> Vec<KeyValue> {
    key.labels()
        .map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned()))
        .collect()
}

struct BothCounter {
    prometheus: Counter,
    /// What the collector has been told in sum.
    told: AtomicU64,
    collector: opentelemetry::metrics::Counter<u64>,
    labels: Vec<KeyValue>,
}

impl CounterFn for BothCounter {
    fn increment(&self, value: u64) {
        self.prometheus.increment(value);
        self.told.fetch_add(value, Ordering::Relaxed);
        self.collector.add(value, &self.labels);
    }

    fn absolute(&self, value: u64) {
        self.prometheus.absolute(value);
        let before = self.told.fetch_max(value, Ordering::Relaxed);
        self.collector.add(value.saturating_sub(before), &self.labels);
    }
}

struct BothGauge {
    prometheus: Gauge,
    /// Bits of an `f64`.
    value: AtomicU64,
    collector: opentelemetry::metrics::Gauge<f64>,
    labels: Vec<KeyValue>,
}

impl BothGauge {
    fn change(&self, by: f64) {
        let add = |bits| Some((f64::from_bits(bits) + by).to_bits());
        if let Ok(before) = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            self.collector.record(f64::from_bits(before) + by, &self.labels);
        }
    }
}

impl GaugeFn for BothGauge {
    fn increment(&self, value: f64) {
        self.prometheus.increment(value);
        self.change(value);
    }

    fn decrement(&self, value: f64) {
        self.prometheus.decrement(value);
        self.change(-value);
    }

    fn set(&self, value: f64) {
        self.prometheus.set(value);
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.collector.record(value, &self.labels);
    }
}

struct BothHistogram {
    prometheus: Histogram,
    collector: opentelemetry::metrics::Histogram<f64>,
    labels: Vec<KeyValue>,
}

impl HistogramFn for BothHistogram {
    fn record(&self, value: f64) {
        self.prometheus.record(value);
        self.collector.record(value, &self.labels);
    }
}
