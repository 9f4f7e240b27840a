//! Exactly once, whatever dies.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::database::number;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{conversion::lead, trial};

/// Conversions under way while something dies.
const CONVERSIONS: usize = 100;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    ["leads", "accounts", "contacts", "deals", "broker"]
        .into_iter()
        .map(|victim| {
            let name = format!("survival::a_hundred_conversions_happen_once_when_{victim}_is_killed");
            trial(suite, &name, async move |suite: &Suite| {
                killed(suite, victim).await;
            })
        })
        .collect()
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
    let ids = |records: &[Value]| -> HashSet<String> {
        records
            .iter()
            .map(|record| record["id"].as_str().unwrap().to_owned())
            .collect()
    };
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
    let page = api.get(&format!("/{resource}/?page_size=200")).await.expect(200);
    page[resource].as_array().unwrap().clone()
}
