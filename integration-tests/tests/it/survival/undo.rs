//! Conversions that are taken back, while whoever has a part in it dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use reqwest::Method;
use serde_json::json;

use super::fate::dice;
use crate::{conversion::lead, trial};

/// Conversions that are taken back while one dies.
const EACH: usize = 12;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "survival::conversions_are_taken_back_whole_whoever_is_killed_meanwhile",
        killed,
    )]
}

async fn killed(suite: &Suite) {
    let mut dice = dice("conversions taken back");
    suite.make_whole().await;
    let began = Instant::now();
    let mut victims = ["leads", "accounts", "contacts", "deals"];
    victims.shuffle(&mut dice);
    for victim in victims {
        let api = suite.api().company().await;
        let leads = join_all((0..EACH).map(async |n| {
            let body =
                json!({"last_name": format!("{victim} {n}"), "company_name": format!("{victim} Co {n}")});
            let id = lead(&api, body).await;
            let path = format!("/leads/{id}/convert/");
            api.post(&path, json!({"wait_seconds": 30})).await.expect(200);
            id
        }))
        .await;
        suite.quiet().await;
        let undoing = tokio::spawn({
            let (api, leads) = (api.clone(), leads.clone());
            async move { join_all(leads.iter().map(|id| take_back(&api, id))).await }
        });
        let death = dice.random_range(1..EACH);
        eventually(60, "some are being taken back", async || {
            states(suite, &api, &["undoing", "undone"]).await >= death as i64
        })
        .await;
        suite.kill(victim).await;
        suite.revive(victim).await;
        undoing.await.unwrap();
        eventually(90, "all are taken back", async || {
            states(suite, &api, &["undone"]).await == EACH as i64
        })
        .await;
        for id in &leads {
            let lead = api.get(&format!("/leads/{id}/")).await.expect(200);
            assert_eq!(lead["status"], "new", "{victim}: {lead}");
        }
        for kind in ["accounts", "contacts", "deals"] {
            let left = api.get(&format!("/{kind}/")).await.expect(200);
            assert_eq!(left["total_size"], 0, "{victim}: {left}");
        }
    }
    eprintln!(
        "  {} conversions and {} deaths took {:?}",
        EACH * victims.len(),
        victims.len(),
        began.elapsed()
    );
}

/// Asks until it is being taken back: while somebody is away who must be asked what was touched, nothing is done.
async fn take_back(api: &Api, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let request = api.request(Method::POST, &format!("/leads/{id}/convert/undo/"));
        let answer = api.attempt(request.json(&json!({}))).await;
        match answer.as_ref().map(|answer| answer.status.as_u16()) {
            Ok(200 | 202) => return,
            // It was taken back although the answer got lost.
            Ok(409) => {
                let state = api.get(&format!("/leads/{id}/conversion/")).await.json();
                assert!(
                    matches!(state["state"].as_str(), Some("undoing" | "undone")),
                    "{answer:?}"
                );
                return;
            }
            Ok(503) | Err(_) => {}
            Ok(status) => panic!("{status}: {answer:?}"),
        }
        assert!(Instant::now() < deadline, "the services stay away: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many conversions of the company are in one of these states.
async fn states(suite: &Suite, api: &Api, states: &[&str]) -> i64 {
    let sql = "select count(*) from leads.conversions where company_id = $1::uuid and state = any($2)";
    sqlx::query_scalar(sql)
        .bind(api.company_id())
        .bind(states)
        .fetch_one(suite.database())
        .await
        .unwrap()
}
