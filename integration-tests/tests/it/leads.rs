//! Leads: their states and their scores.

use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{conversion::lead, trial};

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "leads::move_through_their_states_and_no_other_way", states),
        trial(suite, "leads::are_scored_by_the_table", scores),
        trial(suite, "leads::are_rescored_when_they_change", rescored),
        trial(suite, "leads::are_counted", stats),
    ]
}

async fn states(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "State"})).await;
    let step = async |verb: &str, body: Value| api.post(&format!("/leads/{id}/{verb}/"), body).await;
    assert_eq!(step("start", json!({})).await.expect(200)["status"], "working");
    let problem = step("start", json!({})).await.problem(409, "wrong_state");
    assert!(
        problem["detail"].as_str().unwrap().contains("working"),
        "{problem}"
    );
    step("reopen", json!({})).await.problem(409, "wrong_state");
    let problem = step("disqualify", json!({})).await.expect(400);
    assert_eq!(problem["errors"][0]["field"], "reason");
    let lost = step("disqualify", json!({"reason": "No budget"}))
        .await
        .expect(200);
    assert_eq!(
        (&lost["status"], &lost["disqualified_reason"]),
        (&json!("disqualified"), &json!("No budget"))
    );
    step("qualify", json!({})).await.problem(409, "wrong_state");
    let back = step("reopen", json!({})).await.expect(200);
    assert_eq!(
        (&back["status"], &back["disqualified_reason"]),
        (&json!("working"), &Value::Null)
    );
    assert_eq!(
        step("qualify", json!({})).await.expect(200)["status"],
        "qualified"
    );
    for field in ["status", "score"] {
        let problem = api
            .patch(&format!("/leads/{id}/"), json!({field: 1}))
            .await
            .expect(400);
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
            (&json!(field), &json!("read_only"))
        );
    }
}

async fn scores(suite: &Suite) {
    let api = suite.api().company().await;
    let full = json!({
        "last_name": "Full", "email": "full@example.com", "mobile": "+49 30 1234567", "company_name": "Full GmbH", "industry": "Energy",
        "annual_revenue": {"amount": "0", "currency": "EUR"}, "budget": {"amount": "1", "currency": "EUR"}, "rating": "hot",
    });
    for (body, score) in [
        (json!({"last_name": "Bare"}), 10),
        (json!({"last_name": "Mail", "email": "mail@example.com"}), 20),
        (json!({"last_name": "Warm", "rating": "warm"}), 20),
        (json!({"last_name": "Cold", "rating": "cold"}), 10),
        (
            json!({"last_name": "Nothing to spend", "budget": {"amount": "0", "currency": "USD"}}),
            10,
        ),
        (full, 85),
    ] {
        let answer = api.post("/leads/", body).await.expect(201);
        assert_eq!(answer["score"], score, "{answer}");
    }
    let id = api.get("/leads/?order_by=-score&page_size=1").await.expect(200)["leads"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let scored = api
        .post(&format!("/leads/{id}/score/"), json!({}))
        .await
        .expect(200);
    assert_eq!(scored["score"], 85);
    assert_eq!(scored["rating"], "hot");
    let factors: Vec<(&str, i64, i64)> = scored["factors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            (
                f["factor"].as_str().unwrap(),
                f["points"].as_i64().unwrap(),
                f["max_points"].as_i64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("email", 10, 10),
        ("phone", 5, 5),
        ("company", 10, 10),
        ("industry", 5, 5),
        ("revenue", 10, 10),
        ("budget", 15, 15),
        ("rating", 20, 20),
        ("engagement", 0, 15),
        ("recency", 10, 10),
    ];
    assert_eq!(factors, expected);
}

async fn rescored(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "Grows"})).await;
    let path = format!("/leads/{id}/");
    assert_eq!(
        api.patch(&path, json!({"email": "grows@example.com", "rating": "hot"}))
            .await
            .expect(200)["score"],
        40
    );
    assert_eq!(
        api.patch(&path, json!({"email": null, "rating": "warm"}))
            .await
            .expect(200)["score"],
        20
    );
}

async fn stats(suite: &Suite) {
    let api = suite.api().company().await;
    for (source, rating) in [("event", "hot"), ("event", "cold"), ("website", "hot")] {
        lead(
            &api,
            json!({"last_name": "Counted", "source": source, "rating": rating}),
        )
        .await;
    }
    let id = lead(&api, json!({"last_name": "Converted"})).await;
    api.post(&format!("/leads/{id}/convert/"), json!({"wait_seconds": 30}))
        .await
        .expect(200);
    let stats = api.get("/leads/stats/").await.expect(200);
    assert_eq!(stats["total"], 4);
    let count = |list: &str, value: Value| {
        stats[list]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["value"] == value)
            .map_or(0, |e| e["count"].as_i64().unwrap())
    };
    assert_eq!(count("by_source", json!("event")), 2);
    assert_eq!(count("by_source", Value::Null), 1);
    assert_eq!(count("by_status", json!("converted")), 1);
    assert_eq!(stats["conversion_rate"], 0.25);
    assert!(stats["median_days_to_convert"].is_number());
    let histogram = stats["score_histogram"].as_array().unwrap();
    assert_eq!(
        histogram
            .iter()
            .map(|bin| bin["count"].as_i64().unwrap())
            .sum::<i64>(),
        4
    );
}
