//! An import of many rows, while whoever has a part in it dies.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use reqwest::{Body, Method};
use serde_json::Value;
use tokio::sync::oneshot;

use super::fate::dice;
use crate::trial;

const ROWS: u64 = 100_000;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "survival::an_import_of_a_hundred_thousand_rows_loses_and_doubles_none_when_everything_is_killed_at_random",
        killed,
    )]
}

async fn killed(suite: &Suite) {
    let mut dice = dice("an import of a hundred thousand rows");
    suite.make_whole().await;
    let began = Instant::now();
    let api = suite.api().company().await;
    let mut file = String::from("Last Name,Email,Company\r\n");
    for n in 0..ROWS {
        file.push_str(&format!("Row {n},row{n}@example.com,Company {}\r\n", n % 1000));
    }

    // While the file still comes: it has broken off, and nothing of it is there. Unless it was the database, and it was back
    // before it was asked for: then all of it is.
    let early = ["leads", "gateway", "postgres"][dice.random_range(0..3)];
    let death = dice.random_range(1..ROWS / 2);
    let (half, rest) = file.split_at(file.len() * 6 / 10);
    let (dead, has_died) = oneshot::channel::<()>();
    let rest = rest.to_owned();
    let rest = async move {
        has_died.await.ok();
        Ok::<_, std::io::Error>(rest)
    };
    let pieces = stream::once(ready(Ok(half.to_owned()))).chain(stream::once(rest));
    let upload = tokio::spawn(upload(api.clone(), Body::wrap_stream(pieces)));
    eventually(60, "rows come", async || {
        job(&api)
            .await
            .is_some_and(|job| count(&job, "total_rows") >= death)
    })
    .await;
    suite.kill(early).await;
    drop(dead);
    suite.revive(early).await;
    eprintln!("  {early} was killed after {death} rows had come");
    let answer = upload.await.unwrap();
    let outlived = early == "postgres" && answer == Some(202);
    assert!(
        outlived || !matches!(answer, Some(200..=299)),
        "{early}: {answer:?}"
    );
    let (state, rows) = if outlived {
        ("succeeded", ROWS)
    } else {
        ("failed", 0)
    };
    eventually(120, "the job has ended by itself", async || {
        job(&api).await.is_some_and(|job| job["state"] == state)
    })
    .await;
    assert_eq!(total(suite, &api).await, (rows, rows));

    // While the rows go into the table: whoever comes back goes on.
    let api = suite.api().company().await;
    assert_eq!(self::upload(api.clone(), file.into()).await, Some(202));
    let mut victims = ["leads", "gateway", "postgres", "broker", "leads"];
    victims.shuffle(&mut dice);
    let part = ROWS / victims.len() as u64;
    for (n, victim) in (0..).zip(victims) {
        let death = n * part + dice.random_range(0..part / 2);
        eventually(60, "rows go into the table", async || {
            job(&api).await.is_some_and(|job| count(&job, "created") >= death)
        })
        .await;
        suite.kill(victim).await;
        let killed = Instant::now();
        suite.revive(victim).await;
        eprintln!(
            "  {victim} was killed after {death} and is back after {:?}",
            killed.elapsed()
        );
    }
    eventually(120, "the job ends by itself", async || {
        job(&api).await.is_some_and(|job| job["state"] != "running")
    })
    .await;
    let job = job(&api).await.unwrap();
    assert_eq!(
        (&job["state"], count(&job, "created"), count(&job, "total_rows")),
        (&Value::from("succeeded"), ROWS, ROWS),
        "{job}"
    );
    assert_eq!(total(suite, &api).await, (ROWS, ROWS));
    suite.quiet().await;
    eprintln!(
        "  {ROWS} rows and {} deaths took {:?}",
        victims.len() + 1,
        began.elapsed()
    );
}

/// The status of the answer; none when nobody answered.
async fn upload(api: Api, file: Body) -> Option<u16> {
    let request = api.request(
        Method::POST,
        "/leads/import/?wait_seconds=0&skip_duplicates=false",
    );
    let request = request
        .header("content-type", "text/csv")
        .timeout(Duration::from_secs(120))
        .body(file);
    let answer = api.attempt(request).await;
    answer.ok().map(|answer| answer.status.as_u16())
}

/// The last job; none while nobody answers.
async fn job(api: &Api) -> Option<Value> {
    let answer = api
        .attempt(api.request(Method::GET, "/leads/imports/"))
        .await
        .ok()?;
    let jobs = answer.json();
    jobs["imports"].get(0).cloned()
}

fn count(job: &Value, what: &str) -> u64 {
    job[what].as_u64().unwrap_or_default()
}

/// How many leads the company has, and with how many addresses.
async fn total(suite: &Suite, api: &Api) -> (u64, u64) {
    let sql = "select count(*), count(distinct email) from leads.leads where company_id = $1::uuid";
    let (leads, addresses): (i64, i64) = sqlx::query_as(sql)
        .bind(api.company_id())
        .fetch_one(suite.database())
        .await
        .unwrap();
    (leads.unsigned_abs(), addresses.unsigned_abs())
}
