//! Territories across the services: accounts keeps them, leads and contacts follow.

use std::sync::Arc;

use kontor_integration_tests::{api::eventually, suite::Suite};
use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "territories::place_a_lead_and_an_account_right_after_they_are_made",
            placing,
        ),
        trial(
            suite,
            "territories::tell_beforehand_what_moves_and_move_it_in_the_background",
            moving,
        ),
        trial(
            suite,
            "accounts::count_their_contacts_and_open_deals_and_give_contacts_their_names",
            counting,
        ),
    ]
}

async fn placing(suite: &Suite) {
    let api = suite.api().company().await;
    let me = api.session["user"]["id"].clone();
    let territory = api
        .post(
            "/territories/",
            json!({"name": "DACH", "rules": {"countries": ["DE"]}, "member_ids": [me], "assignment": "round_robin"}),
        )
        .await
        .expect(201);
    assert_eq!(territory["rules"]["states"], json!([]));
    let lead = json!({"last_name": "Doe", "address": {"country": "DE"}});
    let lead = api.post("/leads/", lead).await.expect(201);
    assert_eq!(
        lead["territory_id"], territory["id"],
        "known to leads when the territory is there"
    );
    let account = json!({"name": "Acme", "billing_address": {"country": "DE"}});
    let account = api.post("/accounts/", account).await.expect(201);
    assert_eq!(account["territory_id"], territory["id"]);
    let matched = api
        .post("/territories/match/", json!({"address": {"country": "DE"}}))
        .await
        .expect(200);
    assert_eq!(
        (&matched["territory"]["id"], &matched["rule"]),
        (&territory["id"], &json!("country is DE"))
    );
    let path = format!("/leads/{}/assign-territory/", lead["id"].as_str().unwrap());
    let assigned = api.post(&path, json!({})).await.expect(200);
    assert_eq!(
        (&assigned["lead"]["territory_id"], &assigned["rule"]),
        (&territory["id"], &json!("country is DE"))
    );
    let shown = api.get("/leads/?expand=territory").await.expect(200);
    assert_eq!(shown["leads"][0]["territory"]["name"], "DACH");
}

async fn moving(suite: &Suite) {
    let api = suite.api().company().await;
    let territory = json!({"name": "West", "rules": {"countries": ["DE"]}});
    let territory = api.post("/territories/", territory).await.expect(201);
    let path = format!("/territories/{}", territory["id"].as_str().unwrap());
    let made = |path: &'static str, body: serde_json::Value| {
        let api = api.clone();
        async move {
            let made = api.post(path, body).await.expect(201);
            format!("{path}{}/", made["id"].as_str().unwrap())
        }
    };
    let german = made(
        "/leads/",
        json!({"last_name": "German", "address": {"country": "DE"}}),
    )
    .await;
    let french = made(
        "/leads/",
        json!({"last_name": "French", "address": {"country": "FR"}}),
    )
    .await;
    let account = made(
        "/accounts/",
        json!({"name": "Acme", "billing_address": {"country": "FR"}}),
    )
    .await;
    let contact = json!({"last_name": "Ada", "territory_id": territory["id"]});
    let contact = made("/contacts/", contact).await;

    let rules = json!({"rules": {"countries": ["FR"]}});
    let preview = api
        .post(&format!("{path}/preview/"), rules.clone())
        .await
        .expect(200);
    assert_eq!(preview["total"], 3, "{preview}");
    let kinds: Vec<_> = preview["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["record"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["account", "lead", "lead"]);

    let job = api.post(&format!("{path}/apply/"), rules).await.expect(202);
    let job = format!("{path}/jobs/{}/", job["id"].as_str().unwrap());
    eventually(60, "the job has ended", async || {
        api.get(&job).await.expect(200)["state"] == "succeeded"
    })
    .await;
    assert_eq!(api.get(&job).await.expect(200)["moved"], 3);
    let lies = async |path: &str| api.get(path).await.expect(200)["territory_id"].clone();
    assert_eq!(lies(&german).await, json!(null));
    assert_eq!(lies(&french).await, territory["id"]);
    assert_eq!(lies(&account).await, territory["id"]);

    assert_eq!(api.delete(&format!("{path}/")).await.status.as_u16(), 204);
    assert_eq!(lies(&account).await, json!(null));
    for record in [&french, &contact] {
        eventually(60, "nothing lies in a territory that is gone", async || {
            lies(record).await == json!(null)
        })
        .await;
    }
}

async fn counting(suite: &Suite) {
    let api = suite.api().company().await;
    let account = api.post("/accounts/", json!({"name": "Acme"})).await.expect(201);
    let contact = json!({"last_name": "Ada", "account_id": account["id"]});
    let contact = api.post("/contacts/", contact).await.expect(201);
    assert_eq!(contact["account_name"], "Acme");
    let deal = json!({"name": "Deal", "account_id": account["id"]});
    let deal = api.post("/deals/", deal).await.expect(201);
    let path = format!("/accounts/{}/", account["id"].as_str().unwrap());
    let counts = async |contacts: i32, deals: i32| {
        eventually(30, "the counts are right", async || {
            let account = api.get(&path).await.expect(200);
            account["contact_count"] == contacts && account["open_deal_count"] == deals
        })
        .await;
    };
    counts(1, 1).await;
    let win = format!("/deals/{}/win/", deal["id"].as_str().unwrap());
    api.post(&win, json!({})).await.expect(200);
    counts(1, 0).await;
    api.patch(&path, json!({"name": "Acme 2"})).await.expect(200);
    eventually(30, "the contact shows the new name", async || {
        let listed = api.get("/contacts/?order_by=account_name").await.expect(200);
        listed["contacts"][0]["account_name"] == "Acme 2"
    })
    .await;
    let gone = format!("/contacts/{}/", contact["id"].as_str().unwrap());
    assert_eq!(api.delete(&gone).await.status.as_u16(), 204);
    counts(0, 0).await;
}
