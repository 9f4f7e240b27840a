//! A private RabbitMQ node: its data in a folder, its ports, cookie and password its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::guardian::Guardian;
use super::passwords::{Passwords, write_private};
use super::{place, ports};

/// The script itself: the wrapper in /usr/sbin changes to another user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// The account inside the broker.
const USER: &str = "kontor";
/// How long a start may take: 4 s on a quiet machine, many times that on a busy one.
const START: Duration = Duration::from_secs(180);
/// How long a clean stop may take before it is forced.
const STOP: Duration = Duration::from_secs(30);

/// A running private RabbitMQ. It stops when this value is dropped or its process dies; [`RabbitMq::stop`]
/// waits for the end.
#[derive(Debug)]
pub struct RabbitMq {
    folder: PathBuf,
    account: Account,
    password: String,
    ports: Ports,
    node: Option<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
}

#[derive(Debug)]
struct Node {
    server: Child,
    epmd: Child,
    guardians: [Guardian; 2],
}

impl RabbitMq {
    /// Starts the node whose data is in `<home>/rabbitmq`, and waits until it speaks AMQP.
    ///
    /// The password of its one account is kept in `<home>/passwords.json`.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or doesn't come up: the message names the log.
    pub async fn start(home: &Path) -> Result<Self> {
        if !Path::new(SERVER).exists() {
            bail!("RabbitMQ is not installed: apt-get install -y --no-install-recommends rabbitmq-server");
        }
        let wanted = home.join("rabbitmq");
        let account = Account::for_data(&wanted, &["rabbitmq", "nobody"])?;
        let folder = place::prepare(&wanted, &account)?;
        let password = Passwords::of_file(home.join("passwords.json")).of("rabbitmq")?;
        let ports = Ports {
            amqp: 0,
            distribution: 0,
            epmd: 0,
        };
        let mut broker = Self {
            folder,
            account,
            password,
            ports,
            node: None,
        };
        broker.end_earlier_run().await?;
        broker.launch().await?;
        Ok(broker)
    }

    /// The URL of the node whose data is in `<home>/rabbitmq`, if there is one: running or not, somebody else keeps it.
    ///
    /// # Errors
    /// When its password can't be read.
    pub fn known(home: &Path) -> Result<Option<String>> {
        let Ok(text) = fs::read_to_string(home.join("rabbitmq/ports")) else {
            return Ok(None);
        };
        let port = text.split_whitespace().next().unwrap_or_default();
        let password = Passwords::of_file(home.join("passwords.json")).of("rabbitmq")?;
        Ok(Some(format!("amqp://{USER}:{password}@127.0.0.1:{port}/%2f")))
    }

    /// The URL that services connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "amqp://{USER}:{}@127.0.0.1:{}/%2f",
            self.password, self.ports.amqp
        )
    }

    /// Stops the node in order and waits until it is gone.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn stop(mut self) -> Result<()> {
        self.end(Signal::TERM).await
    }

    /// Ends the node as `kill -9` does, for tests of what comes after.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn crash(&mut self) -> Result<()> {
        self.end(Signal::KILL).await
    }

    /// Starts it again after [`RabbitMq::crash`], on the same ports.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn restart(&mut self) -> Result<()> {
        // The kernel takes a moment to clear away what was killed.
        let Ports {
            amqp,
            distribution,
            epmd,
        } = self.ports;
        let deadline = Instant::now() + STOP;
        while ![amqp, distribution, epmd].into_iter().all(ports::is_free) && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
        self.launch().await
    }

    async fn launch(&mut self) -> Result<()> {
        let [amqp, distribution, epmd] = ports::remembered(&self.folder.join("ports"))?;
        self.ports = Ports {
            amqp,
            distribution,
            epmd,
        };
        self.write_configuration()?;

        // Erlang would start an epmd by itself and leave it running for ever: this one is ours to end.
        let mut command = self.account.command("epmd");
        self.prepare(&mut command);
        let epmd = command
            .args(["-port", &epmd.to_string(), "-address", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting epmd, Erlang's port mapper")?;
        let epmd_guardian = Guardian::of_group(epmd.id())?;

        let mut command = self.account.command(SERVER);
        self.prepare(&mut command);
        let output = fs::File::create(self.folder.join("start.log"))?;
        let server = command
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("starting rabbitmq-server")?;
        let guardians = [epmd_guardian, Guardian::of_group(server.id())?];
        self.node = Some(Node {
            server,
            epmd,
            guardians,
        });
        self.wait_until_it_answers().await
    }

    fn prepare(&self, command: &mut std::process::Command) {
        let folder = &self.folder;
        // The Erlang of two cores should not spin while it waits, nor talk to other machines.
        let erlang = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}";
        command
            .current_dir(folder)
            .process_group(0)
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", "kontor@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang);
    }

    fn write_configuration(&mut self) -> Result<()> {
        let settings = format!(
            "# Written anew by Kontor at every start.\n\
             default_user = {USER}\n\
             default_pass = {}\n\
             log.console = false\n\
             log.file.level = warning\n\
             disk_free_limit.absolute = 100MB\n\
             raft.wal_max_size_bytes = 67108864\n",
            self.password
        );
        for (name, content) in [("rabbitmq.conf", settings.as_str()), ("enabled_plugins", "[].\n")] {
            let file = self.folder.join(name);
            write_private(&file, content.as_bytes())?;
            self.account.own(&file)?;
        }
        Ok(())
    }

    /// Waits until the node answers the opening of AMQP with its own.
    async fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            let node = self.node.as_mut().context("the node was not started")?;
            let log = self.folder.join("start.log");
            if let Some(status) = node.server.try_wait()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!(
                    "RabbitMQ ended with {status} while starting; {} says: {}",
                    log.display(),
                    said.trim()
                );
            }
            if speaks_amqp(self.ports.amqp).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "RabbitMQ did not come up within {} s; see {}",
                    START.as_secs(),
                    log.display()
                );
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends a node that a killed run left behind on this data.
    async fn end_earlier_run(&self) -> Result<()> {
        let Ok(text) = fs::read_to_string(self.folder.join("pid")) else {
            return Ok(());
        };
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|_| self.is_ours(text.trim())) else {
            return Ok(());
        };
        tracing::info!(
            pid = text.trim(),
            "stopping the private RabbitMQ of an earlier run"
        );
        rustix::process::kill_process(pid, Signal::TERM).context("stopping an earlier RabbitMQ")?;
        let deadline = Instant::now() + STOP;
        while self.is_ours(text.trim()) {
            if Instant::now() > deadline {
                rustix::process::kill_process(pid, Signal::KILL).context("ending an earlier RabbitMQ")?;
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Whether the process `pid` is a node that works on this folder.
    fn is_ours(&self, pid: &str) -> bool {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == self.folder)
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut node) = self.node.take() else {
            return Ok(());
        };
        signal_group(&node.server, signal).context("stopping the private RabbitMQ")?;
        if !ended_within(&mut node.server, STOP).await? {
            signal_group(&node.server, Signal::KILL).context("ending the private RabbitMQ")?;
            ended_within(&mut node.server, STOP).await?;
        }
        signal_group(&node.epmd, Signal::TERM).context("stopping epmd")?;
        ended_within(&mut node.epmd, STOP).await?;
        node.guardians.into_iter().for_each(Guardian::disarm);
        Ok(())
    }
}

/// Whether a broker on `port` of 127.0.0.1 answers the header of AMQP 0-9-1 with a method frame.
async fn speaks_amqp(port: u16) -> bool {
    let opening = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    };
    tokio::time::timeout(Duration::from_secs(5), opening)
        .await
        .is_ok_and(|kind| kind.is_ok_and(|kind| kind == 1))
}

fn signal_group(child: &Child, signal: Signal) -> Result<()> {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("a process without a number")?;
    match rustix::process::kill_process_group(group, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn ended_within(child: &mut Child, limit: Duration) -> Result<bool> {
    let deadline = Instant::now() + limit;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Ok(false);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(true)
}
