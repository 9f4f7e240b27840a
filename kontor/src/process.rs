//! The life of a process that serves a part of the suite, or all of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kontor_chassis::health::Fitness;
use kontor_chassis::host::{Host, Process};
use kontor_chassis::peers::Peers;
use kontor_chassis::settings::{Listen, Settings};
use kontor_chassis::telemetry::Metrics;
use kontor_chassis::token::ServiceKey;
use kontor_chassis::{admin, serve};
use kontor_events::Bus;
use sqlx::{Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::explain;
use crate::migrate::{self, Schema};
use crate::suite::{IDENTITY, SERVICES, Selection, Service};

/// The longest wait between two looks for a database that is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Starts what is selected. The process answers on its admin port at once, and on the others as soon as the
/// database does: one that is away is waited for.
///
/// # Errors
/// When a setting is wrong, migrations are pending, a role could step around Row-Level Security, or a port is
/// taken.
pub(crate) async fn start(settings: Settings, selection: &Selection, metrics: Metrics) -> Result<Process> {
    let settings = Arc::new(settings);
    let address = selection.bus_address(&settings)?;
    let bus = Bus::connect(&address).context("the setting KONTOR_EVENTS")?;
    for service in &SERVICES {
        let kinds = service.hears();
        if !kinds.is_empty() {
            bus.announce(service.name, kinds);
        }
    }
    let process =
        Process::start(Arc::clone(&settings), peers(&settings, selection)?, IDENTITY).map_err(explain)?;

    let mut hosts = Vec::new();
    for service in &selection.services {
        let host = process.host(service.name, service.port).map_err(explain)?;
        watch_broker(&host, &bus);
        hosts.push(host);
    }
    admin::serve(
        &process,
        &admin_listen(&settings, selection, &hosts),
        &hosts,
        &[],
        metrics,
    )
    .await
    .map_err(explain)?;

    for (service, host) in selection.services.iter().zip(&hosts) {
        start_service(service, host, &bus)
            .await
            .with_context(|| format!("{} does not start", service.name))?;
    }
    if selection.gateway {
        start_gateway(&process).await?;
    }
    Ok(process)
}

/// The gateway's where it is in the process, else the first service's.
fn admin_listen(settings: &Settings, selection: &Selection, hosts: &[Host]) -> Listen {
    match hosts.first() {
        Some(host) if !selection.gateway => host.service.admin_listen.clone(),
        _ => settings
            .admin_listen
            .clone()
            .unwrap_or_else(|| settings.gateway_listen.admin()),
    }
}

async fn start_gateway(process: &Process) -> Result<()> {
    let at = process.settings.gateway_listen.to_string();
    let listener = TcpListener::bind(&at)
        .await
        .with_context(|| format!("the gateway can't listen at {at}"))?;
    let gateway = process.clone();
    process.servers.spawn(async move {
        if let Err(error) = kontor_gateway::serve_at(&gateway, listener).await {
            tracing::error!(error = format!("{:#}", explain(error)), "the gateway ended");
            gateway.draining.cancel();
        }
    });
    Ok(())
}

fn peers(settings: &Settings, selection: &Selection) -> Result<Peers> {
    let key = ServiceKey::open(&settings.keys_dir).map_err(explain)?;
    let mut peers = Peers::builder(key);
    for service in &SERVICES {
        peers = if selection.has(service.name) {
            peers.local(service.name)
        } else {
            let url = service.settings(settings).map_err(explain)?.url;
            peers.remote(service.name, &url).map_err(explain)?
        };
    }
    Ok(peers.build("kontor"))
}

/// Without the broker a service does its work; what it has to tell waits in its outbox.
fn watch_broker(host: &Host, bus: &Bus) {
    let bus = bus.clone();
    host.health.register("broker", move || {
        let bus = bus.clone();
        async move {
            if bus.check().await.is_ok() {
                Fitness::Ready
            } else {
                Fitness::Degraded
            }
        }
    });
}

async fn start_service(service: &Service, host: &Host, bus: &Bus) -> Result<()> {
    let schema = service.schema(&host.settings)?;
    wait_for_database(&schema).await?;
    host.db.verify_role().await.map_err(explain)?;
    let routes = service.run(host.clone(), bus.clone()).await.map_err(explain)?;
    serve::serve(host, routes).await.map_err(explain)?;
    Ok(())
}

/// Waits until the database answers, and refuses one that lacks migrations.
async fn wait_for_database(schema: &Schema) -> Result<()> {
    let mut wait = Duration::from_millis(200);
    loop {
        match lacking(schema).await {
            Ok(pending) if pending.is_empty() => return Ok(()),
            Ok(pending) => bail!(
                "{} migrations are pending (first {}): run `kontor migrate` with KONTOR_MIGRATE_DATABASE_URL",
                pending.len(),
                pending[0]
            ),
            Err(sqlx::Error::Database(refusal)) if refusal.code().is_some_and(|code| is_refusal(&code)) => {
                bail!(
                    "the database refuses the sign-in ({}): `kontor migrate` with KONTOR_MIGRATE_DATABASE_URL makes the \
                 role of this service, with the password of its database URL",
                    refusal.code().unwrap_or_default()
                )
            }
            Err(error) => {
                let seconds = wait.as_secs_f32();
                tracing::warn!(service = schema.name(), %error, "the database is away; looking again in {seconds} s");
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// A wrong password or role, or a database that is not there: waiting mends none of them.
fn is_refusal(code: &str) -> bool {
    code.starts_with("28") || code == "3D000" || code == "42501"
}

async fn lacking(schema: &Schema) -> Result<Vec<migrate::Pending>, sqlx::Error> {
    let mut connection = PgConnection::connect(schema.url()).await?;
    let pending = migrate::pending(&mut connection, schema).await?;
    connection.close().await?;
    Ok(pending)
}
