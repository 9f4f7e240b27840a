//! The load: wrk for HTTP, each run a process of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::limit::CONNECTIONS;

/// How long requests took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Requests that were answered, or rows that were moved.
    pub(crate) done: u64,
    /// In so many seconds.
    pub(crate) seconds: f64,
    /// Requests without an answer, and answers that say of a failure.
    pub(crate) errors: u64,
    /// None where a run is one request.
    pub(crate) latency: Option<Latency>,
}

impl Load {
    /// How many a second.
    pub(crate) fn rate(&self) -> f64 {
        if self.seconds > 0.0 {
            self.done as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// Several runs as one; their percentiles are averaged.
    pub(crate) fn sum(runs: &[Self]) -> Self {
        let latencies: Vec<Latency> = runs.iter().filter_map(|run| run.latency).collect();
        let mean =
            |part: fn(&Latency) -> f64| latencies.iter().map(part).sum::<f64>() / latencies.len() as f64;
        Self {
            done: runs.iter().map(|run| run.done).sum(),
            seconds: runs.iter().map(|run| run.seconds).sum(),
            errors: runs.iter().map(|run| run.errors).sum(),
            latency: (!latencies.is_empty()).then(|| Latency {
                p50: mean(|latency| latency.p50),
                p95: mean(|latency| latency.p95),
                p99: mean(|latency| latency.p99),
            }),
        }
    }
}

/// What wrk does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    Get,
    Post,
    Patch,
    Convert,
}

impl Script {
    fn text(self) -> &'static str {
        match self {
            Self::Get => include_str!("lua/get.lua"),
            Self::Post => include_str!("lua/post.lua"),
            Self::Patch => include_str!("lua/patch.lua"),
            Self::Convert => include_str!("lua/convert.lua"),
        }
    }
}

/// wrk, told where the gateway is.
pub(crate) struct Wrk {
    pub(crate) gateway: String,
    pub(crate) folder: PathBuf,
}

impl Wrk {
    /// Runs a script with its arguments for so many seconds, on [`CONNECTIONS`] connections.
    pub(crate) async fn run(&self, script: Script, seconds: u64, arguments: &[&str]) -> Result<Load> {
        let file = self.folder.join(format!("{script:?}.lua"));
        fs::write(
            &file,
            format!("{}\n{}", include_str!("lua/done.lua"), script.text()),
        )?;
        let output = Command::new("wrk")
            // One thread: two would take turns with the services on two cores all the same.
            .args(["--threads=1", "--timeout=35s"])
            .arg(format!("--connections={CONNECTIONS}"))
            .arg(format!("--duration={seconds}s"))
            .arg(format!("--script={}", file.display()))
            .arg(&self.gateway)
            .arg("--")
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        match parse(&said) {
            Some(load) if output.status.success() => Ok(load),
            _ => bail!(
                "wrk ended with {}: {said}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }
}

#[derive(Deserialize)]
struct Said {
    requests: u64,
    microseconds: f64,
    errors: u64,
    p50: f64,
    p95: f64,
    p99: f64,
}

/// The line that `done.lua` writes.
fn parse(said: &str) -> Option<Load> {
    let line = said.lines().rfind(|line| line.starts_with('{'))?;
    let Said {
        requests,
        microseconds,
        errors,
        p50,
        p95,
        p99,
    } = serde_json::from_str(line).ok()?;
    Some(Load {
        done: requests,
        seconds: microseconds / 1e6,
        errors,
        latency: Some(Latency {
            p50: p50 / 1e3,
            p95: p95 / 1e3,
            p99: p99 / 1e3,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 10s test\nRequests/sec: 1\n\
                    {\"requests\": 300, \"microseconds\": 2000000, \"errors\": 1, \"p50\": 900, \"p95\": 1500, \"p99\": 4000}\n";
        let load = parse(said).unwrap();
        assert_eq!((load.done, load.errors, load.rate()), (300, 1, 150.0));
        assert_eq!(load.latency.unwrap().p99, 4.0);
        assert_eq!(parse("unable to connect"), None);
    }

    #[test]
    fn runs_are_summed_and_their_percentiles_averaged() {
        let run = |done, p99| Load {
            done,
            seconds: 1.0,
            errors: 1,
            latency: Some(Latency {
                p99,
                ..Latency::default()
            }),
        };
        let sum = Load::sum(&[run(10, 2.0), run(20, 4.0)]);
        assert_eq!((sum.done, sum.errors, sum.rate()), (30, 2, 15.0));
        assert_eq!(sum.latency.unwrap().p99, 3.0);
    }
}
