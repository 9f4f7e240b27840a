//! `kontor-bench`: how fast the suite is, as ratios to limits measured in the same run. `./dev bench` builds and runs it;
//! `docs/performance.md` tells what it measures and keeps the last run.
//!
//! Reading order: [`arena`] (the suite under load), [`fill`] and [`people`] (its data), [`rows`] (the workloads). Each is
//! run by [`turns`] against its limit: the SQL that the service [`sent`], made a [`script`] that pgbench runs ([`limit`]);
//! the [`load`] comes from wrk, by [`grpc`] from h2load; [`usage`] counts what it costs. [`table`] and [`report`] tell it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use kontor_integration_tests::suite::{RUNTIME, Suite};

mod arena;
mod fill;
mod grpc;
mod limit;
mod load;
mod people;
mod report;
mod rows;
mod script;
mod sent;
mod table;
mod turns;
mod usage;

const USAGE: &str = "\
kontor-bench [--quick] [--rows 1,2,…] [--hold]

  --quick   a tenth of the data, and runs of 3 s instead of 10
  --rows    these rows of the table alone; the page then keeps its last run
  --hold    leaves the filled suite running afterwards, to be looked at by hand, until Ctrl-C";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    quick: bool,
    /// All when empty.
    rows: BTreeSet<u8>,
    hold: bool,
}

impl Wish {
    fn of(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut wish = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => wish.quick = true,
                "--hold" => wish.hold = true,
                "--rows" => {
                    let rows = arguments.next().unwrap_or_default();
                    let numbers = rows.split(',').map(|row| row.trim().parse());
                    wish.rows = numbers
                        .collect::<Result<_, _>>()
                        .context("--rows takes numbers")?;
                }
                other => bail!("{other} is not known\n\n{USAGE}"),
            }
        }
        Ok(wish)
    }
}

fn main() -> ExitCode {
    let done = Wish::of(std::env::args().skip(1)).and_then(|wish| {
        let suite = Suite::declare_with(
            "bench",
            &[
                ("KONTOR_OTLP_ENDPOINT", ""),
                ("KONTOR_LOG", "error"),
                // One token lasts for the whole run.
                ("KONTOR_ACCESS_TOKEN_SECONDS", "14400"),
            ],
        );
        eprintln!("starting the suite");
        suite.start();
        let measured = RUNTIME.block_on(measure(&suite, &wish));
        suite.stop();
        measured
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kontor-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(suite: &Suite, wish: &Wish) -> Result<()> {
    let arena = arena::Arena::new(suite, wish.quick).await?;
    let mut rows = Vec::new();
    for number in 1..=rows::LAST {
        if wish.rows.is_empty() || wish.rows.contains(&number) {
            eprintln!("row {number}");
            rows.push(rows::measure(&arena, number).await);
        }
    }
    let circumstances = report::circumstances(suite, arena.seconds, arena.size.leads).await?;
    let run = format!("{circumstances}\n{}", table::markdown(&rows));
    std::io::stdout().write_all(run.as_bytes())?;
    if wish.rows.is_empty() {
        report::keep(&run)?;
    }
    if wish.hold {
        let (database, folder) = (suite.admin_url().await, suite.folder().display());
        eprintln!(
            "the suite runs at {}, its database at {database}, its logs in {folder}",
            suite.gateway()
        );
        eprintln!("the founder's token: {}", arena.token());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(line: &str) -> Result<Wish> {
        Wish::of(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_command_line_is_read() {
        assert_eq!(wish("").unwrap(), Wish::default());
        let some = wish("--quick --rows 1,14").unwrap();
        assert!(some.quick && !some.hold && some.rows == BTreeSet::from([1, 14]));
        assert!(wish("--rows x").is_err() && wish("--fast").is_err());
    }
}
