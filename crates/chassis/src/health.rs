//! Whether a service can do its work: named checks, told over gRPC health and `/readyz`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// A check that doesn't answer in this time has failed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Results are good for so long, so that probes can't wear the database out.
const FRESH: Duration = Duration::from_millis(250);
const EVERY: Duration = Duration::from_secs(2);

/// How well one thing, or all of it, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// All is well.
    Ready,
    /// It works, but something is put off (the broker is down: events wait).
    Degraded,
    /// It can't do its work.
    Unavailable,
}

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Fitness> + Send>> + Send + Sync>;

/// The checks of one service. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    checks: Mutex<BTreeMap<String, Check>>,
    last: tokio::sync::Mutex<Option<(Instant, Report)>>,
    reporter: HealthReporter,
    stopping: CancellationToken,
}

/// What the checks found: the body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The worst of all.
    pub status: Fitness,
    /// Each by its name.
    pub checks: BTreeMap<String, Checked>,
}

/// What one check found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Checked {
    /// How well it is.
    pub status: Fitness,
}

impl Health {
    /// No checks yet. Once `stopping` is cancelled, it tells that no more work is taken.
    #[must_use]
    pub fn new(stopping: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            checks: Mutex::default(),
            last: tokio::sync::Mutex::default(),
            reporter: HealthReporter::new(),
            stopping,
        }))
    }

    /// Adds a check, or replaces the one of this name. gRPC health answers for the name too.
    pub fn register<F, R>(&self, name: impl Into<String>, check: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Fitness> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        self.0
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.into(), check);
    }

    /// Runs every check, at once, unless it was done a moment ago.
    pub async fn report(&self) -> Report {
        let mut last = self.0.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let checks = self
            .0
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let run = checks.into_iter().map(|(name, check)| async move {
            let status = timeout(PATIENCE, check()).await.unwrap_or(Fitness::Unavailable);
            (name, Checked { status })
        });
        let checks: BTreeMap<_, _> = join_all(run).await.into_iter().collect();
        let stopping = self.0.stopping.is_cancelled().then_some(Fitness::Unavailable);
        let status = checks
            .values()
            .map(|checked| checked.status)
            .chain(stopping)
            .max()
            .unwrap_or(Fitness::Ready);
        let report = Report { status, checks };
        self.tell(&report).await;
        *last = Some((Instant::now(), report.clone()));
        report
    }

    /// gRPC health: `""` is the whole, every check goes by its name.
    async fn tell(&self, report: &Report) {
        self.0
            .reporter
            .set_service_status("", serving(report.status != Fitness::Unavailable))
            .await;
        for (name, checked) in &report.checks {
            self.0
                .reporter
                .set_service_status(name, serving(checked.status == Fitness::Ready))
                .await;
        }
    }

    /// Keeps gRPC health true until `until`.
    pub(crate) async fn watch(self, until: CancellationToken) {
        let checking = async {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                self.report().await;
            }
        };
        self.0.stopping.run_until_cancelled(checking).await;
        // Told at once, so that nobody sends work to who is leaving.
        self.0
            .reporter
            .set_service_status("", ServingStatus::NotServing)
            .await;
        until.cancelled().await;
    }

    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.reporter.clone()))
    }
}

const fn serving(yes: bool) -> ServingStatus {
    if yes {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}
