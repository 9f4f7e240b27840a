//! `Idempotency-Key` on any POST.

use std::sync::Arc;

use kontor_integration_tests::api::{Answer, Api};
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "idempotency: a post with a key is done once, however often and at whatever moment it comes",
            is_done_once,
        ),
        trial(
            suite,
            "idempotency: a key says so when it comes with another body, and keeps refusals but no mistakes",
            keeps_what_began,
        ),
        trial(
            suite,
            "idempotency: an import and a conversion with a key are done once",
            is_for_long_work_too,
        ),
    ]
}

async fn post(api: &Api, key: &str, path: &str, body: &Value) -> Answer {
    let request = api
        .request(Method::POST, path)
        .header("idempotency-key", key)
        .json(body);
    api.send(request).await
}

fn is_again(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

async fn total(api: &Api, path: &str) -> Value {
    api.get(path).await.expect(200)["total_size"].clone()
}

async fn is_done_once(suite: &Suite) {
    let api = suite.api().company().await;
    let body = json!({"name": "Once Ltd"});
    let answers =
        futures_util::future::join_all((0..8).map(|_| post(&api, "create-1", "/accounts/", &body))).await;
    assert_eq!(answers.iter().filter(|answer| !is_again(answer)).count(), 1);
    let first = answers[0].json();
    for answer in answers {
        assert_eq!(
            answer.header("location"),
            Some(&*format!("/api/v1/accounts/{}/", first["id"].as_str().unwrap()))
        );
        assert_eq!(answer.expect(201), first);
    }
    assert_eq!(total(&api, "/accounts/").await, 1);
    let other = post(&api, "create-2", "/accounts/", &body).await;
    assert!(!is_again(&other));
    assert_ne!(
        other.expect(201)["id"],
        first["id"],
        "another key is another request"
    );
    // Founding a company works in another tenant than the key's.
    let body = json!({"name": "A second company"});
    let first = post(&api, "found", "/companies/", &body).await.expect(201);
    let again = post(&api, "found", "/companies/", &body).await;
    assert!(is_again(&again));
    assert_eq!(again.expect(201), first);
}

async fn keeps_what_began(suite: &Suite) {
    let api = suite.api().company().await;
    let made = post(&api, "k", "/leads/", &json!({"last_name": "Key"}))
        .await
        .expect(201);
    post(&api, "k", "/leads/", &json!({"last_name": "Other"}))
        .await
        .problem(422, "idempotency_key_reused");
    post(&api, "k", "/accounts/", &json!({"name": "Key"}))
        .await
        .expect(201);
    for again in [false, true] {
        let refused = post(
            &api,
            "ref",
            "/leads/",
            &json!({"last_name": "R", "owner_id": made["id"]}),
        )
        .await;
        assert_eq!(is_again(&refused), again);
        refused.problem(422, "unknown_reference");
        let mistaken = post(&api, "bad", "/leads/", &json!({"email": "x"})).await;
        assert!(!is_again(&mistaken));
        mistaken.expect(400);
    }
    post(&api, "bad", "/leads/", &json!({"last_name": "Mended"}))
        .await
        .expect(201);
    assert_eq!(total(&api, "/leads/").await, 2);
    let other = suite.api().company().await;
    let theirs = post(&other, "k", "/leads/", &json!({"last_name": "Key"})).await;
    assert!(!is_again(&theirs));
    assert_ne!(theirs.expect(201)["id"], made["id"]);
}

async fn is_for_long_work_too(suite: &Suite) {
    let api = suite.api().company().await;
    let import = async |file: &'static str| {
        let request = api.request(Method::POST, "/leads/import/");
        let request = request
            .header("idempotency-key", "file")
            .header("content-type", "text/csv");
        api.send(request.body(file)).await
    };
    let first = import("last_name,company\nOne,A\nTwo,B\n").await;
    let again = import("last_name,company\nOne,A\nTwo,B\n").await;
    assert!(!is_again(&first) && is_again(&again));
    let first = first.expect(200);
    assert_eq!(
        (&first["created"], &first["state"]),
        (&json!(2), &json!("succeeded"))
    );
    assert_eq!(again.expect(200), first);
    import("last_name,company\nThree,C\n")
        .await
        .problem(422, "idempotency_key_reused");
    assert_eq!(total(&api, "/leads/").await, 2);

    let lead = post(
        &api,
        "lead",
        "/leads/",
        &json!({"last_name": "Deal", "company_name": "Convert Inc"}),
    )
    .await
    .expect(201);
    let path = format!("/leads/{}/convert/", lead["id"].as_str().unwrap());
    let wish = json!({"wait_seconds": 30});
    let (one, two) = tokio::join!(
        post(&api, "convert", &path, &wish),
        post(&api, "convert", &path, &wish)
    );
    let (one, two) = match (one.status.as_u16(), two.status.as_u16()) {
        // The conversion took longer than the other one waited.
        (200, 409) => (one, post(&api, "convert", &path, &wish).await),
        (409, 200) => (post(&api, "convert", &path, &wish).await, two),
        _ => (one, two),
    };
    assert_eq!(
        one.expect(200)["conversion"]["id"],
        two.expect(200)["conversion"]["id"]
    );
    assert_eq!(total(&api, "/deals/").await, 1);
}
