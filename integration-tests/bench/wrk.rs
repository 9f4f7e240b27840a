//! The load: wrk for HTTP, h2load for gRPC, each in its own process.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{CONNECTIONS, Scale};

/// What a load reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) per_second: f64,
    /// Requests in all.
    pub(crate) requests: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p95: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
    /// Answers that were not the one wished for, and broken connections.
    pub(crate) errors: u64,
}

/// What every wrk script ends with: the figures, one a line.
const DONE: &str = r#"
function done(summary, latency, requests)
  io.write(string.format("figures %d %d %f %f %f %d\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"#;

/// Runs a script (Lua, with a `request` function) for one run's time.
pub(crate) async fn http(base: &str, folder: &Path, token: &str, script: &str, scale: Scale) -> Result<Load> {
    let file = folder.join("load.lua");
    let head = format!("wrk.headers[\"authorization\"] = \"Bearer {token}\"\n");
    std::fs::write(&file, format!("{head}{script}{DONE}"))?;
    let output = Command::new(crate::files::program("wrk")?)
        .args([
            "-t",
            "2",
            "-c",
            &CONNECTIONS.to_string(),
            "-d",
            &format!("{}s", scale.seconds),
            "--timeout",
            "30s",
            "-s",
        ])
        .arg(&file)
        .arg(base)
        .stdin(Stdio::null())
        .output()
        .await
        .context("wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("figures "))
        .context("wrk told no figures")?;
    let figures: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let &[requests, microseconds, p50, p95, p99, errors] = figures.as_slice() else {
        anyhow::bail!("wrk's figures: {line}");
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
    Ok(Load {
        per_second: requests / (microseconds / 1e6),
        requests,
        p50,
        p95,
        p99,
        errors: errors as u64,
    })
}

/// Runs one unary gRPC request over and over for one run's time.
pub(crate) async fn grpc(
    url: &str,
    folder: &Path,
    token: &str,
    message: &[u8],
    scale: Scale,
) -> Result<Load> {
    let body = folder.join("request.grpc");
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len())?.to_be_bytes());
    frame.extend(message);
    std::fs::write(&body, frame)?;
    let log = folder.join("h2load.log");
    let output = Command::new(crate::files::program("h2load")?)
        .args([
            "-t",
            "2",
            "-c",
            &CONNECTIONS.to_string(),
            "-m",
            "1",
            "-D",
            &scale.seconds.to_string(),
            "--warm-up-time=1",
        ])
        .args([
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            "-H",
            &format!("authorization: Bearer {token}"),
        ])
        .arg("-d")
        .arg(&body)
        .arg(format!("--log-file={}", log.display()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .await
        .context("h2load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "h2load: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Each line of the log: when it began, the status, how long it took in microseconds.
    let mut times = Vec::new();
    let mut errors = 0;
    for line in std::fs::read_to_string(&log)?.lines() {
        let mut cells = line.split('\t').skip(1);
        match (cells.next(), cells.next().map(str::parse::<f64>)) {
            (Some("200"), Some(Ok(microseconds))) => times.push(microseconds / 1000.0),
            _ => errors += 1,
        }
    }
    times.sort_by(f64::total_cmp);
    ensure!(!times.is_empty(), "h2load had no answer: {text}");
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // a rank
    let rank = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    #[allow(clippy::cast_precision_loss)] // a count
    let requests = times.len() as f64;
    std::fs::remove_file(log)?;
    Ok(Load {
        per_second: requests / f64::from(scale.seconds),
        requests,
        p50: rank(0.50),
        p95: rank(0.95),
        p99: rank(0.99),
        errors,
    })
}
