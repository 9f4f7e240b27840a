//! Merges of accounts, with what hangs on them in other services, while everything dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::fate::dice;
use crate::trial;

const MERGES: usize = 50;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "survival::fifty_merges_happen_once_when_everything_is_killed_at_random",
        killed,
    )]
}

/// Two accounts that are to be one, and what hangs on the one that goes.
#[derive(Clone)]
struct Pair {
    stays: String,
    goes: String,
    contact: String,
    deal: String,
}

async fn killed(suite: &Suite) {
    let mut dice = dice("fifty merges");
    suite.make_whole().await;
    let began = Instant::now();
    let api = suite.api().company().await;
    let pairs: Vec<Pair> = stream::iter(0..MERGES)
        .map(|n| pair(&api, n))
        .buffered(8)
        .collect()
        .await;
    suite.quiet().await;

    let merges = tokio::spawn({
        let (api, pairs) = (api.clone(), pairs.clone());
        async move {
            stream::iter(&pairs)
                .for_each_concurrent(2, |pair| merge(&api, pair))
                .await;
        }
    });
    let mut victims = ["accounts", "contacts", "deals", "gateway", "broker", "postgres"];
    victims.shuffle(&mut dice);
    let part = MERGES / (victims.len() + 1);
    for (n, victim) in victims.into_iter().enumerate() {
        let death = n * part + dice.random_range(1..part);
        eventually(60, "merges go on", async || {
            merged(suite, &api).await >= death as i64
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
    merges.await.unwrap();
    for Pair {
        stays,
        goes,
        contact,
        deal,
    } in &pairs
    {
        let gone = api
            .get(&format!("/accounts/{goes}/"))
            .await
            .problem(404, "not_found");
        assert_eq!(gone["winner_id"], json!(stays), "{gone}");
        let merges = api.get(&format!("/accounts/{stays}/merges/")).await.expect(200);
        assert_eq!(merges["merges"].as_array().unwrap().len(), 1, "{merges}");
        for path in [format!("/contacts/{contact}/"), format!("/deals/{deal}/")] {
            let what = format!("{path} follows");
            eventually(90, &what, async || {
                api.get(&path).await.expect(200)["account_id"] == json!(stays)
            })
            .await;
        }
    }
    suite.quiet().await;
    for kind in ["accounts", "contacts", "deals"] {
        let all = api.get(&format!("/{kind}/")).await.expect(200);
        assert_eq!(all["total_size"], MERGES, "{kind}");
    }
    eprintln!(
        "  {MERGES} merges and {} deaths took {:?}",
        victims.len(),
        began.elapsed()
    );
}

async fn pair(api: &Api, n: usize) -> Pair {
    let make = async |kind: &str, body: Value| {
        let made = api.post(&format!("/{kind}/"), body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let stays = make("accounts", json!({"name": format!("Stays {n}")})).await;
    let goes = make("accounts", json!({"name": format!("Goes {n}")})).await;
    let contact = json!({"last_name": format!("Contact {n}"), "account_id": goes});
    let deal = json!({"name": format!("Deal {n}"), "account_id": goes});
    Pair {
        contact: make("contacts", contact).await,
        deal: make("deals", deal).await,
        stays,
        goes,
    }
}

/// Asks for a merge until it is done, as a person would who is told that a service is down.
async fn merge(api: &Api, pair: &Pair) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let request = api.request(Method::POST, &format!("/accounts/{}/merge/", pair.stays));
        let answer = api
            .attempt(request.json(&json!({"source_ids": [pair.goes]})))
            .await;
        match answer.as_ref().map(|answer| answer.status.as_u16()) {
            Ok(200) => return,
            // Nobody answers while the gateway is dead.
            Ok(503) | Err(_) => {}
            // It was done although the answer got lost.
            Ok(404 | 409 | 422) if is_merged(api, pair).await => return,
            Ok(status) => panic!("{status}: {answer:?}"),
        }
        assert!(Instant::now() < deadline, "the services stay away: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn is_merged(api: &Api, pair: &Pair) -> bool {
    let answer = api.get(&format!("/accounts/{}/", pair.goes)).await;
    answer.status == 404 && answer.json()["winner_id"] == json!(pair.stays)
}

async fn merged(suite: &Suite, api: &Api) -> i64 {
    let sql = "select count(*) from accounts.merges where company_id = $1::uuid";
    let merges = sqlx::query_scalar(sql).bind(api.company_id());
    merges.fetch_one(suite.database()).await.unwrap()
}
