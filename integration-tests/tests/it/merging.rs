//! Records that are one: duplicates, merging and taking it back, across services.

use std::sync::Arc;

use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "merging: contacts and deals follow a merge of accounts, and its end",
            follows_in_other_services,
        ),
        trial(
            suite,
            "merging: duplicates of all three kinds are found, dismissed and merged",
            is_there_for_three_kinds,
        ),
    ]
}

async fn make(api: &Api, kind: &str, body: Value) -> String {
    let made = api.post(&format!("/{kind}/"), body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn follows_in_other_services(suite: &Suite) {
    let api = suite.api().company().await;
    let (winner, source) = (
        make(&api, "accounts", json!({"name": "Acme"})).await,
        make(&api, "accounts", json!({"name": "Acme Inc"})).await,
    );
    let contact = make(&api, "contacts", json!({"last_name": "A", "account_id": source})).await;
    let twin = make(&api, "contacts", json!({"last_name": "A"})).await;
    let deal = make(
        &api,
        "deals",
        json!({"name": "D", "account_id": source, "contact_ids": [contact, twin]}),
    )
    .await;
    let merged = api
        .post(
            &format!("/accounts/{winner}/merge/"),
            json!({"source_ids": [source]}),
        )
        .await
        .expect(200);
    assert_eq!(merged["account"]["id"], json!(winner));
    let gone = api
        .get(&format!("/accounts/{source}/"))
        .await
        .problem(404, "not_found");
    assert_eq!(gone["winner_id"], json!(winner));
    api.post(
        &format!("/accounts/{winner}/merge/"),
        json!({"source_ids": [winner]}),
    )
    .await
    .problem(422, "merge_with_itself");

    let of = async |kind: &str, id: &str| api.get(&format!("/{kind}/{id}/")).await.expect(200);
    eventually(20, "the contact and the deal follow", async || {
        of("contacts", &contact).await["account_id"] == json!(winner)
            && of("deals", &deal).await["account_id"] == json!(winner)
    })
    .await;
    eventually(20, "they count at the winner", async || {
        let account = of("accounts", &winner).await;
        account["contact_count"] == json!(1) && account["open_deal_count"] == json!(1)
    })
    .await;
    let merge = api
        .post(
            &format!("/contacts/{contact}/merge/"),
            json!({"source_ids": [twin]}),
        )
        .await
        .expect(200);
    eventually(20, "the deal names the contact once", async || {
        of("deals", &deal).await["contact_ids"] == json!([contact])
    })
    .await;
    let back = api
        .post(
            &format!("/contacts/{contact}/unmerge/"),
            json!({"merge_id": merge["merge_id"]}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&back["restored"][0]["id"], &back["lost"]),
        (&json!(twin), &json!([]))
    );
    eventually(20, "the deal names both again", async || {
        of("deals", &deal).await["contact_ids"].as_array().unwrap().len() == 2
    })
    .await;
    let back = api
        .post(
            &format!("/accounts/{winner}/unmerge/"),
            json!({"merge_id": merged["merge_id"]}),
        )
        .await
        .expect(200);
    assert_eq!(back["restored"][0]["id"], json!(source));
    eventually(20, "the contact and the deal are back", async || {
        of("contacts", &contact).await["account_id"] == json!(source)
            && of("deals", &deal).await["account_id"] == json!(source)
    })
    .await;
    let merges = api.get(&format!("/accounts/{winner}/merges/")).await.expect(200);
    assert!(merges["merges"][0]["unmerged_at"].is_string());
}

async fn is_there_for_three_kinds(suite: &Suite) {
    let api = suite.api().company().await;
    for (kind, one, bodies) in [
        (
            "accounts",
            "account",
            [
                json!({"name": "Müller & Söhne GmbH"}),
                json!({"name": "MULLER SOHNE"}),
                json!({"name": "Other"}),
            ],
        ),
        (
            "contacts",
            "contact",
            [
                json!({"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}),
                json!({"first_name": "Ada", "last_name": "Lovelase", "email": "ADA@example.com"}),
                json!({"last_name": "Other"}),
            ],
        ),
        (
            "leads",
            "lead",
            [
                json!({"first_name": "Rob", "last_name": "Stone", "phone": "(212) 555-0123", "address": {"country": "US"}}),
                json!({"first_name": "Robert", "last_name": "Stone", "mobile": "+1 212 555 0123", "company_name": "X", "address": {"country": "US"}}),
                json!({"last_name": "Other"}),
            ],
        ),
    ] {
        let mut ids = Vec::new();
        for body in bodies {
            ids.push(make(&api, kind, body).await);
        }
        let found = api.get(&format!("/{kind}/duplicates/")).await.expect(200);
        let groups = found["groups"].as_array().unwrap();
        assert_eq!(groups.len(), 1, "{kind}: {found}");
        let members: Vec<&str> = groups[0]["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_str().unwrap())
            .collect();
        assert_eq!(members, [ids[0].as_str(), ids[1].as_str()], "{kind}");
        assert!(
            groups[0]["score"].as_f64().unwrap() >= 0.75
                && !groups[0]["reasons"].as_array().unwrap().is_empty()
        );
        let dry = api
            .post(
                &format!("/{kind}/{}/merge/", ids[0]),
                json!({"source_ids": [ids[1]], "dry_run": true}),
            )
            .await
            .expect(200);
        assert_eq!(dry[one]["id"], json!(ids[0]));
        assert_eq!(
            api.post(
                &format!("/{kind}/duplicates/dismiss/"),
                json!({"ids": [ids[0], ids[1]]})
            )
            .await
            .status,
            204
        );
        assert_eq!(
            api.get(&format!("/{kind}/duplicates/")).await.expect(200)["groups"],
            json!([])
        );
        let merged = api
            .post(
                &format!("/{kind}/{}/merge/", ids[0]),
                json!({"source_ids": [ids[1]]}),
            )
            .await
            .expect(200);
        api.get(&format!("/{kind}/{}/", ids[1]))
            .await
            .problem(404, "not_found");
        let back = api
            .post(
                &format!("/{kind}/{}/unmerge/", ids[0]),
                json!({"merge_id": merged["merge_id"]}),
            )
            .await
            .expect(200);
        assert_eq!(back["lost"], json!([]), "{kind}");
        api.get(&format!("/{kind}/{}/", ids[1])).await.expect(200);
    }
}
