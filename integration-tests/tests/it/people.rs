//! Who leaves, who is forged and who is changed: what identity says counts in every service, each asked by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kontor_integration_tests::api::{Api, PASSWORD, eventually};
use kontor_integration_tests::rpc;
use kontor_integration_tests::suite::Suite;
use kontor_proto::DESCRIPTORS;
use libtest_mimic::Trial;
use prost_reflect::DynamicMessage;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Code;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "people::what_a_member_who_leaves_owned_is_another_s_in_every_service",
            handing_over,
        ),
        trial(
            suite,
            "people::every_service_refuses_every_forged_token_by_itself",
            forged,
        ),
        trial(
            suite,
            "people::a_changed_role_counts_in_every_service_within_a_second",
            changed_role,
        ),
        trial(
            suite,
            "people::what_is_set_up_and_imported_is_in_the_audit_log_with_its_address",
            noted,
        ),
        trial(
            suite,
            "people::what_only_the_server_sets_is_taken_by_no_service",
            mass_assignment,
        ),
    ]
}

/// An rpc of each service that every member may call.
const ASKED: [(&str, &str, &str); 6] = [
    ("identity", "kontor.identity.v1.SessionService", "GetMe"),
    ("accounts", "kontor.accounts.v1.AccountService", "ListAccounts"),
    ("contacts", "kontor.contacts.v1.ContactService", "ListContacts"),
    ("leads", "kontor.leads.v1.LeadService", "ListLeads"),
    ("deals", "kontor.deals.v1.DealService", "ListDeals"),
    (
        "activities",
        "kontor.activities.v1.ActivityService",
        "ListActivities",
    ),
];

/// What each service says to a token, asked by gRPC without the gateway, all at once.
pub(crate) async fn everywhere(suite: &Suite, token: &str) -> Vec<(&'static str, Code)> {
    let asked = ASKED.map(async |(name, service, method)| {
        let service = DESCRIPTORS.get_service_by_name(service).unwrap();
        let method = service.methods().find(|one| one.name() == method).unwrap();
        let channel = suite.channel(name).await;
        let message = DynamicMessage::new(method.input());
        let answer = rpc::unary(&channel, &method, Some(token), &message).await;
        (name, answer.map_or_else(|status| status.code(), |_| Code::Ok))
    });
    join_all(asked).await
}

/// Whether no service lets the token in.
pub(crate) async fn refused_everywhere(suite: &Suite, token: &str) -> bool {
    let answers = everywhere(suite, token).await;
    answers.iter().all(|(_, code)| *code == Code::Unauthenticated)
}

/// Whether every service knows the token; one that isn't built yet may say so.
fn known(answers: &[(&str, Code)]) -> bool {
    answers
        .iter()
        .all(|(_, code)| matches!(code, Code::Ok | Code::Unimplemented))
}

/// A member of a company with a role of it, signed in there.
async fn member(suite: &Suite, boss: &Api, role: &str) -> Api {
    let person = suite.api().company().await;
    sqlx::query(
        "insert into identity.memberships (company_id, user_id, role_id, joined_at, updated_at)
         select $1::uuid, $2::uuid, id, now(), now()
         from identity.roles
         where company_id = $1::uuid
           and name = $3",
    )
    .bind(boss.company_id())
    .bind(person.session["user"]["id"].as_str())
    .bind(role)
    .execute(suite.database())
    .await
    .unwrap();
    let form = json!({
        "email": person.session["user"]["email"], "password": PASSWORD, "company_id": boss.company_id(),
    });
    let signed_in = suite.api().post("/auth/login/", form).await.expect(200);
    suite.api().signed_in(signed_in)
}

fn user_id(api: &Api) -> String {
    api.session["user"]["id"].as_str().unwrap().to_owned()
}

const KINDS: [&str; 4] = ["accounts", "contacts", "leads", "deals"];

async fn handing_over(suite: &Suite) {
    let boss = suite.api().company().await;
    let own: Vec<String> = KINDS.iter().map(|kind| format!("{kind}:read:own")).collect();
    let role = json!({"name": "Heirs", "permissions": own});
    boss.post("/roles/", role).await.expect(201);
    let leaver = member(suite, &boss, "rep").await;
    let heir = member(suite, &boss, "Heirs").await;
    let mut made = Vec::new();
    for (kind, mut body) in [
        ("accounts", json!({"name": "Analytical Engines"})),
        ("contacts", json!({"last_name": "Lovelace"})),
        ("leads", json!({"last_name": "Babbage"})),
        ("deals", json!({"name": "An engine"})),
    ] {
        body["owner_id"] = json!(user_id(&leaver));
        let record = leaver.post(&format!("/{kind}/"), body).await.expect(201);
        made.push((kind, format!("/{kind}/{}/", record["id"].as_str().unwrap())));
    }
    for (kind, path) in &made {
        heir.get(path).await.expect(404);
        assert_eq!(heir.get(&format!("/{kind}/")).await.expect(200)["total_size"], 0);
    }
    let path = format!("/members/{}/?hand_over_to={}", user_id(&leaver), user_id(&heir));
    boss.delete(&path).await.expect(204);
    let left = Instant::now();
    let token = leaver.token.clone().unwrap();
    eventually(5, "who left is refused everywhere", async || {
        refused_everywhere(suite, &token).await
    })
    .await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    eventually(60, "the heir has all of it", async || {
        let mut all = true;
        for (_, path) in &made {
            all &= heir.get(path).await.status == 200;
        }
        all
    })
    .await;
    for (kind, path) in &made {
        assert_eq!(
            heir.get(path).await.expect(200)["owner_id"],
            user_id(&heir),
            "{kind}"
        );
        assert_eq!(heir.get(&format!("/{kind}/")).await.expect(200)["total_size"], 1);
    }
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

/// Signs claims with the suite's own key, which only identity can read.
fn signed(suite: &Suite, kid: &str, claims: &Value) -> Vec<String> {
    let keys = std::fs::read_dir(suite.folder().join("keys")).unwrap();
    let keys = keys.filter_map(|entry| {
        let path = entry.unwrap().path();
        (path.extension()? == "pem").then(|| std::fs::read(path).unwrap())
    });
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.to_owned());
    keys.map(|pem| {
        let key = EncodingKey::from_ed_pem(&pem).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    })
    .collect()
}

async fn forged(suite: &Suite) {
    let (api, other) = (suite.api().company().await, suite.api().company().await);
    let token = api.token.clone().unwrap();
    let answers = everywhere(suite, &token).await;
    assert!(known(&answers), "{answers:?}");
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let kid = header["kid"].as_str().unwrap();
    let [head, body, signature] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let mut tokens: Vec<(String, String)> = Vec::new();

    for algorithm in ["none", "None", ""] {
        let header = encoded(&json!({"alg": algorithm, "typ": "JWT", "kid": kid}));
        for signature in ["", signature] {
            tokens.push((
                format!("alg {algorithm:?}"),
                format!("{header}.{body}.{signature}"),
            ));
        }
    }
    let published = suite.api().get("!/.well-known/jwks.json").await.expect(200);
    for key in published["keys"].as_array().unwrap() {
        let x = key["x"].as_str().unwrap();
        for secret in [x.as_bytes().to_vec(), BASE64.decode(x).unwrap()] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some(kid.to_owned());
            let secret = EncodingKey::from_secret(&secret);
            let token = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
            tokens.push(("HS256 with the public key".to_owned(), token));
        }
    }
    for foreign in ["unknown", "", "../service.key"] {
        let header = encoded(&json!({"alg": "EdDSA", "typ": "JWT", "kid": foreign}));
        tokens.push((format!("kid {foreign:?}"), format!("{header}.{body}.{signature}")));
    }
    for (claim, value) in [
        ("company", other.session["company"]["id"].clone()),
        ("role", json!("viewer")),
        ("permissions", json!(["leads:read"])),
        ("sub", other.session["user"]["id"].clone()),
        ("exp", json!(claims["exp"].as_i64().unwrap() + 86_400)),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value;
        tokens.push((
            format!("another {claim}"),
            format!("{head}.{}.{signature}", encoded(&claims)),
        ));
    }
    // With our own key: what must be refused for what it says.
    let mut untouched = claims.clone();
    untouched["iat"] = json!(claims["iat"].as_i64().unwrap() - 1);
    let mut whole = false;
    for token in signed(suite, kid, &untouched) {
        whole |= known(&everywhere(suite, &token).await);
    }
    assert!(whole, "the suite's key was found");
    for (claim, value) in [
        ("exp", json!(claims["iat"].as_i64().unwrap() - 1)),
        ("aud", json!("billing")),
        ("iss", json!("elsewhere")),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value.clone();
        for token in signed(suite, kid, &claims) {
            tokens.push((format!("{claim} {value}"), token));
        }
    }
    for (what, token) in &tokens {
        let answers = everywhere(suite, token).await;
        assert!(
            answers.iter().all(|(_, code)| *code == Code::Unauthenticated),
            "{what}: {answers:?}"
        );
        let mut forger = suite.api();
        forger.token = Some(token.clone());
        forger.get("/leads/").await.expect(401);
    }
    // A token of one company on another's records.
    for (kind, body) in [
        ("accounts", json!({"name": "Theirs"})),
        ("contacts", json!({"last_name": "Theirs"})),
        ("leads", json!({"last_name": "Theirs"})),
        ("deals", json!({"name": "Theirs"})),
    ] {
        let theirs = other.post(&format!("/{kind}/"), body).await.expect(201);
        let path = format!("/{kind}/{}/", theirs["id"].as_str().unwrap());
        api.get(&path).await.expect(404);
        api.patch(&path, json!({"tags": ["mine"]})).await.expect(404);
        api.delete(&path).await.expect(404);
    }
}

async fn changed_role(suite: &Suite) {
    let boss = suite.api().company().await;
    let rep = member(suite, &boss, "rep").await;
    let token = rep.token.clone().unwrap();
    let key = {
        let id = user_id(&rep);
        sqlx::query("update identity.users set email_verified_at = now() where id = $1::uuid")
            .bind(id)
            .execute(suite.database())
            .await
            .unwrap();
        let asked = json!({"name": "Robot", "permissions": ["accounts:read", "leads:read", "deals:read"]});
        rep.post("/api-keys/", asked).await.expect(201)["secret"].clone()
    };
    let key = key.as_str().unwrap().to_owned();
    for token in [&token, &key] {
        assert!(known(&everywhere(suite, token).await[1..2]));
    }
    let none = json!({"name": "Nothing", "permissions": ["members:read"]});
    boss.post("/roles/", none).await.expect(201);
    let path = format!("/members/{}/", user_id(&rep));
    boss.patch(&path, json!({"role": "Nothing"})).await.expect(200);
    let changed = Instant::now();
    let without = async |token: &str| {
        let answers = everywhere(suite, token).await;
        let records = answers.iter().filter(|(name, _)| *name != "identity");
        records.clone().count() == 5 && records.clone().all(|(_, code)| *code == Code::PermissionDenied)
    };
    eventually(5, "the rights are gone everywhere", async || {
        let (person, program, over_http) = tokio::join!(without(&token), without(&key), rep.get("/leads/"));
        person && program && over_http.status == 403
    })
    .await;
    assert!(
        changed.elapsed() < Duration::from_secs(1),
        "{:?}",
        changed.elapsed()
    );
    boss.patch(&path, json!({"role": "manager"})).await.expect(200);
    eventually(5, "the same token has the rights of now", async || {
        known(&everywhere(suite, &token).await)
    })
    .await;
    assert_eq!(rep.get("/auth/me/").await.expect(200)["role"], "manager");
}

async fn noted(suite: &Suite) {
    let api = suite.api().company().await;
    let pipeline = api
        .post(
            "/pipelines/",
            json!({"name": "Renewals", "stages": [{"name": "Asked", "probability": 10}]}),
        )
        .await
        .expect(201);
    let mut weights = api.get("/lead-scoring/").await.expect(200);
    weights["factors"]["email"] = json!(11);
    let request = api.request(Method::PUT, "/lead-scoring/").json(&weights);
    api.send(request).await.expect(200);
    let field = json!({"key": "tier", "label": "Tier", "type": "text"});
    api.post("/leads/fields/", field).await.expect(201);
    let file = "last_name\r\nHopper\r\n";
    api.csv("/leads/import/", file).await.expect(200);
    for (query, action) in [
        (
            format!("resource_id={}", pipeline["id"].as_str().unwrap()),
            "pipeline.created",
        ),
        ("resource_id=leads.tier".to_owned(), "field.created"),
        ("resource=scoring".to_owned(), "scoring.updated"),
        ("action=lead.created".to_owned(), "lead.created"),
    ] {
        let path = format!("/audit-log/?{query}");
        eventually(30, "it is noted", async || {
            api.get(&path).await.expect(200)["total_size"] == 1
        })
        .await;
        let entry = api.get(&path).await.expect(200)["entries"][0].clone();
        assert_eq!(entry["action"], action);
        assert_eq!(entry["user_id"], user_id(&api), "{entry}");
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
    }
}

async fn mass_assignment(suite: &Suite) {
    let (api, other) = (suite.api().company().await, suite.api().company().await);
    for (kind, named) in [
        ("accounts", json!({"name": "Engines"})),
        ("contacts", json!({"last_name": "Lovelace"})),
        ("leads", json!({"last_name": "Babbage"})),
        ("deals", json!({"name": "An engine"})),
    ] {
        for (field, value) in [
            ("id", other.session["user"]["id"].clone()),
            ("company_id", other.session["company"]["id"].clone()),
            ("created_by", other.session["user"]["id"].clone()),
            ("created_at", json!("2020-01-01T00:00:00Z")),
            ("etag", json!("7")),
        ] {
            let mut body = named.clone();
            body[field] = value;
            let problem = api.post(&format!("/{kind}/"), body).await.expect(400);
            assert_eq!(
                problem["errors"][0]["code"], "read_only",
                "{kind}.{field}: {problem}"
            );
        }
        assert_eq!(api.get(&format!("/{kind}/")).await.expect(200)["total_size"], 0);
    }
    let mut form = json!({
        "email": "mass@example.com", "password": PASSWORD, "first_name": "A", "last_name": "B", "company_name": "C",
    });
    form["role"] = json!("admin");
    form["company_id"] = other.session["company"]["id"].clone();
    suite.api().post("/auth/register/", form).await.expect(400);
    let me = json!({"email": "other@example.com", "email_verified": true});
    api.patch("/auth/me/", me).await.expect(400);
}
