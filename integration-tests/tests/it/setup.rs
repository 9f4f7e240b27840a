//! What a company sets up for itself: fields of its own, and saved views.

use std::sync::Arc;

use kontor_integration_tests::api::Api;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "setup: a field of the company's own is defined, filled, filtered, sorted, exported and removed",
            has_fields_of_its_own,
        ),
        trial(
            suite,
            "setup: a view is saved, judged as a list would judge it, and shared",
            has_views,
        ),
    ]
}

/// The kinds, each with what a record of it needs.
fn kinds() -> [(&'static str, Value); 4] {
    [
        ("accounts", json!({"name": "A"})),
        ("contacts", json!({"last_name": "A"})),
        ("leads", json!({"last_name": "A"})),
        ("deals", json!({"name": "A"})),
    ]
}

fn with(body: &Value, custom: Value) -> Value {
    let mut body = body.clone();
    body["custom_fields"] = custom;
    body
}

async fn has_fields_of_its_own(suite: &Suite) {
    let api = suite.api().company().await;
    for (kind, body) in kinds() {
        let (fields, list) = (format!("/{kind}/fields/"), format!("/{kind}/"));
        let size = api.post(&fields, json!({"key": "size", "type": "number"})).await;
        assert_eq!(
            size.header("location"),
            Some(&*format!("/api/v1/{kind}/fields/size/"))
        );
        let size = size.expect(201);
        assert_eq!(
            (&size["label"], &size["built_in"]),
            (&json!("Size"), &json!(false))
        );
        let tier = json!({"key": "tier", "type": "choice", "choices": ["Gold", "Silver"], "label": "Stufe"});
        api.post(&fields, tier).await.expect(201);
        api.post(&fields, json!({"key": "size", "type": "date"}))
            .await
            .problem(409, "field_exists");
        api.post(&fields, json!({"key": "x", "type": "number", "built_in": true}))
            .await
            .problem(400, "read_only");
        let listed = api.get(&fields).await.expect(200);
        let own = listed["fields"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|field| field["built_in"] == false)
            .count();
        assert_eq!(own, 2, "{listed}");
        guarded(&api, &format!("{fields}tier/"), "label").await;
        assert!(listed["fields"].as_array().unwrap().len() > 10);

        let problem = api
            .post(
                &list,
                with(&body, json!({"size": "5", "tier": "Bronze", "no": 1})),
            )
            .await
            .expect(400);
        let told: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["field"].as_str().unwrap())
            .collect();
        assert_eq!(told.len(), 3, "{problem}");
        for size in [2, 10, 1] {
            api.post(&list, with(&body, json!({"size": size, "tier": "Gold"})))
                .await
                .expect(201);
        }
        let sizes = async |query: &str| -> Vec<Value> {
            let page = api.get(&format!("/{kind}/?{query}")).await.expect(200);
            page[kind]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["custom_fields"]["size"].clone())
                .collect()
        };
        assert_eq!(sizes("order_by=-custom_fields.size").await, [10, 2, 1]);
        assert_eq!(
            sizes("custom_fields.size_min=2&order_by=custom_fields.size").await,
            [2, 10]
        );
        assert_eq!(sizes("filter=custom_fields.size%20%3C%202").await, [1]);
        let id = api
            .get(&format!("/{kind}/?custom_fields.size=10"))
            .await
            .expect(200)[kind][0]["id"]
            .clone();
        let path = format!("/{kind}/{}/", id.as_str().unwrap());
        let patched = api
            .patch(&path, json!({"custom_fields": {"size": 11, "tier": null}}))
            .await
            .expect(200);
        assert_eq!(patched["custom_fields"], json!({"size": 11}));
        let csv = api
            .get(&format!(
                "/{kind}/export/?columns=custom_fields.size,custom_fields.tier&order_by=custom_fields.size"
            ))
            .await;
        assert_eq!(
            csv.text,
            "custom_fields.size,custom_fields.tier\r\n1,Gold\r\n2,Gold\r\n11,\r\n"
        );

        api.patch(
            &format!("{fields}tier/"),
            json!({"label": "Tier", "required": true}),
        )
        .await
        .expect(200);
        api.post(&list, body.clone()).await.problem(400, "required");
        assert_eq!(api.delete(&format!("{fields}size/")).await.status, 204);
        assert_eq!(api.get(&path).await.expect(200)["custom_fields"], json!({}));
        api.get(&format!("/{kind}/?order_by=custom_fields.size"))
            .await
            .expect(400);
        let other = suite.api().company().await;
        other
            .delete(&format!("{fields}tier/"))
            .await
            .problem(404, "not_found");
    }
}

/// A change and a removal that are based on what was there before are refused.
async fn guarded(api: &Api, path: &str, field: &str) {
    let change = |value: &str| {
        api.request(reqwest::Method::PATCH, path)
            .json(&json!({field: value}))
    };
    let before = api.send(change("Before")).await;
    let etag = before.header("etag").unwrap().to_owned();
    let before = before.expect(200);
    assert_eq!(etag, format!("\"{}\"", before["etag"].as_str().unwrap()));
    api.send(change("Now").header("if-match", &etag))
        .await
        .expect(200);
    let stale = api.send(change("Then").header("if-match", &etag)).await;
    stale.problem(412, "stale_etag");
    let stale = api
        .send(
            api.request(reqwest::Method::DELETE, path)
                .header("if-match", &etag),
        )
        .await;
    stale.problem(412, "stale_etag");
}

async fn has_views(suite: &Suite) {
    let api = suite.api().company().await;
    for (kind, _) in kinds() {
        let views = format!("/{kind}/views/");
        let view = json!({
            "name": "Mine", "order_by": "-created_at", "filter": "tags:vip", "kind": "board",
            "columns": [{"field": "created_at", "width": 100}, {"field": "owner"}],
        });
        let made = api.post(&views, view.clone()).await.expect(201);
        assert_eq!(
            (&made["kind"], &made["shared"], &made["columns"][0]["width"]),
            (&json!("board"), &json!(false), &json!(100))
        );
        let mut wrong = view.clone();
        wrong["filter"] = json!("tags:");
        let problem = api.post(&views, wrong).await.problem(400, "syntax");
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["position"]),
            (&json!("filter"), &json!(5))
        );
        let path = format!("{views}{}/", made["id"].as_str().unwrap());
        let patched = api
            .patch(&path, json!({"name": "Ours", "shared": true, "columns": []}))
            .await
            .expect(200);
        assert_eq!(
            (&patched["name"], &patched["filter"], &patched["columns"]),
            (&json!("Ours"), &json!("tags:vip"), &json!([]))
        );
        assert_ne!(patched["etag"], made["etag"]);
        guarded(&api, &path, "name").await;
        suite
            .api()
            .company()
            .await
            .delete(&path)
            .await
            .problem(404, "not_found");
        assert_eq!(api.delete(&path).await.status, 204);
        assert_eq!(api.get(&views).await.expect(200)["views"], json!([]));
    }
}
