//! Bad input gets a clear 4xx that names every bad field; never a 5xx, never a half-done write.

use std::collections::BTreeSet;
use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "bad_input::bodies_that_are_no_json_are_400", bodies),
        trial(suite, "bad_input::every_bad_field_is_named_at_once", fields),
        trial(suite, "bad_input::ids_that_are_none_are_4xx", ids),
        trial(suite, "bad_input::the_http_layer_speaks_problem_too", http_layer),
        trial(suite, "bad_input::tokens_that_are_none_are_401", tokens),
        trial(suite, "bad_input::routes_not_built_yet_are_501", not_yet),
        trial(suite, "bad_input::the_contract_is_served_as_openapi", openapi),
    ]
}

async fn bodies(suite: &Suite) {
    let api = suite.api().company().await;
    let deep = format!(
        "{{\"custom_fields\": {}{}}}",
        "{\"a\":".repeat(2_000),
        "1".to_owned() + &"}".repeat(2_000)
    );
    let cases: Vec<(Vec<u8>, u16)> = vec![
        (b"{".to_vec(), 400),
        (b"[]".to_vec(), 400),
        (b"null".to_vec(), 400),
        (b"\"text\"".to_vec(), 400),
        (b"{\"last_name\": \"\xFF\xFE\"}".to_vec(), 400),
        (b"{\"last_name\": \"nul \\u0000\"}".to_vec(), 400),
        (b"{\"last_name\": \"a\", \"last_name\": \"b\"}".to_vec(), 400),
        (b"{\"last_name\": \"\\ud800\"}".to_vec(), 400),
        (b"{\"last_name\": \"x\"} trailing".to_vec(), 400),
        (deep.into_bytes(), 400),
        (
            format!("{{\"last_name\": \"{}\"}}", "x".repeat(2 << 20)).into_bytes(),
            413,
        ),
    ];
    for (body, status) in cases {
        let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = api.raw("/leads/", "application/json", body).await;
        assert_eq!(answer.status, status, "{start}: {}", answer.text);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{start}"
        );
    }
    api.raw("/leads/", "text/plain", "{\"last_name\": \"x\"}")
        .await
        .expect(415);
    let packed = api
        .request(reqwest::Method::POST, "/leads/")
        .header("content-encoding", "gzip")
        .json(&json!({"last_name": "x"}));
    api.send(packed).await.expect(415);
    assert_eq!(
        api.get("/leads/").await.expect(200)["total_size"],
        0,
        "nothing was written"
    );
}

async fn fields(suite: &Suite) {
    let api = suite.api().company().await;
    let body = json!({
        "last_name": 7, "email": "no", "phone": "call me", "website": "javascript:alert(1)", "rating": "lukewarm", "colour": "red", "score": 99,
        "employee_count": "ten", "budget": {"amount": 12.5, "currency": "Taler"}, "address": {"country": "Germany", "planet": "Earth"},
        "tags": ["fine", 1], "owner_id": "me",
    });
    let problem = api.post("/leads/", body).await.problem(400, "invalid_fields");
    let named: BTreeSet<String> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    for field in [
        "last_name",
        "email",
        "phone",
        "website",
        "owner_id",
        "budget.currency",
        "address.country",
        "rating",
        "colour",
        "score",
        "employee_count",
        "budget.amount",
        "address.planet",
        "tags[1]",
    ] {
        assert!(named.contains(field), "{field} is not in {named:?}");
    }
    let body = json!({
        "last_name": "x".repeat(10_000), "email": "no", "website": "javascript:alert(1)", "budget": {"amount": "1.23456", "currency": "Taler"},
        "address": {"country": "Germany"}, "employee_count": -1,
    });
    let problem = api.post("/leads/", body).await.problem(400, "invalid_fields");
    let named: BTreeSet<String> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    for field in [
        "last_name",
        "email",
        "website",
        "budget.amount",
        "budget.currency",
        "address.country",
        "employee_count",
    ] {
        assert!(named.contains(field), "{field} is not in {named:?}");
    }
    let problem = api
        .post("/leads/", json!({"last_name": "x", "rating": "lukewarm"}))
        .await
        .expect(400);
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("hot") && message.contains("warm") && message.contains("cold"),
        "{problem}"
    );
    let problem = api
        .post(
            "/leads/",
            json!({"last_name": "x", "custom_fields": {"unheard": 1}}),
        )
        .await
        .expect(400);
    assert_eq!(
        problem["errors"][0]["field"], "custom_fields.unheard",
        "{problem}"
    );
}

async fn ids(suite: &Suite) {
    let api = suite.api().company().await;
    for plural in ["leads", "accounts", "contacts", "deals"] {
        for id in [
            "1",
            "not-a-uuid",
            "00000000-0000-0000-0000-000000000000",
            "%00",
            "..%2F..",
            "'%20or%201=1",
        ] {
            let answer = api.get(&format!("/{plural}/{id}/")).await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 404),
                "{plural} {id}: {}",
                answer.text
            );
            let answer = api
                .patch(&format!("/{plural}/{id}/"), json!({"description": "x"}))
                .await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 404),
                "{plural} {id}: {}",
                answer.text
            );
        }
    }
}

async fn http_layer(suite: &Suite) {
    let api = suite.api().company().await;
    api.get("/nothing/").await.problem(404, "not_found");
    let answer = api
        .send(api.request(reqwest::Method::PUT, "/leads/").json(&json!({})))
        .await;
    assert!(
        answer
            .header("allow")
            .is_some_and(|verbs| verbs.contains("GET") && verbs.contains("POST")),
        "{answer:?}"
    );
    answer.problem(405, "method_not_allowed");
    let endless = endless(suite.gateway()).await;
    assert!(endless.starts_with("HTTP/1.1 414 "), "{endless}");
    assert!(
        endless.contains("x-request-id: ") && endless.contains("\"code\":\"uri_too_long\""),
        "{endless}"
    );
    for (name, value) in [("x-content-type-options", "nosniff")] {
        assert_eq!(api.get("/leads/").await.header(name), Some(value));
    }
}

/// The answer to a URI that is longer than any client of a library would send.
async fn endless(gateway: &str) -> String {
    let authority = gateway.trim_start_matches("http://");
    let mut socket = TcpStream::connect(authority).await.unwrap();
    let uri = format!("/api/v1/leads/?search={}", "x".repeat(70_000));
    let request = format!("GET {uri} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn tokens(suite: &Suite) {
    let api = suite.api();
    // Before the body is looked at, and before the id is.
    for token in [
        None,
        Some("x"),
        Some("a.b.c"),
        Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
    ] {
        let mut caller = api.clone();
        caller.token = token.map(str::to_owned);
        caller.raw("/leads/", "application/json", "{").await.expect(401);
        caller.get("/leads/nonsense/").await.expect(401);
    }
}

async fn not_yet(suite: &Suite) {
    let api = suite.api().company().await;
    api.get("/agenda/").await.problem(501, "not_implemented");
    api.get("/activities/").await.problem(501, "not_implemented");
}

async fn openapi(suite: &Suite) {
    let document = suite.api().get("/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let lead = &document["components"]["schemas"]["Lead"];
    assert!(
        lead["properties"]["score"]["readOnly"] == Value::Bool(true),
        "{lead}"
    );
    assert!(document["paths"].as_object().unwrap().len() > 100);
    assert!(
        document
            .to_string()
            .contains("A person who may become a customer."),
        "the protos' comments are in it"
    );
    let page = suite.api().get("!/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").is_some());
    assert!(!page.text.contains("https://cdn"), "it works offline");
}
