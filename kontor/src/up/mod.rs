//! `kontor up`: everything with one command, and nothing left behind.

mod choices;
mod distributed;

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kontor_chassis::serve::until_stopped;
use kontor_chassis::settings::{Settings, without_password};
use kontor_chassis::telemetry::{self, Telemetry};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::private::{self, Choices};
use crate::servers::{Passwords, Postgres, RabbitMq};
use crate::suite::{self, SERVICES, Selection};
use crate::terminal::say;
use crate::{demo, explain, migrate, process};

/// What a user asked `up` for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// A process for each service.
    pub distributed: bool,
    /// The demonstration company, when the database is new.
    pub demo: bool,
}

/// The servers that it started, in the order they are stopped.
#[derive(Default)]
struct Servers {
    broker: Option<RabbitMq>,
    postgres: Option<Postgres>,
}

/// Starts everything, says where it is, and stops it all when told to.
///
/// # Errors
/// When something can't be started; what was started before is stopped again.
pub async fn run(config: Option<&Path>, wish: Wish, stop: CancellationToken) -> Result<()> {
    let home = private::home();
    fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
    let _lock = lock(&home)?;
    let settings = Settings::load(config).map_err(explain)?;
    let telemetry = telemetry::init(&settings, "kontor").map_err(explain)?;

    let mut servers = Servers::default();
    let outcome = run_with(config, wish, &settings, &telemetry, &mut servers, &stop).await;
    let stopped = servers.stop().await;
    telemetry.finish().await;
    outcome.and(stopped)
}

/// Two in one folder would fight over the same data.
fn lock(home: &Path) -> Result<File> {
    let file = File::create(home.join("up.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("`kontor up` runs here already"),
        Err(TryLockError::Error(error)) => Err(error).context("locking .kontor/up.lock"),
    }
}

async fn run_with(
    config: Option<&Path>,
    wish: Wish,
    given: &Settings,
    telemetry: &Telemetry,
    servers: &mut Servers,
    stop: &CancellationToken,
) -> Result<()> {
    let mut choices = servers.start(given, wish).await?;
    choices.extend(choices::addresses(given)?);
    let settings = Settings::load_over(config, choices.clone()).map_err(explain)?;
    let new = bring_up_to_date(&settings, servers.postgres.as_ref()).await?;
    let unfinished = private::home().join("demo.unfinished");
    if new && wish.demo {
        fs::write(&unfinished, "")?;
    }
    let tell = async {
        let answers = wait_until_ready(&settings, stop).await?;
        if answers && wish.demo && unfinished.exists() {
            match load_demo(&settings).await {
                Ok(()) => fs::remove_file(&unfinished)?,
                // The suite itself is up; the next start, or `kontor demo`, goes on with it.
                Err(error) => say(format!("the demonstration company is not complete: {error:#}")),
            }
        }
        if answers {
            announce(&settings, servers)?;
        }
        stop.cancelled().await;
        Ok(())
    };
    if wish.distributed {
        distributed::run(config, &settings, &choices, tell, stop).await
    } else {
        let all = Selection::all();
        let start = process::start(settings.clone(), &all, telemetry.metrics());
        let Some(process) = stop.run_until_cancelled(start).await.transpose()? else {
            return Ok(());
        };
        let told = tokio::select! {
            told = tell => told,
            // The gateway could not go on.
            () = process.draining.cancelled() => Ok(()),
        };
        process.draining.cancel();
        until_stopped(&process).await.map_err(explain)?;
        told
    }
}

impl Servers {
    /// Starts what neither the environment nor the file names, and chooses the settings that lead there.
    async fn start(&mut self, given: &Settings, wish: Wish) -> Result<Choices> {
        let home = private::home();
        let mut choices = Choices::new();
        if !private::names_a_database(given)? {
            let postgres = Postgres::start(&home).await?;
            choices.extend(private::database_choices(&home, &postgres)?);
            self.postgres = Some(postgres);
        }
        if wish.distributed && given.events.is_none() {
            let broker = RabbitMq::start(&home).await?;
            choices.push(("events".to_owned(), broker.url()));
            self.broker = Some(broker);
        }
        Ok(choices)
    }

    async fn stop(self) -> Result<()> {
        let broker = match self.broker {
            Some(broker) => broker.stop().await,
            None => Ok(()),
        };
        let postgres = self.postgres.map_or(Ok(()), Postgres::stop);
        broker.and(postgres)
    }
}

/// Migrates. True when the database was new.
async fn bring_up_to_date(settings: &Settings, private: Option<&Postgres>) -> Result<bool> {
    let own = private.map(Postgres::admin_url);
    let admin_url = own
        .as_deref()
        .or(settings.migrate_database_url.as_deref())
        .or(settings.database_url.as_deref())
        .context("set KONTOR_MIGRATE_DATABASE_URL to a role that may create roles and schemas")?;
    let schemas = suite::schemas(settings, &SERVICES.iter().collect::<Vec<_>>())?;
    let names: Vec<&str> = schemas.iter().map(migrate::Schema::name).collect();
    let mut connection = PgConnection::connect(admin_url)
        .await
        .context("signing in to the database that is to be migrated")?;
    let new = sqlx::query_scalar("select not exists (select from pg_namespace where nspname = any($1))")
        .bind(names)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    let applied = migrate::apply(admin_url, &schemas).await?;
    if !applied.migrations.is_empty() {
        say(applied.to_string());
    }
    Ok(new)
}

/// Asks the gateway until it answers that all is up. False when told to stop before.
async fn wait_until_ready(settings: &Settings, stop: &CancellationToken) -> Result<bool> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()?;
    let url = format!("{}/readyz", settings.gateway_listen.url());
    let mut last_word = Instant::now();
    loop {
        let answer = match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(true),
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.without_url().to_string(),
        };
        if last_word.elapsed() > Duration::from_secs(15) {
            say(format!("not ready yet: {answer}"));
            last_word = Instant::now();
        }
        if stop
            .run_until_cancelled(sleep(Duration::from_millis(100)))
            .await
            .is_none()
        {
            return Ok(false);
        }
    }
}

/// The demonstration's password: a known one is for a gateway that this machine alone can reach.
fn demo_password(settings: &Settings) -> Result<String> {
    let listen = settings.gateway_listen.to_string();
    if listen.starts_with("127.") || listen.starts_with("localhost:") || listen.starts_with("[::1]:") {
        return Ok(demo::PASSWORD.to_owned());
    }
    Passwords::of_file(private::home().join("passwords.json")).of("demo")
}

async fn load_demo(settings: &Settings) -> Result<()> {
    say("loading the demonstration company");
    let password = demo_password(settings)?;
    let loaded = demo::load(&settings.gateway_listen.url(), &password).await?;
    fs::write(private::home().join("demo.loaded"), "")?;
    say(format!("loaded {loaded}"));
    Ok(())
}

fn announce(settings: &Settings, servers: &Servers) -> Result<()> {
    say("");
    say(format!("Kontor is up at {}", settings.gateway_listen.url()));
    say(format!("  explore   {}/docs", settings.gateway_listen.url()));
    if private::home().join("demo.loaded").exists() {
        say(format!(
            "  sign in   {} with the password {}",
            demo::EMAIL,
            demo_password(settings)?
        ));
    }
    for service in &SERVICES {
        let listen = service.settings(settings).map_err(explain)?.listen;
        say(format!("  gRPC      {:<10} {listen}", service.name));
    }
    match (&servers.postgres, &settings.database_url) {
        (Some(postgres), _) => say(format!(
            "  database  its own, 127.0.0.1:{}, in .kontor/postgres",
            postgres.port()
        )),
        (None, Some(url)) => say(format!("  database  {}", without_password(url))),
        (None, None) => say("  database  as KONTOR_<SERVICE>_DATABASE_URL say"),
    }
    let events = settings.events.as_deref().unwrap_or("in-process");
    say(format!("  events    {}", without_password(events)));
    if settings.smtp_url.is_none() {
        say(format!("  mails     {}", settings.mail_dir.display()));
    }
    say("Ctrl-C stops it.");
    Ok(())
}
