//! `kontor events dead`: the messages that services gave up, wherever they are kept.

use anyhow::{Context, Result, bail};
use kontor_chassis::Db;
use kontor_chassis::settings::Settings;
use kontor_events::{Bus, DeadLetter, DeadLetters};
use kontor_gateway::contract::Options;
use kontor_gateway::json::answer::Writer;
use kontor_gateway::plan::Plans;
use kontor_proto::DESCRIPTORS;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::suite::{SERVICES, Selection, Service};
use crate::terminal::say;
use crate::{explain, private, servers};

/// More are not looked at in one go.
const MOST: usize = 10_000;

/// One service and where its dead messages are.
struct Grave {
    service: &'static Service,
    db: Db,
    broker: Option<Bus>,
}

impl Grave {
    fn of(settings: &Settings, name: &str) -> Result<Self> {
        let Some(service) = SERVICES.iter().find(|service| service.name == name) else {
            bail!("there is no service {name}");
        };
        let own = service.settings(settings).map_err(explain)?;
        let db = Db::open(own.database_url().map_err(explain)?, service.name, 1).map_err(explain)?;
        let address = match settings.events.clone() {
            Some(address) => Some(address).filter(|address| address != "in-process"),
            None => servers::RabbitMq::known(&private::home())?,
        };
        let broker = address.as_deref().map(Bus::connect).transpose()?;
        Ok(Self { service, db, broker })
    }

    fn letters(&self) -> DeadLetters<'_> {
        DeadLetters::of(self.service.name, &self.db, self.broker.as_ref())
    }

    async fn all(&self) -> Result<Vec<DeadLetter>> {
        let found = self.letters().list(MOST).await.map_err(explain);
        found.with_context(|| format!("looking at the dead messages of {}", self.service.name))
    }
}

/// Prints a line for each; true, as an empty list is an answer too.
pub(crate) async fn list(settings: &Settings, service: Option<&str>) -> Result<bool> {
    let chosen = match service {
        Some(name) => Selection::parse(&[name.to_owned()])?,
        None => Selection::all(),
    };
    let mut count = 0;
    for service in &chosen.services {
        for letter in Grave::of(settings, service.name)?.all().await? {
            count += 1;
            say(format!(
                "{}  {}  {}  {}  {}  {}",
                service.name,
                or_dash(&letter.id),
                or_dash(&letter.kind),
                letter
                    .headers
                    .company
                    .map_or_else(|| "-".to_owned(), |id| id.to_string()),
                instant(letter.died_at),
                or_dash(&letter.reason),
            ));
        }
    }
    say(format!("{count} dead"));
    Ok(true)
}

/// Prints one with its headers and its content; false when there is none of that id.
pub(crate) async fn show(settings: &Settings, service: &str, id: &str) -> Result<bool> {
    let letters = Grave::of(settings, service)?.all().await?;
    let Some(letter) = letters.into_iter().find(|letter| letter.id == id) else {
        say(format!("{service} has no dead message {id}"));
        return Ok(false);
    };
    let headers = &letter.headers;
    say(format!("id       {}", letter.id));
    say(format!("type     {}", letter.kind));
    say(format!("reason   {}", letter.reason));
    say(format!("died     {}", instant(letter.died_at)));
    say(format!("source   {}", headers.source));
    say(format!("told     {}", instant(headers.time)));
    say(format!(
        "subject  {}",
        or_dash(headers.subject.as_deref().unwrap_or_default())
    ));
    for (name, id) in [("company", headers.company), ("actor", headers.actor)] {
        say(format!(
            "{name:8} {}",
            id.map_or_else(|| "-".to_owned(), |id| id.to_string())
        ));
    }
    say(content(&letter)?);
    Ok(true)
}

/// Has one or all tried again; false when there is none.
pub(crate) async fn retry(settings: &Settings, service: &str, id: Option<&str>) -> Result<bool> {
    let grave = Grave::of(settings, service)?;
    let ids: Vec<String> = match id {
        Some(id) => vec![id.to_owned()],
        None => grave.all().await?.into_iter().map(|letter| letter.id).collect(),
    };
    let mut count = 0;
    for id in &ids {
        if grave.letters().retry(id).await.map_err(explain)? {
            count += 1;
        }
    }
    say(format!("{count} given to {service} again"));
    Ok(count > 0)
}

/// The message as JSON, as the HTTP API would show it; of an unknown type its length.
fn content(letter: &DeadLetter) -> Result<String> {
    let options = Options::of(&DESCRIPTORS)?;
    let plans = Plans::of(&DESCRIPTORS, &options)?;
    let Ok(id) = plans.id(&letter.kind) else {
        return Ok(format!(
            "{} bytes of a type that this version doesn't know",
            letter.payload.len()
        ));
    };
    let mut writer = Writer::new(&plans, letter.payload.len() * 4);
    if writer.message(id, &letter.payload).is_err() {
        return Ok(format!("{} bytes that are no such message", letter.payload.len()));
    }
    let json: serde_json::Value = serde_json::from_slice(&writer.finish())?;
    Ok(serde_json::to_string_pretty(&json)?)
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn instant(at: Option<OffsetDateTime>) -> String {
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "-".to_owned())
}
