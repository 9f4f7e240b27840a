//! The whole suite as processes on free ports: started on first use, killed one by one, stopped at the end.

mod deaths;
mod quiet;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, OnceLock};

use kontor::servers::{Postgres, RabbitMq, free_port};
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tonic::transport::Channel;

use crate::api::{Api, eventually};
use crate::database::SCHEMAS;
use crate::telemetry::Receiver;

/// The run time of all trials: connections of one trial's making serve the next.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a run time for the trials")
});

/// The password of every login role of the private database.
const ROLE_PASSWORD: &str = "of-the-login-roles";

/// A suite that is started by the first trial that needs it.
pub struct Suite {
    name: &'static str,
    /// Settings that win over the suite's own.
    instead: BTreeMap<String, String>,
    running: OnceLock<Running>,
}

struct Running {
    folder: PathBuf,
    postgres: Mutex<Postgres>,
    broker: Mutex<RabbitMq>,
    broker_is_dead: AtomicBool,
    postgres_is_dead: AtomicBool,
    processes: Mutex<BTreeMap<&'static str, Child>>,
    settings: BTreeMap<String, String>,
    gateway: String,
    pool: PgPool,
    telemetry: Receiver,
}

impl Suite {
    /// A suite of this name, not started yet.
    pub fn declare(name: &'static str) -> Arc<Self> {
        Self::declare_with(name, &[])
    }

    /// The same, with settings that win over the suite's own; an empty one is left to its default.
    pub fn declare_with(name: &'static str, instead: &[(&str, &str)]) -> Arc<Self> {
        let instead = instead
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Arc::new(Self {
            name,
            instead,
            running: OnceLock::new(),
        })
    }

    /// Starts it unless it runs already; trials that come meanwhile wait.
    ///
    /// # Panics
    /// When anything of it can't be started.
    pub fn start(&self) {
        self.running
            .get_or_init(|| RUNTIME.block_on(Running::start(self.name, &self.instead)));
    }

    /// Stops everything it started.
    ///
    /// # Panics
    /// When a server can't be stopped.
    pub fn stop(self: Arc<Self>) {
        let Some(suite) = Arc::into_inner(self) else {
            panic!("a trial still holds its suite")
        };
        if let Some(running) = suite.running.into_inner() {
            RUNTIME.block_on(running.stop());
        }
    }

    fn running(&self) -> &Running {
        self.running.get().expect("a trial starts its suite first")
    }

    /// An anonymous caller of the public API.
    pub fn api(&self) -> Api {
        Api::new(&self.running().gateway)
    }

    /// The spans that the suite exported.
    pub fn telemetry(&self) -> &Receiver {
        &self.running().telemetry
    }

    /// The database, as its superuser.
    pub fn database(&self) -> &PgPool {
        &self.running().pool
    }

    /// A connection as the login role of a service.
    ///
    /// # Panics
    /// When the role can't log in.
    pub async fn login(&self, service: &str) -> PgConnection {
        let url =
            self.running()
                .postgres
                .lock()
                .await
                .url(&format!("kontor_{service}"), ROLE_PASSWORD, "kontor");
        PgConnection::connect(&url).await.expect("a login")
    }

    /// A gRPC channel to a service, past the gateway.
    ///
    /// # Panics
    /// When there is no such service.
    pub async fn channel(&self, service: &str) -> Channel {
        Channel::from_shared(self.url(service).to_owned())
            .expect("a URL")
            .connect_lazy()
    }

    /// The services and the gateway, with their process ids.
    pub async fn processes(&self) -> Vec<(&'static str, u32)> {
        let processes = self.running().processes.lock().await;
        processes
            .iter()
            .filter_map(|(name, child)| Some((*name, child.id()?)))
            .collect()
    }

    /// The process id of one of them.
    ///
    /// # Panics
    /// When it doesn't run.
    pub async fn process(&self, name: &str) -> u32 {
        let processes = self.processes().await;
        processes
            .into_iter()
            .find(|(other, _)| *other == name)
            .expect("a running process")
            .1
    }

    /// Where the suite keeps its data, keys, mails and logs.
    pub fn folder(&self) -> &Path {
        &self.running().folder
    }

    /// The log of its PostgreSQL.
    pub fn postgres_log(&self) -> PathBuf {
        self.folder().join("postgres/postgres.log")
    }

    /// Where the gateway listens, `http://…`.
    pub fn gateway(&self) -> &str {
        &self.running().gateway
    }

    /// Where a service listens, `http://…`.
    pub fn url(&self, service: &str) -> &str {
        &self.running().settings[&format!("KONTOR_{}_URL", service.to_uppercase())]
    }

    /// The database's URL for the superuser.
    pub async fn admin_url(&self) -> String {
        self.running().postgres.lock().await.admin_url()
    }

    /// The broker's URL.
    pub async fn broker_url(&self) -> String {
        self.running().broker.lock().await.url()
    }

    /// The database's URL for the login role of a service.
    pub async fn role_url(&self, service: &str) -> String {
        self.running()
            .postgres
            .lock()
            .await
            .url(&format!("kontor_{service}"), ROLE_PASSWORD, "kontor")
    }

    /// What `kontor` says with the settings of the suite, and whether it was content.
    ///
    /// # Panics
    /// When it can't be run.
    pub async fn said(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.running().command(arguments).output().await;
        let output = output.expect("the executable");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    }

    /// Runs `kontor` with the settings of the suite.
    ///
    /// # Panics
    /// When it fails.
    pub async fn run(&self, arguments: &[&str]) {
        let status = self
            .running()
            .command(arguments)
            .status()
            .await
            .expect("the executable");
        assert!(status.success(), "kontor {arguments:?}: {status}");
    }
}

impl Running {
    async fn start(name: &str, instead: &BTreeMap<String, String>) -> Self {
        let folder = std::env::temp_dir().join(format!("kontor-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (postgres, broker) = tokio::join!(Postgres::start(&folder), RabbitMq::start(&folder));
        let (postgres, broker) = (postgres.expect("PostgreSQL"), broker.expect("RabbitMQ"));
        let (telemetry, spans) = Receiver::start();

        let mut settings = BTreeMap::new();
        let mut set = |key: &str, value: String| settings.insert(key.to_owned(), value);
        set(
            "KONTOR_DATABASE_URL",
            postgres.url("kontor", ROLE_PASSWORD, "kontor"),
        );
        set("KONTOR_MIGRATE_DATABASE_URL", postgres.admin_url());
        set("KONTOR_EVENTS", broker.url());
        set("KONTOR_KEYS_DIR", path(&folder, "keys"));
        set("KONTOR_MAIL_DIR", path(&folder, "mail"));
        set("KONTOR_RATE_LIMITS", "off".to_owned());
        set("KONTOR_OTLP_ENDPOINT", format!("http://{spans}"));
        for service in SCHEMAS {
            let address = format!("127.0.0.1:{}", free_port().expect("a port"));
            set(
                &format!("KONTOR_{}_URL", service.to_uppercase()),
                format!("http://{address}"),
            );
            set(&format!("KONTOR_{}_LISTEN", service.to_uppercase()), address);
        }
        let gateway = format!("127.0.0.1:{}", free_port().expect("a port"));
        set("KONTOR_GATEWAY_LISTEN", gateway.clone());
        set("KONTOR_PUBLIC_URL", format!("http://{gateway}"));
        settings.extend(instead.clone());
        settings.retain(|_, value| !value.is_empty());

        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect_lazy(&postgres.admin_url())
            .expect("a URL");
        let running = Self {
            folder,
            postgres: Mutex::new(postgres),
            broker: Mutex::new(broker),
            broker_is_dead: AtomicBool::new(false),
            postgres_is_dead: AtomicBool::new(false),
            processes: Mutex::default(),
            settings,
            gateway: format!("http://{gateway}"),
            pool,
            telemetry,
        };
        let migrated = running
            .command(&["migrate"])
            .status()
            .await
            .expect("the executable");
        assert!(migrated.success(), "kontor migrate: {migrated}");
        for process in SCHEMAS.into_iter().chain(["gateway"]) {
            running.spawn(process).await;
        }
        running.ready().await;
        running
    }

    /// Starts one; answers where its admin port is.
    async fn spawn(&self, name: &'static str) -> String {
        let log = self.folder.join(format!("{name}.log"));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let admin = format!("127.0.0.1:{}", free_port().expect("a port"));
        let child = self
            .command(&["serve", name])
            .env("KONTOR_ADMIN_LISTEN", &admin)
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the executable");
        self.processes.lock().await.insert(name, child);
        admin
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable());
        command
            .args(arguments)
            .envs(&self.settings)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Waits until the gateway finds everything ready.
    async fn ready(&self) {
        let api = reqwest::Client::new();
        eventually(
            180,
            "the suite is ready; its logs are in the folder of the suite",
            async || {
                let answer = api.get(format!("{}/readyz", self.gateway)).send().await;
                match answer {
                    Ok(answer) if answer.status() == 200 => {
                        answer.text().await.is_ok_and(|text| text.contains("\"ready\""))
                    }
                    _ => false,
                }
            },
        )
        .await;
    }

    async fn stop(self) {
        for (_, mut child) in std::mem::take(&mut *self.processes.lock().await) {
            child.kill().await.expect("a process ends");
        }
        self.pool.close().await;
        self.broker.into_inner().stop().await.expect("RabbitMQ stops");
        self.postgres.into_inner().stop().expect("PostgreSQL stops");
        if std::env::var_os("KONTOR_KEEP_LOGS").is_none() {
            std::fs::remove_dir_all(&self.folder).expect("the folder goes");
        }
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The executable that the same cargo command built: beside this one, or beside the folder of the test binaries.
fn executable() -> PathBuf {
    let own = std::env::current_exe().expect("this executable");
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("kontor"))
        .find(|file| file.is_file());
    found.expect("build it first: cargo build --workspace")
}
