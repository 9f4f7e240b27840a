//! JSON in, JSON out.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, told};

#[tokio::test]
async fn a_create_answers_201_with_place_etag_and_the_whole_record() {
    let world = World::begin().await;
    for path in ["/api/v1/leads", "/api/v1/leads/"] {
        let request = world
            .ask(Method::POST, path)
            .header("x-request-id", "r-1")
            .json(&json!({"last_name": "Ada"}));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("location"), "/api/v1/leads/7/");
        assert_eq!(
            (header("etag"), header("x-request-id")),
            ("\"1\"".to_owned(), "r-1".to_owned())
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        let lead: Value = response.json().await.unwrap();
        assert_eq!(
            (&lead["last_name"], &lead["email"], &lead["tags"]),
            (&json!("Ada"), &Value::Null, &json!([]))
        );
    }
    let seen = world.leads.0.lock().unwrap();
    assert_eq!(seen.metadata[0].get("x-request-id").unwrap(), "r-1");
    assert_eq!(seen.metadata[0].get("x-forwarded-for").unwrap(), "127.0.0.1");
}

#[tokio::test]
async fn what_a_service_refuses_is_a_problem() {
    let world = World::begin().await;
    let (status, problem) = told(world.ask(Method::POST, "/api/v1/leads/").json(&json!({}))).await;
    assert_eq!(
        (status, &problem["code"], &problem["status"]),
        (400, &json!("required"), &json!(400))
    );
    assert_eq!(problem["errors"][0]["field"], "last_name");
    assert!(problem["request_id"].as_str().unwrap().len() > 10);
    let response = world
        .ask(Method::GET, "/api/v1/leads/merged/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (404, &"application/problem+json".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["winner_id"], "8");
    let (status, problem) = told(world.ask(Method::GET, "/api/v1/leads/broken/")).await;
    assert_eq!((status, problem.to_string().contains("secrets")), (500, false));
    let (status, problem) = told(world.ask(Method::GET, "/api/v1/leads/stats/")).await;
    assert_eq!((status, &problem["code"]), (501, &json!("not_implemented")));
}

#[tokio::test]
async fn bad_bodies_are_refused_by_name() {
    let world = World::begin().await;
    let post = |body: &str| {
        world
            .ask(Method::POST, "/api/v1/leads/")
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    for (body, code) in [
        ("{\"last_name\": ", "malformed_json"),
        ("", "malformed_json"),
        ("[]", "invalid_type"),
        ("{\"last_name\": 5}", "invalid_type"),
        ("{\"last_name\": \"A\", \"nope\": 1}", "unknown_field"),
        ("{\"last_name\": \"A\", \"source\": \"tv\"}", "unknown_value"),
        ("{\"last_name\": \"A\", \"score\": 1}", "read_only"),
        ("{\"last_name\": \"A\\u0000\"}", "invalid_text"),
        ("{\"last_name\": \"A\\ud800\"}", "invalid_text"),
        ("{\"last_name\": \"A\", \"last_name\": \"B\"}", "duplicate_key"),
    ] {
        let (status, problem) = told(post(body)).await;
        assert_eq!((status, &problem["code"]), (400, &json!(code)), "{body}");
    }
    let (status, problem) = told(post("{\"source\": \"tv\", \"budget\": {\"amount\": 5}}")).await;
    assert_eq!(
        (status, problem["errors"].as_array().unwrap().len()),
        (400, 3),
        "{problem}"
    );
    let deep = format!(
        "{{\"custom_fields\": {}1{}}}",
        "{\"a\":".repeat(100),
        "}".repeat(100)
    );
    assert_eq!(told(post(&deep)).await.0, 400);
    let invalid = world
        .ask(Method::POST, "/api/v1/leads/")
        .header("content-type", "application/json");
    assert_eq!(
        told(invalid.body(b"{\"last_name\": \"\xff\"}".to_vec())).await.1["code"],
        "malformed_json"
    );
    let long = format!("{{\"last_name\": \"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(told(post(&long)).await.0, 413);
    let text = world
        .ask(Method::POST, "/api/v1/leads/")
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(told(text).await.0, 415);
    assert_eq!(told(post("{}").header("content-encoding", "gzip")).await.0, 415);
}

#[tokio::test]
async fn what_the_gateway_and_what_a_service_finds_is_told_at_once() {
    let world = World::begin().await;
    let post = |body: Value| {
        world
            .ask(Method::POST, "/api/v1/leads/")
            .header("idempotency-key", "k")
            .json(&body)
    };
    let fields = |problem: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| (text(&error["field"]), text(&error["code"])))
            .collect()
    };
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    let (status, problem) = told(post(
        json!({"nope": 1, "source": "tv", "email": "nowhere", "last_name": ""}),
    ))
    .await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_fields")));
    assert_eq!(
        fields(&problem),
        [
            pair("nope", "unknown_field"),
            pair("source", "unknown_value"),
            pair("last_name", "required"),
            pair("email", "invalid_email"),
        ]
    );
    // The service never saw the name, so that it can't say anything about it.
    let (_, problem) = told(post(json!({"last_name": 5, "email": "nowhere"}))).await;
    assert_eq!(
        fields(&problem),
        [pair("last_name", "invalid_type"), pair("email", "invalid_email")]
    );
    // All else is well: nothing is made of it nonetheless.
    let (status, problem) = told(post(json!({"last_name": "Ada", "nope": 1}))).await;
    assert_eq!(
        (status, fields(&problem)),
        (400, vec![pair("nope", "unknown_field")])
    );
    for sent in &world.leads.0.lock().unwrap().metadata {
        assert!(sent.contains_key("kontor-trial") && !sent.contains_key("idempotency-key"));
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let world = World::begin().await;
    let long = "x".repeat(6 << 20);
    let request = world
        .client
        .post(format!("{}/api/v1/leads/", world.base))
        .header("content-type", "application/json");
    let response = request.body(long).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_patch_sends_what_changed_and_what_it_is_based_on() {
    let world = World::begin().await;
    let patch = |etag: &str| {
        world
            .ask(Method::PATCH, "/api/v1/leads/7/")
            .header("if-match", etag)
            .header("content-type", "application/merge-patch+json")
            .body(r#"{"email": null, "address": {"city": "Rome"}, "custom_fields": {"size": 3}}"#)
    };
    assert_eq!(told(patch("\"7\"")).await.0, 200);
    let (status, problem) = told(patch("\"6\"")).await;
    assert_eq!((status, &problem["code"]), (412, &json!("stale_etag")));
    let update = world.leads.0.lock().unwrap().updates[0].clone();
    assert_eq!((update.id.as_str(), update.etag.as_str()), ("7", "7"));
    assert_eq!(
        update.update_mask.unwrap().paths,
        ["email", "address.city", "custom_fields.size"]
    );
    assert_eq!(
        update.lead.unwrap().address.unwrap().city.as_deref(),
        Some("Rome")
    );
}

#[tokio::test]
async fn lists_take_filters_and_deletes_answer_nothing() {
    let world = World::begin().await;
    let (status, page) = told(world.ask(
        Method::GET,
        "/api/v1/leads/?status=new&page_size=2&include_total=false",
    ))
    .await;
    assert_eq!((status, page["leads"].as_array().unwrap().len()), (200, 2));
    let list = world.leads.0.lock().unwrap().lists[0].query.clone().unwrap();
    assert_eq!(
        (list.page_size, list.field_filters[0].parameter.as_str()),
        (2, "status")
    );
    let (status, problem) = told(world.ask(Method::GET, "/api/v1/leads/?page_size=x")).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (400, &json!("page_size"))
    );
    let response = world.ask(Method::DELETE, "/api/v1/leads/7").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.bytes().await.unwrap().len()),
        (204, 0)
    );
    let qualified = world
        .ask(Method::POST, "/api/v1/leads/7/qualify/")
        .send()
        .await
        .unwrap();
    assert_eq!(qualified.status(), 202, "the service may choose the status");
    let (status, problem) = told(
        world
            .ask(Method::POST, "/api/v1/leads/7/qualify/")
            .json(&json!({"a": 1})),
    )
    .await;
    assert_eq!((status, &problem["code"]), (400, &json!("unknown_field")));
}

#[tokio::test]
async fn wrong_paths_and_verbs_are_problems() {
    let world = World::begin().await;
    let (status, problem) = told(world.ask(Method::GET, "/api/v1/nothing")).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    let response = world.ask(Method::PUT, "/api/v1/leads/").send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, POST, HEAD, OPTIONS");
    assert_eq!(
        response.json::<Value>().await.unwrap()["code"],
        "method_not_allowed"
    );
    let head = world.ask(Method::HEAD, "/api/v1/leads/7").send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["etag"]),
        (200, &"\"7\"".parse().unwrap())
    );
}

#[tokio::test]
async fn a_service_that_is_down_is_named_and_the_others_go_on() {
    let world = World::begin().await;
    let response = world.client.post(format!("{}/api/v1/auth/login/", world.base));
    let response = response
        .json(&json!({"email": "a@b.c", "password": "p"}))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers().contains_key("retry-after")
        ),
        (503, true)
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "service_unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("identity"));
    assert_eq!(told(world.ask(Method::GET, "/api/v1/leads/7/")).await.0, 200);
    // Identity is down; the leads service of this test has no health of its own.
    let (status, report) = told(world.ask(Method::GET, "/readyz")).await;
    assert_eq!(
        (status, &report["checks"]["identity"]["status"]),
        (503, &json!("unavailable"))
    );
    assert_eq!(told(world.ask(Method::GET, "/healthz")).await.0, 200);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let world = World::with(&[("rate_limit_sign_in", "2")]).await;
    let login = || {
        let login = world.client.post(format!("{}/api/v1/auth/login/", world.base));
        login.json(&json!({"email": "a@b.c", "password": "p"})).send()
    };
    for _ in 0..2 {
        assert_eq!(login().await.unwrap().status(), 503);
    }
    let response = login().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers().contains_key("retry-after")
        ),
        (429, true)
    );
    let standing = response.headers()["ratelimit"].to_str().unwrap();
    assert!(standing.starts_with("\"sign-in\";r=0;"), "{standing}");
    // A refusal tells it too.
    for path in ["/api/v1/leads/7/", "/api/v1/leads/merged/"] {
        let response = world.ask(Method::GET, path).send().await.unwrap();
        assert_eq!(response.headers()["ratelimit-policy"], "\"caller\";q=6000;w=60");
    }
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_too() {
    let world = World::begin().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let request = client
        .get(format!("{}/api/v1/leads/7/", world.base))
        .header("authorization", &world.token);
    let response = request.send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, reqwest::Version::HTTP_2)
    );
}

#[tokio::test]
async fn the_document_and_its_explorer_need_nothing_from_elsewhere() {
    let world = World::begin().await;
    let get = |path: &str| world.client.get(format!("{}{path}", world.base)).send();
    let document: Value = get("/api/v1/openapi.json").await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, media) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/explorer.js", "text/javascript; charset=utf-8"),
        ("/docs/explorer.css", "text/css; charset=utf-8"),
    ] {
        let response = get(path).await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                response.headers()["content-type"].to_str().unwrap()
            ),
            (200, media)
        );
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let text = response.text().await.unwrap();
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path} names another place"
        );
    }
}
