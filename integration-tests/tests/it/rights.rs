//! Who may what, proved on the running suite: keys of programs, roles, and what is noted of it all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::rpc;
use kontor_integration_tests::suite::Suite;
use kontor_proto::DESCRIPTORS;
use libtest_mimic::Trial;
use prost_reflect::DynamicMessage;
use reqwest::Method;
use serde_json::json;
use tonic::Code;

use crate::people::{everywhere, refused_everywhere};
use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "rights::an_api_key_works_at_every_service_and_is_refused_within_a_second_of_its_end",
            api_key,
        ),
        trial(
            suite,
            "rights::the_audit_log_tells_who_changed_which_record_from_where",
            audit_log,
        ),
        trial(
            suite,
            "rights::a_role_of_ones_own_reaches_as_far_as_it_says",
            own_role,
        ),
        trial(
            suite,
            "rights::a_new_signing_key_is_published_and_nobody_is_signed_out",
            rotation,
        ),
        trial(
            suite,
            "rights::a_second_factor_is_asked_for_after_the_password",
            second_factor,
        ),
    ]
}

pub(crate) fn breaking_trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "rights::without_the_broker_an_ended_session_is_refused_everywhere_within_a_second",
        without_the_broker,
    )]
}

/// A founder with a proved address.
async fn founder(suite: &Suite) -> Api {
    let api = suite.api().company().await;
    let id = api.session["user"]["id"].as_str().unwrap();
    sqlx::query("update identity.users set email_verified_at = now() where id = $1::uuid")
        .bind(id)
        .execute(suite.database())
        .await
        .unwrap();
    api
}

fn with_token(suite: &Suite, token: &str) -> Api {
    let mut api = suite.api();
    api.token = Some(token.to_owned());
    api
}

/// What the service leads itself says to this token.
async fn at_leads(suite: &Suite, token: &str) -> Result<(), Code> {
    let service = DESCRIPTORS
        .get_service_by_name("kontor.leads.v1.LeadService")
        .unwrap();
    let method = service
        .methods()
        .find(|method| method.name() == "ListLeads")
        .unwrap();
    let channel = suite.channel("leads").await;
    let message = DynamicMessage::new(method.input());
    rpc::unary(&channel, &method, Some(token), &message)
        .await
        .map(drop)
        .map_err(|status| status.code())
}

async fn api_key(suite: &Suite) {
    let api = founder(suite).await;
    let asked = json!({"name": "Robot", "permissions": ["leads:read", "leads:create:own"]});
    let made = api.post("/api-keys/", asked).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(
        made["api_key"]["permissions"],
        json!(["leads:create:own", "leads:read:all"])
    );
    let robot = with_token(suite, secret);
    robot
        .post("/leads/", json!({"last_name": "By a robot"}))
        .await
        .expect(201);
    assert_eq!(robot.get("/leads/").await.expect(200)["total_size"], 1);
    robot.get("/deals/").await.problem(403, "forbidden");
    robot
        .post("/auth/logout/", json!({"all_sessions": true}))
        .await
        .problem(403, "session_required");
    assert_eq!(at_leads(suite, secret).await, Ok(()));
    let listed = api.get("/api-keys/").await.expect(200);
    assert_eq!(listed["api_keys"][0]["id"], made["api_key"]["id"]);
    assert!(listed["api_keys"][0]["last_used_at"].is_string(), "{listed}");
    assert!(!listed.to_string().contains(secret));

    let id = made["api_key"]["id"].as_str().unwrap();
    api.delete(&format!("/api-keys/{id}/")).await.expect(204);
    let deleted = Instant::now();
    eventually(5, "the key is refused by the gateway and by leads", async || {
        robot.get("/leads/").await.status == 401
            && at_leads(suite, secret).await == Err(Code::Unauthenticated)
    })
    .await;
    assert!(
        deleted.elapsed() < Duration::from_secs(1),
        "{:?}",
        deleted.elapsed()
    );
}

async fn audit_log(suite: &Suite) {
    let api = founder(suite).await;
    let request = api
        .request(Method::POST, "/leads/")
        .header("user-agent", "a-good-browser/1")
        .json(&json!({"last_name": "Hopper", "first_name": "Grace"}));
    let lead = api.send(request).await.expect(201);
    let id = lead["id"].as_str().unwrap();
    api.patch(&format!("/leads/{id}/"), json!({"title": "Admiral"}))
        .await
        .expect(200);
    let path = format!("/audit-log/?resource_id={id}");
    eventually(30, "both changes are noted", async || {
        api.get(&path).await.expect(200)["total_size"] == 2
    })
    .await;
    let entries = api.get(&path).await.expect(200)["entries"].clone();
    assert_eq!(
        (&entries[0]["action"], &entries[1]["action"]),
        (&json!("lead.updated"), &json!("lead.created"))
    );
    assert_eq!(entries[0]["fields"], json!(["title"]));
    let made = &entries[1];
    assert_eq!(made["user_id"], api.session["user"]["id"]);
    assert_eq!(
        (&made["resource_name"], &made["resource"]),
        (&json!("Grace Hopper"), &json!("lead"))
    );
    assert_eq!(
        (&made["address"], &made["device"]),
        (&json!("127.0.0.1"), &json!("a-good-browser/1"))
    );
    let csv = api
        .get(&format!(
            "/audit-log/export/?resource_id={id}&columns=action,address"
        ))
        .await;
    assert!(
        csv.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/csv"))
    );
    assert_eq!(
        csv.text,
        "action,address\r\nlead.updated,127.0.0.1\r\nlead.created,127.0.0.1\r\n"
    );
    let stranger = suite.api().company().await;
    assert_eq!(
        stranger.get(&path).await.expect(200)["entries"],
        json!([]),
        "another company's"
    );
}

async fn own_role(suite: &Suite) {
    let api = founder(suite).await;
    api.post("/roles/", json!({"name": "Scouts", "permissions": ["leads:fly"]}))
        .await
        .problem(400, "unknown_permission");
    let role = api
        .post(
            "/roles/",
            json!({"name": "Scouts", "permissions": ["leads:read:own", "leads:create", "members:read"]}),
        )
        .await;
    assert!(
        role.header("location")
            .is_some_and(|place| place.starts_with("/api/v1/roles/"))
    );
    let role = role.expect(201);
    api.post("/leads/", json!({"last_name": "The founder's"}))
        .await
        .expect(201);

    let scout = suite.api().company().await;
    let email = scout.session["user"]["email"].as_str().unwrap();
    sqlx::query(
        "insert into identity.memberships (company_id, user_id, role_id, joined_at, updated_at)
         values ($1::uuid, $2::uuid, $3::uuid, now(), now())",
    )
    .bind(api.company_id())
    .bind(scout.session["user"]["id"].as_str())
    .bind(role["id"].as_str())
    .execute(suite.database())
    .await
    .unwrap();
    let form = json!({"email": email, "password": kontor_integration_tests::api::PASSWORD, "company_id": api.company_id()});
    let scout = suite
        .api()
        .signed_in(suite.api().post("/auth/login/", form).await.expect(200));
    assert_eq!(scout.session["role"], "Scouts");
    let own = scout
        .post("/leads/", json!({"last_name": "The scout's"}))
        .await
        .expect(201);
    let seen = scout.get("/leads/").await.expect(200);
    assert_eq!(
        (&seen["total_size"], &seen["leads"][0]["id"]),
        (&json!(1), &own["id"])
    );
    assert_eq!(scout.get("/leads/stats/").await.expect(200)["total"], 1);
    scout.get("/roles/").await.problem(403, "forbidden");
    let path = format!("/roles/{}/", role["id"].as_str().unwrap());
    api.delete(&path).await.problem(409, "role_in_use");
    api.patch(&path, json!({"built_in": true}))
        .await
        .problem(400, "read_only");
}

async fn rotation(suite: &Suite) {
    let api = suite.api().company().await;
    let keys = async || {
        let published = suite.api().get("!/.well-known/jwks.json").await.expect(200)["keys"].clone();
        let kids: Vec<String> = published
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect();
        kids
    };
    let before = keys().await;
    suite.run(&["keys", "rotate"]).await;
    let after = keys().await;
    assert_eq!(
        (after.len(), &after[0]),
        (before.len() + 1, &before[0]),
        "the old one signs on for a moment"
    );
    api.get("/auth/me/").await.expect(200);
    let refresh = json!({"refresh_token": api.session["tokens"]["refresh_token"]});
    let next = api.signed_in(
        suite
            .api()
            .post("/auth/refresh-token/", refresh)
            .await
            .expect(200),
    );
    next.get("/leads/").await.expect(200);
}

async fn second_factor(suite: &Suite) {
    let api = founder(suite).await;
    let enrolled = api.post("/auth/totp/", json!({})).await.expect(200);
    assert!(
        enrolled["otpauth_uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/Kontor:")
    );
    api.post("/auth/totp/confirm/", json!({"code": "not it"}))
        .await
        .problem(401, "invalid_totp_code");
    let request = api
        .request(Method::DELETE, "/auth/totp/")
        .json(&json!({"password": "not it"}));
    let problem = api.send(request).await.problem(400, "wrong_password");
    assert_eq!(problem["errors"][0]["field"], "password");
    assert_eq!(
        api.get("/auth/me/").await.expect(200)["user"]["totp_enabled"],
        false
    );
}

async fn without_the_broker(suite: &Suite) {
    suite.make_whole().await;
    let api = suite.api().company().await;
    let token = api.token.clone().unwrap();
    api.get("/leads/").await.expect(200);
    assert_eq!(at_leads(suite, &token).await, Ok(()));
    everywhere(suite, &token).await;
    suite.kill("broker").await;
    api.post("/auth/logout/", json!({})).await.expect(204);
    let ended = Instant::now();
    eventually(
        5,
        "the session is refused by the gateway and by every service itself",
        async || api.get("/leads/").await.status == 401 && refused_everywhere(suite, &token).await,
    )
    .await;
    assert!(ended.elapsed() < Duration::from_secs(1), "{:?}", ended.elapsed());
    suite.revive("broker").await;
}
