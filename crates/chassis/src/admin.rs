//! The admin port of a process: `/healthz`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use tokio::net::TcpListener;

use crate::db::Db;
use crate::error::Error;
use crate::health::{Fitness, Health, Report};
use crate::host::{Host, Process};
use crate::settings::Listen;
use crate::telemetry::Metrics;

#[derive(Clone)]
struct Admin {
    /// The checks of each service, with what goes before their names.
    health: Vec<(String, Health)>,
    pools: Vec<(&'static str, Db)>,
    metrics: Metrics,
}

/// Serves the admin port until the process has stopped. With several hosts a check is named `<service>.<check>`; `others`
/// are the checks of what is no service (the gateway's), named as they are.
///
/// # Errors
/// When the port can't be listened at.
pub async fn serve(
    process: &Process,
    at: &Listen,
    hosts: &[Host],
    others: &[Health],
    metrics: Metrics,
) -> Result<SocketAddr, Error> {
    let alone = hosts.len() == 1 && others.is_empty();
    let prefix = |host: &Host| {
        if alone {
            String::new()
        } else {
            format!("{}.", host.name)
        }
    };
    let of_hosts = hosts.iter().map(|host| (prefix(host), host.health.clone()));
    let admin = Admin {
        health: of_hosts
            .chain(others.iter().map(|health| (String::new(), health.clone())))
            .collect(),
        pools: hosts.iter().map(|host| (host.name, host.db.clone())).collect(),
        metrics: metrics.clone(),
    };
    let router = Router::new()
        .route(
            "/healthz",
            get(async || Json(serde_json::json!({"status": "ok"}))),
        )
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .with_state(admin);

    let listener = TcpListener::bind(at.to_string())
        .await
        .map_err(|error| Error::internal(format!("the admin port can't listen at {at}: {error}")))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let shutdown = process.shutdown.clone();
    process.tasks.spawn(async move {
        // Cut off rather than drained: a probe that keeps its connection open must not hold the process.
        let served = shutdown.run_until_cancelled(async { axum::serve(listener, router).await });
        if let Some(Err(error)) = served.await {
            tracing::error!(%error, "the admin port ended");
        }
    });
    process.tasks.spawn(keep_up(process.shutdown.clone(), metrics));
    Ok(address)
}

async fn keep_up(shutdown: tokio_util::sync::CancellationToken, metrics: Metrics) {
    let mut ticks = tokio::time::interval(Duration::from_secs(10));
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        metrics.upkeep();
    }
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let reports = join_all(
        admin
            .health
            .iter()
            .map(|(prefix, health)| async move { (prefix, health.report().await) }),
    );
    let mut whole = Report {
        status: Fitness::Ready,
        checks: BTreeMap::new(),
    };
    for (prefix, report) in reports.await {
        whole.status = whole.status.max(report.status);
        whole.checks.extend(
            report
                .checks
                .into_iter()
                .map(|(name, checked)| (format!("{prefix}{name}"), checked)),
        );
    }
    (whole.http_status(), Json(whole))
}

async fn measured(State(admin): State<Admin>) -> impl IntoResponse {
    for (service, db) in &admin.pools {
        let (open, idle) = db.connections();
        metrics::gauge!("kontor_db_connections", "service" => *service, "state" => "open")
            .set(f64::from(open));
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        metrics::gauge!("kontor_db_connections", "service" => *service, "state" => "idle")
            .set(f64::from(idle));
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        admin.metrics.render(),
    )
}

impl Report {
    /// 200 while work is done, also a degraded one; else 503.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        match self.status {
            Fitness::Ready | Fitness::Degraded => StatusCode::OK,
            Fitness::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
