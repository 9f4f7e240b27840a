//! Signing in, staying in, and being out at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kontor_integration_tests::api::PASSWORD;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "auth::register_signs_in", register),
        trial(suite, "auth::register_names_every_bad_field", bad_register),
        trial(
            suite,
            "auth::login_answers_the_same_for_a_wrong_password_and_an_unknown_address",
            login,
        ),
        trial(suite, "auth::refresh_rotates_and_reuse_ends_the_session", refresh),
        trial(
            suite,
            "auth::a_session_that_ended_is_refused_everywhere_within_a_second",
            logout,
        ),
        trial(
            suite,
            "auth::switching_the_company_leaves_the_old_token_its_own",
            switch,
        ),
        trial(suite, "auth::keys_are_public", keys),
    ]
}

async fn register(suite: &Suite) {
    let api = suite.api().company().await;
    let session = &api.session;
    assert_eq!(session["role"], "admin");
    assert_eq!(session["tokens"]["token_type"], "Bearer");
    assert_eq!(session["tokens"]["expires_in"], 600);
    assert_eq!(session["company"]["currency"], "USD");
    let me = api.get("/auth/me/").await.expect(200);
    assert_eq!(me["user"]["email"], session["user"]["email"]);
    assert_eq!(me["company"]["id"], session["company"]["id"]);
    assert!(me["permissions"].as_array().is_some_and(|all| {
        all.iter()
            .any(|p| p.as_str().unwrap().starts_with("leads:create"))
    }));
    let taken = json!({
        "email": session["user"]["email"], "password": PASSWORD, "first_name": "A", "last_name": "B", "company_name": "C",
    });
    suite
        .api()
        .post("/auth/register/", taken)
        .await
        .problem(409, "email_taken");
    let patched = api
        .patch(
            "/auth/me/",
            json!({"job_title": "Founder", "time_zone": "Europe/Berlin"}),
        )
        .await
        .expect(200);
    assert_eq!(
        patched["user"]["job_title"]
            .as_str()
            .or(patched["job_title"].as_str()),
        Some("Founder"),
        "{patched}"
    );
}

async fn bad_register(suite: &Suite) {
    let body = json!({"email": "nobody", "password": "short", "first_name": "", "last_name": "", "company_name": ""});
    let problem = suite.api().post("/auth/register/", body).await.expect(400);
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    for field in ["email", "password", "company_name"] {
        assert!(fields.contains(&field), "{problem}");
    }
    let code = |field: &str| {
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["field"] == field)
            .map(|e| e["code"].clone())
            .unwrap()
    };
    assert_eq!(code("password"), "too_short");
    assert_eq!(code("email"), "invalid_email");
}

async fn login(suite: &Suite) {
    let api = suite.api().company().await;
    let email = &api.session["user"]["email"];
    let answer = suite
        .api()
        .post("/auth/login/", json!({"email": email, "password": PASSWORD}))
        .await
        .expect(200);
    assert_eq!(answer["companies"].as_array().unwrap().len(), 1);
    let wrong = suite
        .api()
        .post(
            "/auth/login/",
            json!({"email": email, "password": "wrong password"}),
        )
        .await;
    let unknown = suite
        .api()
        .post(
            "/auth/login/",
            json!({"email": "nobody@example.com", "password": "wrong password"}),
        )
        .await;
    let strip = |mut body: Value| {
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    assert_eq!(
        strip(wrong.problem(401, "invalid_credentials")),
        strip(unknown.problem(401, "invalid_credentials"))
    );
    let upper = email.as_str().unwrap().to_uppercase();
    suite
        .api()
        .post("/auth/login/", json!({"email": upper, "password": PASSWORD}))
        .await
        .expect(200);
}

async fn refresh(suite: &Suite) {
    let api = suite.api().company().await;
    let first = api.session["tokens"]["refresh_token"].clone();
    let refresh = |token: Value| {
        let api = suite.api();
        async move {
            api.post("/auth/refresh-token/", json!({"refresh_token": token}))
                .await
        }
    };
    // Several at once: one succeeds, and the others end nothing.
    let answers = join_all((0..5).map(|_| refresh(first.clone()))).await;
    let mut fresh = Vec::new();
    for answer in answers {
        match answer.status.as_u16() {
            200 => fresh.push(answer.json()),
            _ => drop(answer.problem(401, "token_rotated")),
        }
    }
    assert_eq!(fresh.len(), 1);
    let second = api.signed_in(fresh[0].clone());
    second.get("/auth/me/").await.expect(200);
    let third = second.signed_in(
        refresh(fresh[0]["tokens"]["refresh_token"].clone())
            .await
            .expect(200),
    );
    third.get("/auth/me/").await.expect(200);

    // Long after its rotation the first token is stolen goods: the whole session ends.
    sqlx::query("update identity.refresh_tokens set rotated_at = rotated_at - interval '1 minute' where rotated_at is not null")
        .execute(suite.database())
        .await
        .unwrap();
    assert_eq!(refresh(first).await.status, 401);
    kontor_integration_tests::api::eventually(1, "the session has ended", async || {
        third.get("/auth/me/").await.status == 401
    })
    .await;
    assert_eq!(
        refresh(third.session["tokens"]["refresh_token"].clone())
            .await
            .status,
        401
    );
}

async fn logout(suite: &Suite) {
    let api = suite.api().company().await;
    let paths = ["/leads/", "/accounts/", "/contacts/", "/deals/", "/auth/me/"];
    for path in paths {
        api.get(path).await.expect(200);
    }
    api.post("/auth/logout/", json!({})).await.expect(204);
    let ended = Instant::now();
    for path in paths {
        kontor_integration_tests::api::eventually(1, path, async || api.get(path).await.status == 401).await;
    }
    assert!(
        ended.elapsed() < Duration::from_millis(1500),
        "{:?}",
        ended.elapsed()
    );
    let refresh = json!({"refresh_token": api.session["tokens"]["refresh_token"]});
    assert_eq!(
        suite.api().post("/auth/refresh-token/", refresh).await.status,
        401
    );
}

async fn switch(suite: &Suite) {
    let api = suite.api().company().await;
    let other = api
        .post("/companies/", json!({"name": "Second company"}))
        .await
        .expect(201);
    api.post("/leads/", json!({"last_name": "First's"}))
        .await
        .expect(201);
    let switched = api
        .post("/auth/switch-company/", json!({"company_id": other["id"]}))
        .await
        .expect(200);
    let second = api.signed_in(switched);
    assert_eq!(second.get("/leads/").await.expect(200)["total_size"], 0);
    assert_eq!(api.get("/leads/").await.expect(200)["total_size"], 1);
    let companies = second.get("/auth/companies/").await.expect(200);
    assert_eq!(companies["companies"].as_array().unwrap().len(), 2, "{companies}");
    let stranger = suite.api().company().await;
    api.post(
        "/auth/switch-company/",
        json!({"company_id": stranger.company_id()}),
    )
    .await
    .problem(404, "not_found");
}

async fn keys(suite: &Suite) {
    let keys = suite.api().get("!/.well-known/jwks.json").await.expect(200);
    let key = &keys["keys"][0];
    assert_eq!(key["kty"], "OKP");
    assert_eq!(key["crv"], "Ed25519");
    assert!(key["x"].is_string() && key["kid"].is_string());
    assert!(key.get("d").is_none(), "the private part stays at home");
}
