//! Files: rows 10 and 11.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use tokio::process::Command;

use crate::table::{Row, Table};
use crate::world::{World, import as upload};
use crate::{files, usage};

/// Row 10: import against COPY to a staging table of text and one `insert … select` into a copy of the table.
pub(crate) async fn import(world: &World, table: &mut Table) -> Result<()> {
    eprintln!("10: import of {} leads", world.scale.import);
    let rows = world.scale.import;
    let mut ratios = Vec::new();
    let mut peaks = Vec::new();
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    for round in 0..2 {
        let id = world.suite.process("leads").await;
        usage::forget_peak(id)?;
        let file = files::leads(rows, &format!("import{round}x"));
        let company = world.suite.api().company().await;
        let started = Instant::now();
        upload(&company, "leads", file).await?;
        let seconds = started.elapsed().as_secs_f64();
        peaks.push(usage::memory(id, "VmHWM")?);
        world.suite.quiet().await;
        world.suite.freeze().await;
        let limit = import_limit(world, company.company_id()).await;
        world.suite.thaw().await;
        let limit = limit?;
        ratios.push(limit / seconds);
        ours.push(per_second(rows, seconds));
        limits.push(per_second(rows, limit));
    }
    let peak = peaks.into_iter().fold(0.0, f64::max);
    let row = Row::told(
        "10",
        "import by CSV, checked, scored, deduplicated",
        format!("{:.0} rows/s, {peak:.0} MiB", mean(&ours)),
        format!("{:.0} rows/s", mean(&limits)),
        format!("{:.0} %", mean(&ratios) * 100.0),
    );
    table.push(row.must("80 %, ≤ 64 MiB"));
    Ok(())
}

/// Seconds of COPY to staging and `insert … select` of the rows that this company has just imported.
async fn import_limit(world: &World, company_id: &str) -> Result<f64> {
    let pool = world.suite.database();
    let file = world.folder().join("staging.copy");
    let columns: String = sqlx::query_scalar(
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
          where attrelid = 'leads.leads'::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
    )
    .fetch_one(pool)
    .await?;
    let setup = format!(
        "create schema if not exists bench;
         drop table if exists bench.staging, bench.leads;
         create table bench.staging as select {columns} from leads.leads limit 0;
         create table bench.leads (like leads.leads including all);"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(pool).await?;
    let url = world.suite.admin_url().await;
    psql(
        &url,
        &format!(
            "\\copy (select {columns} from leads.leads where company_id = '{company_id}') to '{}'",
            file.display()
        ),
    )
    .await?;
    let started = Instant::now();
    psql(
        &url,
        &format!("\\copy bench.staging ({columns}) from '{}'", file.display()),
    )
    .await?;
    psql(
        &url,
        &format!("insert into bench.leads ({columns}) select {columns} from bench.staging"),
    )
    .await?;
    let seconds = started.elapsed().as_secs_f64();
    sqlx::raw_sql("drop table bench.staging, bench.leads")
        .execute(pool)
        .await?;
    Ok(seconds)
}

/// Row 11: export against an ordered `COPY TO`.
pub(crate) async fn export(world: &World, table: &mut Table) -> Result<()> {
    eprintln!("11: export of all leads");
    let (mut ratios, mut first, mut ours, mut limits, mut grown) =
        (Vec::new(), f64::MAX, Vec::new(), Vec::new(), 0.0_f64);
    let company = world.api.company_id();
    for _ in 0..2 {
        let id = world.suite.process("leads").await;
        usage::forget_peak(id)?;
        let before = usage::memory(id, "VmRSS")?;
        let started = Instant::now();
        let request = world
            .api
            .request(reqwest::Method::GET, "/leads/export/?order_by=-created_at");
        let response = request
            .timeout(std::time::Duration::from_secs(600))
            .send()
            .await?
            .error_for_status()?;
        let mut body = response.bytes_stream();
        let mut lines = 0;
        let mut waited = None;
        while let Some(piece) = body.next().await {
            waited.get_or_insert_with(|| started.elapsed().as_secs_f64() * 1000.0);
            lines += piece?.iter().filter(|byte| **byte == b'\n').count();
        }
        let seconds = started.elapsed().as_secs_f64();
        ensure!(lines > world.scale.leads, "only {lines} lines came");
        first = first.min(waited.context("no byte came")?);
        grown = grown.max(usage::memory(id, "VmHWM")? - before);
        let url = world.suite.admin_url().await;
        let started = Instant::now();
        let copy = format!(
            "\\copy (select * from leads.leads where company_id = '{company}' and deleted_at is null order by created_at desc, id desc) to '/dev/null' (format csv)"
        );
        psql(&url, &copy).await?;
        let limit = started.elapsed().as_secs_f64();
        ratios.push(limit / seconds);
        ours.push(per_second(lines, seconds));
        limits.push(per_second(lines, limit));
    }
    let row = Row::told(
        "11",
        "export, ordered",
        format!(
            "{:.0} rows/s, first byte {first:.0} ms, +{grown:.0} MiB",
            mean(&ours)
        ),
        format!("{:.0} rows/s", mean(&limits)),
        format!("{:.0} %", mean(&ratios) * 100.0),
    );
    table.push(row.must("45 %, ≤ 50 ms, +16 MiB"));
    Ok(())
}

async fn psql(url: &str, command: &str) -> Result<()> {
    let program: &Path = &files::program("psql")?;
    let output = Command::new(program)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, url])
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // counts
fn per_second(rows: usize, seconds: f64) -> f64 {
    rows as f64 / seconds
}

#[allow(clippy::cast_precision_loss)] // counts
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
