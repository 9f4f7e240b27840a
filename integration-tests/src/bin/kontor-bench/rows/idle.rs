//! The suite before anybody asks anything of it.

use std::time::Duration;

use anyhow::Result;
use kontor_integration_tests::database::SCHEMAS;
use kontor_integration_tests::suite::Suite;

use crate::arena::Arena;
use crate::table::{Demand, Row, number};
use crate::turns::Measured;
use crate::usage::{Memory, Meter};

/// All processes together, in MiB.
const MEMORY: f64 = 120.0;
/// Each process, in seconds.
const READY: f64 = 1.0;

/// What was seen.
pub(crate) struct Idle {
    /// What each process holds, in MiB.
    memory: Memory,
    /// How long each took from its start until it was ready.
    ready: Vec<(&'static str, Duration)>,
}

/// Starts each process once more, one after the other, and looks at all of them when they have been left alone.
pub(crate) async fn look(suite: &Suite) -> Result<Idle> {
    let mut ready = Vec::new();
    for name in SCHEMAS.into_iter().chain(["gateway"]) {
        suite.kill(name).await;
        ready.push((name, suite.start_again(name).await));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let memory = Meter::of(suite).await?.shares()?;
    Ok(Idle { memory, ready })
}

/// The row of what was seen.
pub(super) fn row(arena: &Arena<'_>) -> Row {
    let Idle { memory, ready } = &arena.idle;
    let whole: f64 = memory.values().sum();
    let slowest = ready.iter().max_by_key(|(_, took)| *took);
    let (name, took) = slowest.map_or(("none", 0.0), |(name, took)| (*name, took.as_secs_f64()));
    Row {
        workload: "idle: memory of all processes, start of each".to_owned(),
        demands: vec![
            Demand::that(
                format!("≤ {MEMORY} MiB together: {}", number(whole)),
                whole <= MEMORY,
            ),
            Demand::that(
                format!("each ready within {READY} s: {name} {}", number(took)),
                took <= READY,
            ),
        ],
        measured: Measured {
            peaks: memory.clone(),
            ..Measured::default()
        },
        ..Row::default()
    }
}
