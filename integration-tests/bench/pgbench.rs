//! The limit: the service's own SQL, prepared and pipelined, as its login role.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{CONNECTIONS, Scale};

/// What a limit reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Transactions a second.
    pub(crate) per_second: f64,
}

/// Wraps a statement as a service's transaction in one round trip.
pub(crate) fn transaction(company_id: &str, user_id: &str, read: bool, sql: &str) -> String {
    let (begin, end) = if read {
        ("begin read only", "rollback")
    } else {
        ("begin", "commit")
    };
    format!(
        "\\startpipeline\n{begin};\nset local kontor.company_id = '{company_id}';\nset local kontor.user_id = '{user_id}';\n\
         {sql};\n{end};\n\\endpipeline\n"
    )
}

/// Runs the scripts, chosen at random, for one run's time.
pub(crate) async fn run(url: &str, folder: &Path, scripts: &[String], scale: Scale) -> Result<Limit> {
    let mut command = Command::new(crate::files::program("pgbench")?);
    command.args(["--no-vacuum", "-M", "prepared", "-j", "2"]);
    command.args(["-c", &CONNECTIONS.to_string(), "-T", &scale.seconds.to_string()]);
    for (number, script) in scripts.iter().enumerate() {
        let file = folder.join(format!("limit-{number}.sql"));
        std::fs::write(&file, script)?;
        command.arg("-f").arg(file);
    }
    let output = command
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .await
        .context("pgbench")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text
        .lines()
        .find(|line| line.starts_with("tps = "))
        .context("pgbench told no tps")?;
    let per_second = line["tps = ".len()..]
        .split(' ')
        .next()
        .unwrap_or_default()
        .parse()?;
    Ok(Limit { per_second })
}
