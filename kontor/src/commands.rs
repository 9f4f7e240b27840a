//! Each command of the command line, from its words to its exit code.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use kontor_chassis::serve::until_stopped;
use kontor_chassis::telemetry;
use sqlx::{Connection, PgConnection};

use crate::cli::Dead;
use crate::suite::{self, Selection};
use crate::terminal::say;
use crate::{dead, demo, doctor, explain, migrate, private, process, signals, up};

/// `kontor serve`.
///
/// # Errors
/// When a setting is wrong, migrations are pending, a role could step around Row-Level Security, or a port is
/// taken.
pub async fn serve(config: Option<&Path>, services: &[String]) -> Result<ExitCode> {
    let stop = signals::told_to_stop()?;
    let selection = Selection::parse(services)?;
    let settings = private::settings(config)?;
    let name = if services.len() == 1 {
        services[0].as_str()
    } else {
        "kontor"
    };
    let telemetry =
        telemetry::init(&settings, if name == "all" { "kontor" } else { name }).map_err(explain)?;
    let started = stop
        .run_until_cancelled(process::start(settings, &selection, telemetry.metrics()))
        .await;
    let ended = match started {
        Some(Ok(process)) => {
            let draining = process.draining.clone();
            tokio::spawn(async move {
                stop.cancelled().await;
                draining.cancel();
            });
            until_stopped(&process).await.map_err(explain)
        }
        Some(Err(error)) => Err(error),
        // Told to stop before anything ran.
        None => Ok(()),
    };
    telemetry.finish().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// `kontor up`.
///
/// # Errors
/// When something can't be started.
pub async fn up(config: Option<&Path>, distributed: bool, demo: bool) -> Result<ExitCode> {
    up::run(config, up::Wish { distributed, demo }, signals::told_to_stop()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// `kontor keys rotate`.
///
/// # Errors
/// When the folder of keys can't be read or written.
pub fn rotate_keys(config: Option<&Path>) -> Result<ExitCode> {
    let settings = private::settings(config)?;
    let token_life = time::Duration::seconds(settings.access_token_seconds.into());
    let now = time::OffsetDateTime::now_utc();
    let rotated = kontor_identity::rotate_keys(&settings.keys_dir, token_life, now).map_err(explain)?;
    let clock = |at: time::OffsetDateTime| {
        at.format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default()
    };
    say(format!(
        "The key {} signs from {} on. Tokens of the old one count until {} at the latest.",
        rotated.kid,
        clock(rotated.signs_from),
        clock(rotated.old_is_over_at)
    ));
    Ok(ExitCode::SUCCESS)
}

/// `kontor migrate`.
///
/// # Errors
/// When the database can't be reached or brought to this version.
pub async fn migrate(config: Option<&Path>, services: &[String], status: bool) -> Result<ExitCode> {
    let settings = private::settings(config)?;
    let chosen = if services.is_empty() {
        Selection::all()
    } else {
        Selection::parse(services)?
    };
    let schemas = suite::schemas(&settings, &chosen.services)?;
    if status {
        let mut pending = Vec::new();
        for schema in &schemas {
            let url = settings.migrate_database_url.as_deref().unwrap_or(schema.url());
            let mut connection = PgConnection::connect(url)
                .await
                .with_context(|| format!("signing in for {}", schema.name()))?;
            pending.extend(migrate::pending(&mut connection, schema).await?);
            connection.close().await?;
        }
        pending.iter().for_each(|one| say(format!("pending: {one}")));
        say(format!("{} pending", pending.len()));
        return Ok(if pending.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let Some(admin_url) = settings.migrate_database_url.as_deref() else {
        bail!(
            "set KONTOR_MIGRATE_DATABASE_URL to a role that may create roles and schemas; services never log in as it"
        )
    };
    say(migrate::apply(admin_url, &schemas).await?.to_string());
    Ok(ExitCode::SUCCESS)
}

/// `kontor demo`.
///
/// # Errors
/// When the suite can't be reached or refuses a step.
pub async fn demo(config: Option<&Path>, url: Option<String>, password: &str) -> Result<ExitCode> {
    let settings = private::settings(config)?;
    let url = url.unwrap_or_else(|| settings.gateway_listen.url());
    let loaded = demo::load(&url, password).await?;
    say(format!("{loaded}; sign in as {} with {password}", demo::EMAIL));
    Ok(ExitCode::SUCCESS)
}

/// `kontor events dead`.
///
/// # Errors
/// When a setting can't be read, or the database or the broker can't be reached.
pub async fn dead(config: Option<&Path>, command: Dead) -> Result<ExitCode> {
    let settings = private::settings(config)?;
    let found = match command {
        Dead::List { service } => dead::list(&settings, service.as_deref()).await?,
        Dead::Show { service, id } => dead::show(&settings, &service, &id).await?,
        Dead::Retry { service, id, all: _ } => dead::retry(&settings, &service, id.as_deref()).await?,
    };
    Ok(if found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `kontor doctor`.
///
/// # Errors
/// When a setting can't be read.
pub async fn doctor(config: Option<&Path>) -> Result<ExitCode> {
    let settings = private::settings(config)?;
    Ok(if doctor::examine(&settings).await? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
