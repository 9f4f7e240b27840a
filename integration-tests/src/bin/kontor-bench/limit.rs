//! The limit of a workload: what pgbench and psql reach with the same statements, with nothing of ours in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// What a service's connections are opened with.
pub(crate) const CONNECTIONS: u32 = 8;

/// PostgreSQL as one login role.
#[derive(Clone)]
pub(crate) struct Limit {
    url: String,
    options: String,
    folder: PathBuf,
}

impl Limit {
    /// As the login role of `url`, with the search path of a service.
    pub(crate) fn new(url: String, schema: &str, folder: &Path) -> Self {
        Self {
            url,
            options: format!("-c search_path={schema},public -c jit=off"),
            folder: folder.to_owned(),
        }
    }

    /// Transactions a second of these scripts, taken at random, for so many seconds.
    pub(crate) async fn pgbench(&self, scripts: &[String], seconds: u64) -> Result<f64> {
        let mut command = self.command("pgbench");
        command
            .args([
                "--no-vacuum",
                "--protocol=prepared",
                "--jobs=2",
                "--define=round=0",
            ])
            .arg(format!("--client={CONNECTIONS}"))
            .arg(format!("--time={seconds}"));
        for (number, script) in scripts.iter().enumerate() {
            let file = self.folder.join(format!("limit-{number}.sql"));
            fs::write(&file, script)?;
            command.arg(format!("--file={}", file.display()));
        }
        let output = command.arg(&self.url).output().await.context("pgbench")?;
        let said = String::from_utf8_lossy(&output.stdout);
        match transactions_per_second(&said) {
            Some(rate) if output.status.success() => Ok(rate),
            _ => bail!(
                "pgbench ended with {}: {said}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }

    /// How long psql takes for a script; what the script answers is thrown away.
    pub(crate) async fn psql(&self, script: &str) -> Result<Duration> {
        let file = self.folder.join("limit.psql");
        fs::write(&file, script)?;
        let mut command = self.command("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .arg(format!("--file={}", file.display()))
            .arg(&self.url)
            .stdout(Stdio::null());
        let began = Instant::now();
        let output = command.output().await.context("psql")?;
        let took = began.elapsed();
        if !output.status.success() {
            bail!(
                "psql ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(took)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(newest(program));
        command
            .env("PGOPTIONS", &self.options)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// Debian keeps the programs of each version in a folder of its own.
fn newest(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let path = version.path().join("bin").join(program);
        path.exists().then_some((number, path))
    });
    found.max().map_or_else(|| program.into(), |(_, path)| path)
}

fn transactions_per_second(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_off_what_pgbench_says() {
        let said = "transaction type: a.sql\nlatency average = 1.9 ms\ninitial connection time = 9.7 ms\n\
                    tps = 4210.730451 (without initial connection time)\n";
        assert_eq!(transactions_per_second(said), Some(4210.730451));
        assert_eq!(transactions_per_second("pgbench: error"), None);
    }
}
