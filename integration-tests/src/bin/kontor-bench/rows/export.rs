//! All leads as CSV, in order.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt as _;

use crate::arena::Arena;
use crate::load::Load;
use crate::script::written_out;
use crate::sent;
use crate::table::{Demand, Row, number};
use crate::turns::in_turn;

const EXPORT: &str = "/leads/export?order_by=-created_at";
/// The longest that the first byte may take, in milliseconds.
const FIRST_BYTE: f64 = 50.0;
/// By how much the leads service and the gateway may grow, in MiB.
const MEMORY: f64 = 16.0;

pub(super) async fn csv(arena: &Arena<'_>) -> Result<Row> {
    let sent = sent::transactions(arena.suite, "leads", async || {
        export(arena).await?;
        Ok(())
    })
    .await?;
    let mut statements = sent.into_iter().flatten();
    let ordered = |statement: &sent::Statement| {
        statement.text.contains("from leads.leads") && statement.text.contains("order by")
    };
    let select = statements
        .find(ordered)
        .context("the log of PostgreSQL does not hold the export")?;
    let script = format!(
        "begin read only;\nset local kontor.company_id = '{}';\ncopy (\n{}\n) to stdout;\nrollback;\n",
        arena.api.company_id(),
        written_out(&select)
    );
    let limit = arena.limit("leads").await;
    let mut firsts = Vec::new();
    let mut rows = 0;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |_| {
            let (load, first) = export(arena).await?;
            firsts.push(first.as_secs_f64() * 1e3);
            rows = load.done;
            Ok(load)
        },
        async |_| {
            let took = limit.psql(&script).await?;
            Ok(arena.size.leads as f64 / took.as_secs_f64())
        },
    )
    .await?;
    if rows < arena.size.leads {
        bail!("only {rows} leads came");
    }
    let slowest = firsts.iter().skip(1).copied().fold(0.0, f64::max);
    let growth = |name: &str| measured.growth.get(name).copied().unwrap_or_default();
    let grown = growth("leads").max(growth("gateway"));
    Ok(Row {
        workload: format!("export {} leads (limit: ordered COPY TO)", arena.size.leads),
        demands: vec![
            Demand::share(&measured, 0.45),
            Demand::that(
                format!("first byte ≤ {FIRST_BYTE} ms: {}", number(slowest)),
                slowest <= FIRST_BYTE,
            ),
            Demand::that(format!("+{MEMORY} MiB: {}", number(grown)), grown <= MEMORY),
        ],
        measured,
        ..Row::default()
    })
}

/// Reads an export to its end; answers how long the first byte took.
async fn export(arena: &Arena<'_>) -> Result<(Load, Duration)> {
    let request = arena
        .api
        .request(reqwest::Method::GET, EXPORT)
        .timeout(Duration::from_secs(600));
    let began = Instant::now();
    let response = request.send().await?.error_for_status()?;
    let mut pieces = response.bytes_stream();
    let mut first = None;
    let mut lines = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        first.get_or_insert_with(|| began.elapsed());
        lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    let load = Load {
        // The header is none.
        done: lines.saturating_sub(1),
        seconds: began.elapsed().as_secs_f64(),
        ..Load::default()
    };
    Ok((load, first.context("nothing came")?))
}
