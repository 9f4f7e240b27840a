//! Conversions, while one process dies, and while all of them do.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::database::number;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::fate::dice;
use crate::{conversion::lead, trial};

/// Conversions under way while something dies.
const CONVERSIONS: usize = 100;
/// Conversions under way while everything dies, one after the other.
const MANY: usize = 500;
/// Everything that can die.
const VICTIMS: [&str; 8] = [
    "identity", "accounts", "contacts", "leads", "deals", "gateway", "broker", "postgres",
];

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    let one = ["leads", "accounts", "contacts", "deals", "broker"];
    let one = one.into_iter().map(|victim| {
        let name = format!("survival::a_hundred_conversions_happen_once_when_{victim}_is_killed");
        trial(suite, &name, async move |suite: &Suite| {
            killed(suite, victim).await;
        })
    });
    let all = "survival::five_hundred_conversions_happen_once_when_everything_is_killed_at_random";
    one.chain([trial(suite, all, all_killed)]).collect()
}

async fn killed(suite: &Suite, victim: &'static str) {
    suite.make_whole().await;
    let api = suite.api().company().await;
    let mut leads = Vec::new();
    for n in 0..CONVERSIONS {
        let body = json!({
            "last_name": format!("Number {n}"), "email": format!("{victim}{n}@example.com"),
            // Ten companies with ten leads each: matching must hold, too.
            "company_name": format!("{victim} Company {}", n % 10),
        });
        leads.push(lead(&api, body).await);
    }

    let conversions = tokio::spawn({
        let (api, leads) = (api.clone(), leads.clone());
        async move {
            futures_util::stream::iter(leads)
                .map(|id| {
                    let api = api.clone();
                    // 200, 202 and 503 are all honest answers while something is dead.
                    async move {
                        api.post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 1}))
                            .await
                            .status
                            .as_u16()
                    }
                })
                .buffer_unordered(8)
                .collect::<Vec<u16>>()
                .await
        }
    });
    eventually(60, "some are converted and some are not", async || {
        converted(&api).await >= 10
    })
    .await;
    suite.kill(victim).await;
    suite.revive(victim).await;
    let statuses = conversions.await.unwrap();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 202 | 503)),
        "{statuses:?}"
    );

    // Those that found nobody are asked again, as a person would; all others must come to their end by themselves.
    for id in &leads {
        if api.get(&format!("/leads/{id}/conversion/")).await.status == 404 {
            let status = api
                .post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 0}))
                .await
                .status
                .as_u16();
            assert!(matches!(status, 200 | 202), "{status}");
        }
    }
    eventually(90, "every lead is converted", async || {
        converted(&api).await == CONVERSIONS as u64
    })
    .await;
    suite.quiet().await;
    check(suite, &api, &leads).await;
}

async fn all_killed(suite: &Suite) {
    let mut dice = dice("five hundred conversions");
    suite.make_whole().await;
    let began = Instant::now();
    let api = suite.api().company().await;
    let mut file = String::from("Last Name,Email,Company\r\n");
    for n in 0..MANY {
        file.push_str(&format!(
            "Number {n},all{n}@example.com,All Company {}\r\n",
            n % 10
        ));
    }
    let job = api.csv("/leads/import/", file).await.expect(200);
    assert_eq!(job["created"], MANY, "{job}");
    let mut leads: Vec<String> = all(&api, "leads").await.iter().map(id).collect();
    leads.shuffle(&mut dice);

    let conversions = tokio::spawn({
        let (api, leads) = (api.clone(), leads.clone());
        async move {
            futures_util::stream::iter(&leads)
                .for_each_concurrent(8, |id| convert(&api, id))
                .await;
        }
    });
    let mut victims = VICTIMS;
    victims.shuffle(&mut dice);
    // One dies whenever so many are converted: anywhere, but each in a part of its own.
    let part = MANY / (VICTIMS.len() + 1);
    for (n, victim) in victims.into_iter().enumerate() {
        let death = n * part + dice.random_range(1..part);
        eventually(120, "conversions go on", async || {
            converted(&api).await >= death as u64
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
    conversions.await.unwrap();
    eventually(180, "every lead is converted", async || {
        converted(&api).await == MANY as u64
    })
    .await;
    suite.quiet().await;
    check(suite, &api, &leads).await;
    eprintln!(
        "  {MANY} conversions and {} deaths took {:?}",
        VICTIMS.len(),
        began.elapsed()
    );
}

/// Asks for a conversion until somebody takes it, as a person would who is told that a service is down.
async fn convert(api: &Api, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let request = api.request(Method::POST, &format!("/leads/{id}/convert/"));
        let answer = api.attempt(request.json(&json!({"wait_seconds": 1}))).await;
        match answer.as_ref().map(|answer| answer.status.as_u16()) {
            Ok(200 | 202) => return,
            // Nobody answers while the gateway is dead.
            Ok(503) | Err(_) => {}
            Ok(status) => panic!("{status}: {answer:?}"),
        }
        assert!(Instant::now() < deadline, "the services stay away: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap().to_owned()
}

async fn converted(api: &Api) -> u64 {
    let answer = api.get("/leads/?status=converted&page_size=1").await;
    if answer.status == 200 {
        answer.json()["total_size"].as_u64().unwrap()
    } else {
        0
    }
}

/// Every lead converted once, nothing orphaned or doubled, outboxes empty.
async fn check(suite: &Suite, api: &Api, leads: &[String]) {
    let accounts = all(api, "accounts").await;
    let contacts = all(api, "contacts").await;
    let deals = all(api, "deals").await;
    assert_eq!(accounts.len(), 10, "one account a company");
    assert_eq!(contacts.len(), leads.len());
    assert_eq!(deals.len(), leads.len());
    let ids = |records: &[Value]| -> HashSet<String> { records.iter().map(id).collect() };
    let (account_ids, mut contact_ids, mut deal_ids) = (ids(&accounts), ids(&contacts), ids(&deals));
    for id in leads {
        let lead = api.get(&format!("/leads/{id}/")).await.expect(200);
        assert_eq!(lead["status"], "converted");
        let conversion = &lead["conversion"];
        assert!(
            account_ids.contains(conversion["account_id"].as_str().unwrap()),
            "{lead}"
        );
        assert!(
            contact_ids.remove(conversion["contact_id"].as_str().unwrap()),
            "a contact of its own: {lead}"
        );
        assert!(
            deal_ids.remove(conversion["deal_id"].as_str().unwrap()),
            "a deal of its own: {lead}"
        );
    }
    assert!(
        contact_ids.is_empty() && deal_ids.is_empty(),
        "orphans: {contact_ids:?} {deal_ids:?}"
    );
    for contact in &contacts {
        assert!(
            account_ids.contains(contact["account_id"].as_str().unwrap()),
            "{contact}"
        );
    }
    for (service, sql) in [
        ("leads", "select count(*) from leads.outbox"),
        ("accounts", "select count(*) from accounts.outbox"),
        ("contacts", "select count(*) from contacts.outbox"),
        ("deals", "select count(*) from deals.outbox"),
    ] {
        assert_eq!(
            number(suite.database(), sql).await,
            0,
            "{service} has unsent facts"
        );
    }
}

async fn all(api: &Api, resource: &str) -> Vec<Value> {
    let (mut records, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/{resource}/?page_size=200&page_token={token}");
        let page = api.get(&path).await.expect(200);
        records.extend_from_slice(page[resource].as_array().unwrap());
        token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            return records;
        }
    }
}
