//! The data: one large company and nineteen small ones, through the suite's own import.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kontor_integration_tests::api::Api;
use kontor_integration_tests::database::SCHEMAS;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::people;

/// The longest that one import may take.
const IMPORT: Duration = Duration::from_secs(1800);
/// Rows of the file that go out together.
const PIECE: u64 = 500;

/// How many records there are in all.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) leads: u64,
    pub(crate) accounts: u64,
    pub(crate) contacts: u64,
}

/// Companies beside the large one; together they have a hundredth part of it each.
const SMALL: u64 = 19;

/// Fills the suite; answers the founder of the large company.
pub(crate) async fn fill(anonymous: &Api, database: &PgPool, size: Size) -> Result<Api> {
    let large = anonymous.company().await;
    let began = Instant::now();
    import(
        &large,
        "accounts",
        people::ACCOUNTS,
        people::account,
        0,
        size.accounts - SMALL * size.accounts / 100,
    )
    .await?;
    import(
        &large,
        "contacts",
        people::CONTACTS,
        people::contact,
        0,
        size.contacts - SMALL * size.contacts / 100,
    )
    .await?;
    import(&large, "leads", people::LEADS, people::lead, 0, size.leads).await?;
    for company in 1..=SMALL {
        let small = anonymous.company().await;
        let number = company as usize;
        import(
            &small,
            "accounts",
            people::ACCOUNTS,
            people::account,
            number,
            size.accounts / 100,
        )
        .await?;
        import(
            &small,
            "contacts",
            people::CONTACTS,
            people::contact,
            number,
            size.contacts / 100,
        )
        .await?;
        import(
            &small,
            "leads",
            people::LEADS,
            people::lead,
            number,
            size.leads / 100,
        )
        .await?;
    }
    eprintln!("  filled in {:.0} s", began.elapsed().as_secs_f64());
    settle(database).await?;
    Ok(large)
}

/// Imports so many records of a kind; answers the job.
pub(crate) async fn import(
    api: &Api,
    kind: &str,
    header: &'static str,
    make: fn(&mut String, usize, u64),
    company: usize,
    count: u64,
) -> Result<Value> {
    let pieces = (0..count.div_ceil(PIECE)).map(move |piece| {
        let mut text = String::from(if piece == 0 { header } else { "" });
        for n in piece * PIECE..((piece + 1) * PIECE).min(count) {
            make(&mut text, company, n);
        }
        Ok::<_, std::io::Error>(text)
    });
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = api
        .request(reqwest::Method::POST, &format!("/{kind}/import?wait_seconds=30"))
        .header("content-type", "text/csv")
        .timeout(IMPORT)
        .body(body);
    let began = Instant::now();
    let mut job = api.send(request).await.json();
    let id = job["id"].as_str().context(job.to_string())?.to_owned();
    while job["state"] == "running" {
        if began.elapsed() > IMPORT {
            bail!("the import of {kind} does not end: {job}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        job = api.get(&format!("/{kind}/imports/{id}")).await.json();
    }
    if job["created"] != count {
        bail!("the import of {kind} went wrong: {job}");
    }
    Ok(job)
}

/// Waits until all that was told has arrived, and lets the database look at what it has.
pub(crate) async fn settle(database: &PgPool) -> Result<()> {
    quiet(database).await?;
    sqlx::query("vacuum (analyze)").execute(database).await?;
    sqlx::query("checkpoint").execute(database).await?;
    Ok(())
}

/// Waits until all that was told has arrived.
pub(crate) async fn quiet(database: &PgPool) -> Result<()> {
    let began = Instant::now();
    let mut quiet = 0;
    let mut arrived_before = -1;
    while quiet < 10 {
        let (mut unsent, mut arrived) = (0, 0);
        for schema in SCHEMAS {
            unsent += count(database, &format!("select count(*) from {schema}.outbox")).await?;
            arrived += count(database, &format!("select count(*) from {schema}.inbox")).await?;
        }
        quiet = if unsent == 0 && arrived == arrived_before {
            quiet + 1
        } else {
            0
        };
        arrived_before = arrived;
        if began.elapsed() > Duration::from_secs(600) {
            bail!("{unsent} messages are still not sent");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn count(database: &PgPool, sql: &str) -> Result<i64> {
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(database)
        .await?)
}
