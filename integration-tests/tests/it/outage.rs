//! A service that is down answers 503, and the rest goes on.

use std::sync::Arc;

use kontor_integration_tests::api::eventually;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "outage::of_one_service_is_a_503_and_the_rest_goes_on",
            one_service,
        ),
        trial(
            suite,
            "outage::of_the_broker_stops_neither_reads_nor_writes",
            the_broker,
        ),
        trial(
            suite,
            "outage::every_process_ends_with_0_when_told_to",
            told_to_end,
        ),
    ]
}

async fn one_service(suite: &Suite) {
    suite.make_whole().await;
    let api = suite.api().company().await;
    suite.kill("deals").await;
    let answer = api.get("/deals/").await;
    assert!(answer.header("retry-after").is_some());
    answer.problem(503, "service_unavailable");
    let lead = api
        .post("/leads/", json!({"last_name": "Goes on"}))
        .await
        .expect(201);
    let answer = api
        .post(
            &format!("/leads/{}/convert/", lead["id"].as_str().unwrap()),
            json!({"wait_seconds": 1}),
        )
        .await
        .expect(202);
    assert_eq!(answer["conversion"]["state"], "running");
    suite.revive("deals").await;
    eventually(30, "the conversion ends by itself", async || {
        api.get(&format!("/leads/{}/", lead["id"].as_str().unwrap()))
            .await
            .expect(200)["status"]
            == "converted"
    })
    .await;
}

async fn the_broker(suite: &Suite) {
    suite.make_whole().await;
    let api = suite.api().company().await;
    suite.kill("broker").await;
    let lead = api
        .post("/leads/", json!({"last_name": "Patient"}))
        .await
        .expect(201);
    let path = format!("/leads/{}/", lead["id"].as_str().unwrap());
    api.patch(&path, json!({"title": "Patient"})).await.expect(200);
    assert_eq!(
        api.post(&format!("{path}convert/"), json!({"wait_seconds": 1}))
            .await
            .expect(202)["conversion"]["state"],
        "running"
    );
    eventually(30, "readyz names the broker", async || {
        let answer = api.get("!/readyz").await;
        answer.status == 200 && answer.json()["status"] == "degraded"
    })
    .await;
    suite.revive("broker").await;
    eventually(60, "the conversion ends by itself", async || {
        api.get(&path).await.expect(200)["status"] == "converted"
    })
    .await;
    eventually(30, "readyz is ready again", async || {
        api.get("!/readyz").await.json()["status"] == "ready"
    })
    .await;
}

async fn told_to_end(suite: &Suite) {
    suite.make_whole().await;
    for name in ["leads", "gateway", "identity"] {
        assert_eq!(suite.terminate(name).await, Some(0), "{name} on SIGTERM");
        suite.revive(name).await;
    }
}
