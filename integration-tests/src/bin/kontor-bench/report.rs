//! The last run, kept in `docs/performance.md` with the machine it ran on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use kontor_integration_tests::suite::Suite;
use time::OffsetDateTime;

const FILE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- last run -->\n";
const END: &str = "<!-- end of last run -->";

/// Replaces the last run in the page; does nothing outside of the repository.
pub(crate) fn keep(run: &str) -> Result<()> {
    let file = Path::new(FILE);
    if !file.exists() {
        eprintln!("{FILE} is not here: the run is not kept");
        return Ok(());
    }
    let page =
        replaced(&fs::read_to_string(file)?, run).context(format!("{FILE} has no place for the run"))?;
    fs::write(file, page).with_context(|| format!("writing {FILE}"))
}

fn replaced(page: &str, run: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{run}{END}{after}"))
}

/// What it ran on, when, and what of the repository.
pub(crate) async fn circumstances(suite: &Suite, seconds: u64, leads: u64) -> Result<String> {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_default();
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.strip_suffix("kB")?.trim().parse::<f64>().ok());
    let cores = std::thread::available_parallelism()?;
    let postgres: String = sqlx::query_scalar("show server_version")
        .fetch_one(suite.database())
        .await?;
    let rabbitmq = said_by("dpkg-query", &["-W", "-f=${Version}", "rabbitmq-server"]);
    let commit = said_by("git", &["describe", "--always", "--dirty", "--exclude=*"]);
    let now = OffsetDateTime::now_utc();
    Ok(format!(
        "{} {:02}:{:02} UTC, commit {commit}: {cores} cores ({cpu}), {:.0} GiB of memory, PostgreSQL {}, RabbitMQ {}; \
         {leads} leads, runs of {seconds} s.\n",
        now.date(),
        now.hour(),
        now.minute(),
        memory.unwrap_or_default() / 1024.0 / 1024.0,
        postgres.split(' ').next().unwrap_or_default(),
        rabbitmq.split(['-', '+']).next().unwrap_or_default(),
    ))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok()
        .filter(|said| !said.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_run_is_replaced() {
        let page = "# A\n\n<!-- last run -->\nold\n<!-- end of last run -->\n\nNotes.\n";
        let new = replaced(page, "new\n").unwrap();
        assert_eq!(
            new,
            "# A\n\n<!-- last run -->\nnew\n<!-- end of last run -->\n\nNotes.\n"
        );
        assert_eq!(replaced("# A\n", "new\n"), None);
    }
}
