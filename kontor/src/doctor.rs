//! `kontor doctor`: what is configured, what is reachable, what is wrong, and how to mend it.

use std::fmt;

use anyhow::Result;
use kontor_chassis::Db;
use kontor_chassis::settings::{Settings, without_password};
use kontor_events::Bus;
use sqlx::{Connection, PgConnection};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::migrate;
use crate::suite::{SERVICES, Service};
use crate::terminal::say;

/// How long anything may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one look found.
enum Finding {
    /// As it should be.
    Fine(String),
    /// No fault, but worth knowing.
    Note(String),
    /// A fault, and how to mend it.
    Wrong(String, String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine(what) => write!(f, "  ok     {what}"),
            Self::Note(what) => write!(f, "  note   {what}"),
            Self::Wrong(what, mend) => write!(f, "  WRONG  {what}\n         {mend}"),
        }
    }
}

/// Looks at everything and prints it. True when nothing is wrong.
///
/// # Errors
/// When a setting can't be read at all.
pub async fn examine(settings: &Settings) -> Result<bool> {
    say("Settings in force");
    let in_force = settings.in_force();
    for one in &in_force {
        say(format!("  {} = {}   ({})", one.variable, one.value, one.source));
    }
    say("Settings left at their default");
    for (variable, manual) in Settings::manual() {
        if in_force.iter().all(|one| one.variable != variable) {
            say(format!("  {variable}: {manual}"));
        }
    }
    say("State");
    let mut findings = Vec::new();
    for service in &SERVICES {
        findings.extend(examine_service(settings, service).await?);
    }
    findings.push(examine_broker(settings).await);
    findings.push(examine_keys(settings));
    findings.push(listening("gateway", &settings.gateway_listen.to_string()).await);
    if !settings.rate_limits {
        findings.push(Finding::Note(
            "KONTOR_RATE_LIMITS is off: fine for a load test, not in the open".into(),
        ));
    }
    for finding in &findings {
        say(finding.to_string());
    }
    let wrong = findings
        .iter()
        .filter(|finding| matches!(finding, Finding::Wrong(..)))
        .count();
    say(if wrong == 0 {
        "Nothing is wrong.".to_owned()
    } else {
        format!("{wrong} wrong.")
    });
    Ok(wrong == 0)
}

async fn examine_service(settings: &Settings, service: &Service) -> Result<Vec<Finding>> {
    let name = service.name;
    let own = service.settings(settings).map_err(crate::explain)?;
    let mut findings = vec![listening(name, &own.listen.to_string()).await];
    let Ok(schema) = service.schema(settings) else {
        let mend = "set KONTOR_DATABASE_URL, or start a private one with `kontor up`".to_owned();
        findings.push(Finding::Wrong(format!("{name}: no database is set"), mend));
        return Ok(findings);
    };
    let shown = without_password(schema.url());
    let mut connection = match timeout(PATIENCE, PgConnection::connect(schema.url())).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(sqlx::Error::Database(refusal))) => {
            let what = format!(
                "{name}: {shown} refuses the sign-in ({})",
                refusal.code().unwrap_or_default()
            );
            let mend =
                "`kontor migrate` makes the role with the password of this URL, and the schema".to_owned();
            findings.push(Finding::Wrong(what, mend));
            return Ok(findings);
        }
        Ok(Err(_)) | Err(_) => {
            let mend = "start PostgreSQL, or mend the URL; services wait for it meanwhile".to_owned();
            findings.push(Finding::Wrong(format!("{name}: {shown} can't be reached"), mend));
            return Ok(findings);
        }
    };
    let pending = migrate::pending(&mut connection, &schema).await?;
    connection.close().await?;
    findings.push(match pending.first() {
        None => Finding::Fine(format!("{name}: {shown}, no migration pending")),
        Some(first) => Finding::Wrong(
            format!("{name}: {} migrations are pending, first {first}", pending.len()),
            "run `kontor migrate` with KONTOR_MIGRATE_DATABASE_URL".to_owned(),
        ),
    });
    findings.push(examine_role(schema.url(), name).await);
    Ok(findings)
}

async fn examine_role(url: &str, name: &'static str) -> Finding {
    let verified = match Db::open(url, name, 1) {
        Ok(db) => {
            let verified = db.verify_role().await;
            db.close().await;
            verified
        }
        Err(error) => Err(error),
    };
    match verified {
        Ok(()) => Finding::Fine(format!("{name}: its role is bound by Row-Level Security")),
        Err(error) => {
            let mend = "run `kontor migrate`, and give each service its own login role".to_owned();
            Finding::Wrong(format!("{name}: {}", crate::explain(error)), mend)
        }
    }
}

async fn examine_broker(settings: &Settings) -> Finding {
    let Some(address) = settings.events.as_deref() else {
        let what = "no KONTOR_EVENTS: events stay within `serve all`; services of their own need amqp://…";
        return Finding::Note(what.to_owned());
    };
    let bus = match Bus::connect(address) {
        Ok(bus) => bus,
        Err(error) => return Finding::Wrong(error.to_string(), "mend KONTOR_EVENTS".to_owned()),
    };
    let shown = without_password(address);
    match timeout(PATIENCE, bus.check()).await {
        Ok(Ok(())) => Finding::Fine(format!("events: {shown}")),
        Ok(Err(why)) => Finding::Wrong(format!("events: {shown}: {why}"), mend_broker()),
        Err(_) => Finding::Wrong(format!("events: {shown} does not answer"), mend_broker()),
    }
}

fn mend_broker() -> String {
    "start RabbitMQ, or mend KONTOR_EVENTS; events wait in the outboxes meanwhile".to_owned()
}

fn examine_keys(settings: &Settings) -> Finding {
    let folder = settings.keys_dir.display();
    match std::fs::metadata(&settings.keys_dir) {
        Ok(found) if found.is_dir() => Finding::Fine(format!("keys: {folder}")),
        Ok(_) => Finding::Wrong(
            format!("keys: {folder} is no folder"),
            "mend KONTOR_KEYS_DIR".to_owned(),
        ),
        Err(_) => Finding::Note(format!(
            "keys: {folder} is not there yet; the first start makes it"
        )),
    }
}

async fn listening(name: &str, address: &str) -> Finding {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Finding::Fine(format!("{name}: something listens at {address}")),
        Ok(Err(_)) | Err(_) => Finding::Note(format!("{name}: nothing listens at {address}")),
    }
}
