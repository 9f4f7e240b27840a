//! One call for many records.

use std::sync::Arc;

use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{conversion::lead, trial};

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "bulk::names_its_records_by_ids_by_a_filter_or_all", chosen),
        trial(suite, "bulk::names_those_that_are_not_there", not_there),
        trial(suite, "bulk::does_ten_thousand_records_in_one_call", ten_thousand),
        trial(
            suite,
            "bulk::goes_on_with_more_than_ten_thousand_and_tells_how_far_it_is",
            more,
        ),
        trial(
            suite,
            "bulk::every_kind_of_record_can_do_what_all_can",
            every_kind,
        ),
        trial(
            suite,
            "bulk::converts_leads_and_says_what_became_of_them",
            converts,
        ),
    ]
}

async fn act(api: &Api, kind: &str, body: Value) -> Value {
    api.post(&format!("/{kind}/bulk-action/"), body).await.expect(200)
}

/// The counts of an answer: matched, succeeded, failed.
fn counts(answer: &Value) -> [i64; 3] {
    ["matched", "succeeded", "failed"].map(|count| answer[count].as_i64().unwrap())
}

async fn total(api: &Api, path: &str) -> i64 {
    api.get(path).await.expect(200)["total_size"].as_i64().unwrap()
}

async fn chosen(suite: &Suite) {
    let api = suite.api().company().await;
    let mut ids = Vec::new();
    for (name, industry) in [("Ada", "Steel"), ("Bob", "Steel"), ("Cleo", "Films")] {
        ids.push(lead(&api, json!({"last_name": name, "industry": industry})).await);
    }
    let tag = |word: &str| json!({"tags": [word]});
    // An id that is named twice is one record.
    let by_ids = json!({"action": "add_tags", "ids": [ids[0], ids[1], ids[0]], "params": tag("by-id")});
    assert_eq!(counts(&act(&api, "leads", by_ids).await), [2, 2, 0]);
    let by_filter = json!({"action": "add_tags", "filter": "industry = \"Steel\"", "params": tag("steel")});
    assert_eq!(counts(&act(&api, "leads", by_filter).await), [2, 2, 0]);
    let by_search = json!({"action": "add_tags", "search": "cleo", "params": tag("found")});
    assert_eq!(counts(&act(&api, "leads", by_search).await), [1, 1, 0]);
    let all = json!({"action": "set_rating", "all": true, "params": {"rating": "hot"}});
    assert_eq!(counts(&act(&api, "leads", all).await), [3, 3, 0]);
    let tags: Vec<Value> = futures_util::future::join_all(ids.iter().map(async |id| {
        let lead = api.get(&format!("/leads/{id}/")).await.expect(200);
        assert_eq!(lead["rating"], "hot");
        lead["tags"].clone()
    }))
    .await;
    assert_eq!(
        json!(tags),
        json!([["by-id", "steel"], ["by-id", "steel"], ["found"]])
    );

    for (body, field) in [
        (json!({"action": "delete"}), "ids"),
        (json!({"action": "delete", "ids": []}), "ids"),
        (json!({"action": "explode", "all": true}), "action"),
        (json!({"action": "set_rating", "all": true}), "params.rating"),
        (json!({"action": "delete", "filter": "nonsense = 1"}), "filter"),
        (json!({"action": "delete", "ids": [ids[0], "x"]}), "ids[1]"),
    ] {
        let problem = api.post("/leads/bulk-action/", body).await.expect(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let nobody = json!({"action": "assign_owner", "all": true, "params": {"owner_id": ids[0]}});
    let problem = api.post("/leads/bulk-action/", nobody).await;
    problem.problem(422, "unknown_reference");
    assert_eq!(total(&api, "/leads/").await, 3, "nothing was done");
}

async fn not_there(suite: &Suite) {
    let api = suite.api().company().await;
    let theirs = lead(&suite.api().company().await, json!({"last_name": "Theirs"})).await;
    let (own, gone) = (
        lead(&api, json!({"last_name": "Own"})).await,
        lead(&api, json!({"last_name": "Gone"})).await,
    );
    api.delete(&format!("/leads/{gone}/")).await.expect(204);
    let nobody = "01890000-0000-7000-8000-000000000000";
    let body = json!({"action": "qualify", "ids": [nobody, own, theirs, gone]});
    let answer = act(&api, "leads", body).await;
    assert_eq!(counts(&answer), [4, 1, 3], "{answer}");
    let failures: Vec<(&Value, &Value)> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| (&failure["id"], &failure["code"]))
        .collect();
    let missing = json!("not_found");
    let [nobody, theirs, gone] = [json!(nobody), json!(theirs), json!(gone)];
    assert_eq!(
        failures,
        [(&nobody, &missing), (&theirs, &missing), (&gone, &missing)]
    );
}

async fn ten_thousand(suite: &Suite) {
    const MANY: i64 = 10_000;
    let api = suite.api().company().await;
    let mut file = String::from("Last Name,Email\r\n");
    for n in 0..MANY {
        file.push_str(&format!("Many {n},many{n}@example.com\r\n"));
    }
    let job = api.csv("/leads/import/?wait_seconds=60", file).await.expect(200);
    assert_eq!(job["created"], MANY, "{job}");
    let tagged = json!({"action": "add_tags", "all": true, "params": {"tags": ["many"]}});
    assert_eq!(counts(&act(&api, "leads", tagged).await), [MANY, MANY, 0]);
    assert_eq!(total(&api, "/leads/?tags=many").await, MANY);
    // All of them by their ids, too.
    let sql = "select id::text from leads.leads where company_id = $1::uuid";
    let ids: Vec<String> = sqlx::query_scalar(sql)
        .bind(api.company_id())
        .fetch_all(suite.database())
        .await
        .unwrap();
    let deleted = act(&api, "leads", json!({"action": "delete", "ids": ids})).await;
    assert_eq!(counts(&deleted), [MANY, MANY, 0]);
    assert_eq!(total(&api, "/leads/").await, 0);
    let again = act(&api, "leads", json!({"action": "delete", "ids": ids})).await;
    assert_eq!(counts(&again), [MANY, 0, MANY]);
    assert_eq!(again["failures"].as_array().unwrap().len() as i64, MANY);
    let back = act(&api, "leads", json!({"action": "restore", "all": true})).await;
    assert_eq!(counts(&back), [MANY, MANY, 0]);
    assert_eq!(total(&api, "/leads/?tags=many").await, MANY);
}

async fn more(suite: &Suite) {
    const MANY: i64 = 10_500;
    let api = suite.api().company().await;
    let mut file = String::from("Name\r\n");
    for n in 0..MANY {
        file.push_str(&format!("Many {n}\r\n"));
    }
    let job = api
        .csv("/accounts/import/?wait_seconds=60", file)
        .await
        .expect(200);
    assert_eq!(job["created"], MANY, "{job}");
    let tag = |wait: i64| json!({"action": "add_tags", "all": true, "params": {"tags": ["many"]}, "wait_seconds": wait});
    let begun = api.post("/accounts/bulk-action/", tag(0)).await.expect(202);
    assert_eq!(counts(&begun), [MANY, 0, 0]);
    assert_eq!(begun["job"]["state"], "running", "{begun}");
    let path = format!("/accounts/bulk-actions/{}/", begun["job"]["id"].as_str().unwrap());
    eventually(60, "the action ends", async || {
        api.get(&path).await.expect(200)["job"]["finished_at"] != Value::Null
    })
    .await;
    let end = api.get(&path).await.expect(200);
    assert_eq!(counts(&end), [MANY, MANY, 0], "{end}");
    assert_eq!(end["job"]["state"], "succeeded");
    // Lists only estimate so many.
    let sql = "select count(*) from accounts.accounts where company_id = $1::uuid and tags = '{many}'";
    let tagged: i64 = sqlx::query_scalar(sql)
        .bind(api.company_id())
        .fetch_one(suite.database())
        .await
        .unwrap();
    assert_eq!(tagged, MANY);
    // Who waits gets the same answer at once.
    let answer = api.post("/accounts/bulk-action/", tag(40)).await.expect(200);
    assert_eq!(counts(&answer), [MANY, MANY, 0]);
    let stranger = suite.api().company().await;
    stranger.get(&path).await.problem(404, "not_found");
}

async fn every_kind(suite: &Suite) {
    let api = suite.api().company().await;
    let me = &api.session["user"]["id"];
    for (kind, body) in [
        ("accounts", json!({"name": "A"})),
        ("contacts", json!({"last_name": "A"})),
        ("leads", json!({"last_name": "A"})),
        ("deals", json!({"name": "A"})),
    ] {
        let made = api.post(&format!("/{kind}/"), body).await.expect(201);
        for (action, params) in [
            ("assign_owner", json!({"owner_id": me})),
            ("add_tags", json!({"tags": ["x", "y"]})),
            ("remove_tags", json!({"tags": ["x"]})),
            ("delete", json!({})),
            ("restore", json!({})),
        ] {
            let body = json!({"action": action, "ids": [made["id"]], "params": params});
            assert_eq!(
                counts(&act(&api, kind, body).await),
                [1, 1, 0],
                "{action} of {kind}"
            );
        }
        let path = format!("/{kind}/{}/", made["id"].as_str().unwrap());
        let after = api.get(&path).await.expect(200);
        assert_eq!(
            (&after["owner_id"], &after["tags"]),
            (me, &json!(["y"])),
            "{after}"
        );
        let changes = api.get(&format!("{path}history/")).await.expect(200);
        assert!(changes["changes"].as_array().unwrap().len() >= 4, "{changes}");
    }
}

async fn converts(suite: &Suite) {
    let api = suite.api().company().await;
    let mut ids = Vec::new();
    for n in 0..40 {
        let body = json!({"last_name": format!("Many {n}"), "company_name": format!("Many Co {}", n % 4)});
        ids.push(lead(&api, body).await);
    }
    let lost = format!("/leads/{}/disqualify/", ids[0]);
    api.post(&lost, json!({"reason": "Student"})).await.expect(200);
    let answer = act(&api, "leads", json!({"action": "convert", "ids": ids})).await;
    assert_eq!(counts(&answer), [40, 39, 1], "{answer}");
    assert_eq!(answer["failures"][0]["code"], "wrong_state");
    // What counts as succeeded has ended, not only begun.
    assert_eq!(total(&api, "/leads/?status=converted").await, 39);
    assert_eq!(total(&api, "/accounts/").await, 4);
    assert_eq!(total(&api, "/contacts/").await, 39);
}
