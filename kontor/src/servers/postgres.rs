//! A private PostgreSQL: its data in a folder, its port and passwords remembered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::guardian::Guardian;
use super::passwords::{Passwords, write_private};
use super::{place, ports};

/// The superuser of the private server. Only `kontor migrate` logs in as it.
const SUPERUSER: &str = "kontor_admin";
/// The one database of the suite.
const DATABASE: &str = "kontor";

/// How long its processes may take to end once it was killed.
const STOP: Duration = Duration::from_secs(30);

/// What two cores and a gigabyte can carry, and no door but 127.0.0.1. Lines in `local.conf` win.
const SETTINGS: &str = "\
# Written anew by Kontor at every start. Put your own lines into local.conf beside it.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 200
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
wal_compression = on
checkpoint_completion_target = 0.9
random_page_cost = 1.1
effective_io_concurrency = 100
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_min_messages = warning
log_checkpoints = off
log_statement = none
log_parameter_max_length_on_error = 0
include_if_exists = 'local.conf'
";

/// A private PostgreSQL. One that was started stops when this value is dropped or its process dies;
/// [`Postgres::stop`] waits for the end.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    account: Account,
    port: u16,
    password: String,
    guardian: Option<Guardian>,
}

impl Postgres {
    /// Starts the server whose data is in `<home>/postgres`, and makes that first when there is none.
    ///
    /// A server that an earlier, killed run left behind is stopped first. The superuser's password is kept in
    /// `<home>/passwords.json`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, its data is of another version, or it doesn't come up: the message
    /// names the log.
    pub async fn start(home: &Path) -> Result<Self> {
        let wanted = home.join("postgres");
        let account = Account::for_data(&wanted, &["postgres", "nobody"])?;
        let folder = place::prepare(&wanted, &account)?;
        let password = Passwords::of_file(home.join("passwords.json")).of(SUPERUSER)?;
        let data = folder.join("data");
        let binaries = binaries(&data)?;
        let mut server = Self {
            folder,
            binaries,
            account,
            port: 0,
            password,
            guardian: None,
        };

        if data.join("PG_VERSION").exists() {
            server.end_earlier_run()?;
        } else {
            server.initialise()?;
        }
        server.launch()?;
        server.verify().await?;
        server.make_database().await?;
        Ok(server)
    }

    /// The server whose data is in `<home>/postgres`, for its URLs alone: running or not, somebody else keeps it.
    ///
    /// # Errors
    /// When its password can't be read.
    pub fn known(home: &Path) -> Result<Option<Self>> {
        let Ok(folder) = fs::canonicalize(home.join("postgres")) else {
            return Ok(None);
        };
        let Ok(text) = fs::read_to_string(folder.join("port")) else {
            return Ok(None);
        };
        let port = text
            .trim()
            .parse()
            .context("the port of the private PostgreSQL is damaged")?;
        let account = Account::for_data(&folder, &[])?;
        let password = Passwords::of_file(home.join("passwords.json")).of(SUPERUSER)?;
        Ok(Some(Self {
            folder,
            binaries: PathBuf::new(),
            account,
            port,
            password,
            guardian: None,
        }))
    }

    /// The port of 127.0.0.1 it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the suite's database for the superuser.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.url(SUPERUSER, &self.password, DATABASE)
    }

    /// The URL of `database` for `role`.
    #[must_use]
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops the server and waits until it is gone: open transactions are rolled back.
    ///
    /// # Errors
    /// When it doesn't stop within a minute.
    pub fn stop(mut self) -> Result<()> {
        self.halt("fast")
    }

    /// Kills the server outright (`kill -9`), for tests of what comes after.
    ///
    /// # Errors
    /// When it doesn't run or can't be signalled.
    pub async fn crash(&mut self) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&file).context("the private PostgreSQL does not run")?;
        let pid = text.lines().next().and_then(|pid| pid.trim().parse().ok());
        let pid = pid
            .and_then(Pid::from_raw)
            .with_context(|| format!("{} is damaged", file.display()))?;
        if let Some(guardian) = self.guardian.take() {
            guardian.disarm();
        }
        kill_process(pid, Signal::KILL).context("killing the private PostgreSQL")?;
        // Its other processes end by themselves once they see that it is gone, and hold its memory until then.
        let deadline = Instant::now() + STOP;
        while self.has_processes() {
            if Instant::now() > deadline {
                bail!("processes of the killed PostgreSQL are still there");
            }
            sleep(Duration::from_millis(20)).await;
        }
        // Where nobody asks for its exit it still counts as a process, and the next one would believe its pid file.
        fs::remove_file(&file).with_context(|| format!("removing the stale {}", file.display()))
    }

    /// Whether any process works in its data folder.
    fn has_processes(&self) -> bool {
        let data = self.data();
        let Ok(processes) = fs::read_dir("/proc") else {
            return false;
        };
        processes
            .flatten()
            .any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder == data))
    }

    /// Starts it again after [`Postgres::crash`], on the same port.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.verify().await
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.account.command(self.binaries.join(program));
        // Its own folder as the working one: the caller's may be closed to the server's account.
        command
            .current_dir(&self.folder)
            .env_remove("PGDATA")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    fn initialise(&self) -> Result<()> {
        // Made beside and renamed, so that an interrupted initdb leaves nothing that looks like data.
        let part = self.folder.join("data.part");
        if part.exists() {
            fs::remove_dir_all(&part).with_context(|| format!("removing {}", part.display()))?;
        }
        let secret = self.folder.join("initdb.secret");
        write_private(&secret, self.password.as_bytes())?;
        self.account.own(&secret)?;
        let made = run(self
            .command("initdb")
            .arg(format!("--pgdata={}", part.display()))
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!("--pwfile={}", secret.display()))
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
            ]));
        fs::remove_file(&secret)?;
        made.context("initdb could not make the data folder")?;
        fs::rename(&part, self.data()).context("putting the new data in its place")
    }

    /// Stops a server that still runs on this data, and clears a pid file that no server stands behind.
    fn end_earlier_run(&mut self) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(());
        };
        let pid = text.lines().next().unwrap_or_default().trim();
        // A postmaster works in its data folder; a process that only inherited its number does not.
        if fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == self.data()) {
            tracing::info!(pid, "stopping the private PostgreSQL of an earlier run");
            return self.halt("fast");
        }
        fs::remove_file(&file).with_context(|| format!("removing the stale {}", file.display()))
    }

    fn launch(&mut self) -> Result<()> {
        let log = self.folder.join("postgres.log");
        let data = self.data();
        let mut last = None;
        // Another program may take the chosen port in the moment before PostgreSQL does.
        for _ in 0..3 {
            let [port] = ports::remembered(&self.folder.join("port"))?;
            write_private(
                &data.join("postgresql.conf"),
                format!("{SETTINGS}port = {port}\n").as_bytes(),
            )?;
            self.account.own(&data.join("postgresql.conf"))?;
            let started = run(self
                .command("pg_ctl")
                .args(["start", "--wait", "--silent", "--timeout=120"])
                .arg(format!("--pgdata={}", data.display()))
                .arg(format!("--log={}", log.display())));
            match started {
                Ok(_) => {
                    self.port = port;
                    let stop = self.halt_command("fast");
                    self.guardian = Some(Guardian::arm(&stop, self.account.command("/bin/sh"))?);
                    return Ok(());
                }
                Err(error) if ports::is_free(port) => {
                    last = Some(error);
                    break;
                }
                Err(error) => last = Some(error),
            }
        }
        let error = last.context("PostgreSQL was not started")?;
        Err(error).with_context(|| format!("PostgreSQL did not come up; see {}", log.display()))
    }

    fn halt_command(&self, mode: &str) -> Command {
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "--wait", "--silent", "--timeout=60"])
            .arg(format!("--mode={mode}"))
            .arg(format!("--pgdata={}", self.data().display()));
        command
    }

    fn halt(&mut self, mode: &str) -> Result<()> {
        let halted = run(&mut self.halt_command(mode));
        if let Some(guardian) = self.guardian.take() {
            guardian.disarm();
        }
        match halted {
            // It was gone already, by its guardian's hand or its own.
            Err(_) if !self.data().join("postmaster.pid").exists() => Ok(()),
            halted => halted.map(|_| ()).context("stopping the private PostgreSQL"),
        }
    }

    /// Makes sure that what answers on the port is the server just started, on the data meant.
    async fn verify(&self) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url(SUPERUSER, &self.password, "postgres"))
            .await
            .with_context(|| format!("signing in to the private PostgreSQL on port {}", self.port))?;
        let folder: String = sqlx::query_scalar("show data_directory")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        if Path::new(&folder) != self.data() {
            bail!(
                "port {} belongs to a PostgreSQL on {folder}, not on {}",
                self.port,
                self.data().display()
            );
        }
        Ok(())
    }

    async fn make_database(&self) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url(SUPERUSER, &self.password, "postgres")).await?;
        let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut connection)
            .await?;
        if !known {
            sqlx::query(AssertSqlSafe(format!("create database {DATABASE}")))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(())
    }
}

/// The folder of PostgreSQL's programs: the version of the data where there is some, else the newest.
fn binaries(data: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(data.join("PG_VERSION"))
        .ok()
        .map(|text| text.trim().to_owned());
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        for version in versions.flatten() {
            let folder = version.path().join("bin");
            if let (Ok(number), true) = (
                version.file_name().to_string_lossy().parse(),
                folder.join("initdb").exists(),
            ) {
                found.push((number, folder));
            }
        }
    }
    found.sort();
    let chosen = match &wanted {
        Some(version) => found
            .into_iter()
            .find(|(number, _)| number.to_string() == *version),
        None => found.pop(),
    };
    if let Some((_, folder)) = chosen {
        return Ok(folder);
    }
    if let Some(path) = std::env::var_os("PATH")
        && let Some(folder) = std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    {
        return Ok(folder);
    }
    match wanted {
        Some(version) => bail!(
            "the data in {} is of PostgreSQL {version}, which is not installed: apt-get install postgresql-{version}",
            data.display()
        ),
        None => bail!("PostgreSQL is not installed: apt-get install -y --no-install-recommends postgresql"),
    }
}

/// Runs a program to its end; what it said is the error when it failed.
fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&said).trim()
        );
    }
    Ok(output)
}
