//! The processes of `kontor up --distributed`: one for each service and the gateway, kept running.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::servers::Guardian;
use crate::terminal::say;

/// A child that is told to end has this long: its own 30 s and a little.
const STOP: Duration = Duration::from_secs(35);
/// The longest wait before a child that keeps dying is started again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A child that lived this long starts from the shortest wait again.
const STEADY: Duration = Duration::from_secs(60);

/// How one process is started.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// What it serves, the name of its log.
    pub(crate) name: &'static str,
    /// `kontor`'s arguments.
    pub(crate) arguments: Vec<String>,
    /// Its settings, over the environment that it inherits.
    pub(crate) environment: Vec<(String, String)>,
}

/// Starts every recipe and keeps it running until `stop`; the tracker ends when all of them have.
pub(crate) fn keep(recipes: Vec<Recipe>, logs: &Path, stop: &CancellationToken) -> Result<TaskTracker> {
    fs::create_dir_all(logs).with_context(|| format!("making {}", logs.display()))?;
    let program = std::env::current_exe().context("finding the program itself")?;
    let tasks = TaskTracker::new();
    for recipe in recipes {
        let log = logs.join(format!("{}.log", recipe.name));
        tasks.spawn(keep_one(recipe, program.clone(), log, stop.clone()));
    }
    tasks.close();
    Ok(tasks)
}

async fn keep_one(recipe: Recipe, program: PathBuf, log: PathBuf, stop: CancellationToken) {
    let mut wait = Duration::from_millis(500);
    while !stop.is_cancelled() {
        let started = Instant::now();
        let end = match run(&recipe, &program, &log, &stop).await {
            Ok(end) => end,
            Err(error) => format!("can't be started: {error:#}"),
        };
        if stop.is_cancelled() {
            break;
        }
        if started.elapsed() > STEADY {
            wait = Duration::from_millis(500);
        }
        let (name, seconds) = (recipe.name, wait.as_secs_f32());
        say(format!(
            "{name} {end}; starting it again in {seconds} s. Its log: {}",
            log.display()
        ));
        stop.run_until_cancelled(sleep(wait)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Runs the process once, to its own end or the one it is told, and says how it ended.
async fn run(recipe: &Recipe, program: &Path, log: &Path, stop: &CancellationToken) -> Result<String> {
    let output = OpenOptions::new().create(true).append(true).open(log)?;
    let mut child = Command::new(program)
        .args(&recipe.arguments)
        .envs(recipe.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C in the terminal reaches us alone: the order of the end is ours.
        .process_group(0)
        .spawn()?;
    let guardian = child.id().map(Guardian::of_group).transpose()?;
    let ended = tokio::select! {
        status = child.wait() => status?,
        () = stop.cancelled() => end(&mut child).await?,
    };
    if let Some(guardian) = guardian {
        guardian.disarm();
    }
    Ok(format!("ended with {ended}"))
}

async fn end(child: &mut Child) -> Result<std::process::ExitStatus> {
    if let Some(pid) = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
    {
        rustix::process::kill_process(pid, Signal::TERM).context("telling a process to end")?;
    }
    if let Ok(status) = timeout(STOP, child.wait()).await {
        return Ok(status?);
    }
    child.kill().await?;
    Ok(child.wait().await?)
}
