//! `kontor up --distributed`: a process for each service and the gateway.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kontor_chassis::settings::{Listen, Settings};
use tokio_util::sync::CancellationToken;

use super::choices;
use crate::children::{self, Recipe};
use crate::explain;
use crate::private::{self, Choices};
use crate::suite::{GATEWAY, SERVICES};
use crate::terminal::say;

/// Runs the processes until `stop`, or until `tell` fails.
pub(super) async fn run(
    config: Option<&Path>,
    settings: &Settings,
    chosen: &Choices,
    tell: impl Future<Output = Result<()>>,
    stop: &CancellationToken,
) -> Result<()> {
    if settings.events.as_deref() == Some("in-process") {
        bail!("KONTOR_EVENTS=in-process reaches no other process: leave it out, or name a broker");
    }
    let logs = private::home().join("log");
    let admin = settings
        .admin_listen
        .clone()
        .context("the gateway's admin port was not chosen")?;
    let mut services = Vec::new();
    for service in &SERVICES {
        let own = service.settings(settings).map_err(explain)?;
        services.push(recipe(
            config,
            service.name,
            &choices::admin_of(&own.listen)?,
            chosen,
        ));
    }
    let gateway = recipe(config, GATEWAY, &admin, chosen);

    // The gateway goes first when all end, so that nobody asks for what is gone already.
    let (services_stop, gateway_stop) = (CancellationToken::new(), CancellationToken::new());
    let services = children::keep(services, &logs, &services_stop)?;
    let gateway = children::keep(vec![gateway], &logs, &gateway_stop)?;
    say(format!(
        "a process for each service; their logs are in {}",
        logs.display()
    ));

    let told = tokio::select! {
        told = tell => told,
        () = stop.cancelled() => Ok(()),
    };
    gateway_stop.cancel();
    gateway.wait().await;
    services_stop.cancel();
    services.wait().await;
    told
}

fn recipe(config: Option<&Path>, name: &'static str, admin: &Listen, chosen: &Choices) -> Recipe {
    let mut arguments = vec!["serve".to_owned(), name.to_owned()];
    if let Some(config) = config {
        arguments.extend(["--config".to_owned(), config.display().to_string()]);
    }
    // No service needs to know how to migrate.
    let passed = chosen
        .iter()
        .filter(|(key, _)| key != "admin_listen" && key != "migrate_database_url");
    let mut environment: Vec<_> = passed
        .map(|(key, value)| (format!("KONTOR_{}", key.to_uppercase()), value.clone()))
        .collect();
    environment.push(("KONTOR_ADMIN_LISTEN".to_owned(), admin.to_string()));
    Recipe {
        name,
        arguments,
        environment,
    }
}
