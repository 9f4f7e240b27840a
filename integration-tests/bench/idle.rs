//! Row 14: what an idle suite holds, and how soon its services are ready.

use std::time::Instant;

use anyhow::Result;
use kontor_integration_tests::suite::Suite;

use crate::table::{Row, Table};
use crate::usage;

/// Measures the suite as it stands after its start.
pub(crate) async fn row(suite: &Suite, table: &mut Table) -> Result<()> {
    let mut all = 0.0;
    for (_, id) in suite.processes().await {
        all += usage::memory(id, "VmRSS")?;
    }
    let mut slowest: f64 = 0.0;
    for name in ["identity", "accounts", "contacts", "leads", "deals", "activities"] {
        suite.terminate(name).await;
        let started = Instant::now();
        suite.revive(name).await;
        slowest = slowest.max(started.elapsed().as_secs_f64());
    }
    let figure = format!("{all:.0} MiB, ready in {slowest:.2} s");
    table.push(
        Row::told(
            "14",
            "idle: memory of all processes, time to ready",
            figure,
            "120 MiB, 1 s".to_owned(),
            format!("{:.0} %", all / 120.0 * 100.0),
        )
        .must("≤ 120 MiB, ≤ 1 s"),
    );
    Ok(())
}
