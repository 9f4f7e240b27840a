//! One trace from the click to the last consumer.

use std::collections::BTreeSet;
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
            "tracing::one_trace_crosses_gateway_services_sql_and_rabbitmq",
            one_trace,
        ),
        trial(suite, "tracing::a_request_id_comes_back", request_id),
    ]
}

async fn one_trace(suite: &Suite) {
    let api = suite.api().company().await;
    let lead = api
        .post(
            "/leads/",
            json!({"last_name": "Traced", "company_name": "Traced"}),
        )
        .await
        .expect(201);
    let trace_id = format!("{:032x}", uuid::Uuid::now_v7().as_u128());
    let path = format!("/leads/{}/convert/", lead["id"].as_str().unwrap());
    let request = api
        .request(reqwest::Method::POST, &path)
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"))
        .json(&json!({"wait_seconds": 30}));
    api.send(request).await.expect(200);

    let services = ["gateway", "leads", "accounts", "contacts", "deals"];
    eventually(
        30,
        "spans of every service, of SQL and of RabbitMQ under one trace",
        async || {
            let spans = suite.telemetry().trace(&trace_id);
            let named: BTreeSet<&str> = services
                .into_iter()
                .filter(|service| spans.iter().any(|span| span.service.contains(service)))
                .collect();
            let in_namespace = |service: &str, space: &str| {
                spans
                    .iter()
                    .any(|span| span.service.contains(service) && span.namespaces.contains(space))
            };
            named.len() == services.len()
                && ["leads", "accounts", "contacts", "deals"]
                    .into_iter()
                    .all(|service| in_namespace(service, "db") && in_namespace(service, "messaging"))
        },
    )
    .await;
}

async fn request_id(suite: &Suite) {
    let api = suite.api();
    let request = api
        .request(reqwest::Method::GET, "/auth/me/")
        .header("x-request-id", "click-42");
    let answer = api.send(request).await;
    assert_eq!(answer.header("x-request-id"), Some("click-42"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.problem(401, "unauthenticated")["request_id"], "click-42");
    assert!(
        api.get("/auth/me/")
            .await
            .header("x-request-id")
            .is_some_and(|id| id.len() >= 8)
    );
}
