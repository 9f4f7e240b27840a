//! Tokens as an attacker would make them: each is refused, and for what it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kontor_chassis::Error;
use kontor_chassis::token::{Claims, ServiceKey};
use kontor_proto::identity::v1 as api;
use serde_json::{Value, json};
use tonic::Code;
use uuid::Uuid;

use crate::identity::{Suite, claims, now, sign_with, with_token};

/// Why a token is refused.
async fn refusal(suite: &Suite, token: &str) -> String {
    let status = suite.get_me(token).await.expect_err(token);
    assert_eq!(status.code(), Code::Unauthenticated, "{token}");
    Error::from(status).code().to_owned()
}

fn encoded(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

/// The three parts of a token.
fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(parts(token)[1]).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused_however_the_algorithm_is_written() {
    let suite = Suite::start().await;
    let good = suite.identity.sign(&claims());
    let [_, body, signature] = parts(&good);
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = encoded(&json!({"alg": algorithm, "typ": "JWT", "kid": suite.identity.kid()}));
        for signature in ["", signature] {
            let token = format!("{header}.{body}.{signature}");
            assert_eq!(refusal(&suite, &token).await, "invalid_token", "{algorithm}");
        }
    }
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let suite = Suite::start().await;
    let public = suite.identity.public_key();
    let as_text = BASE64.encode(public);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{as_text}\n-----END PUBLIC KEY-----\n");
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in [&public[..], as_text.as_bytes(), pem.as_bytes(), b""] {
            let mut header = Header::new(algorithm);
            header.kid = Some(suite.identity.kid());
            let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(refusal(&suite, &token).await, "invalid_token", "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn a_key_of_the_attackers_own_is_not_taken_whatever_the_header_says_of_it() {
    let suite = Suite::start().await;
    let own = ed25519_dalek::SigningKey::from_bytes(&rand::random());
    let x = BASE64.encode(own.verifying_key().to_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    for kid in [
        "unknown",
        "",
        "../../service.key",
        "' or '1'='1",
        suite.identity.kid().as_str(),
    ] {
        assert_eq!(
            refusal(&suite, &sign_with(&own, kid, &claims())).await,
            "invalid_token",
            "{kid}"
        );
    }
    let [_, body, _] = parts(&sign_with(&own, "own", &claims())).map(str::to_owned);
    for extra in [
        json!({"jwk": jwk}),
        json!({"jku": "http://127.0.0.1:1/jwks.json"}),
        json!({"x5u": "http://127.0.0.1:1/"}),
    ] {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "own"});
        header
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let signed = format!("{}.{body}", encoded(&header));
        let signature = ed25519_dalek::Signer::sign(&own, signed.as_bytes());
        let token = format!("{signed}.{}", BASE64.encode(signature.to_bytes()));
        assert_eq!(refusal(&suite, &token).await, "invalid_token", "{extra}");
    }
}

#[tokio::test]
async fn what_a_token_says_cannot_be_changed() {
    let suite = Suite::start().await;
    let good = suite.identity.sign(&claims());
    suite.get_me(&good).await.unwrap();
    let [header, _, signature] = parts(&good);
    for (claim, value) in [
        ("company", json!(Uuid::now_v7())),
        ("role", json!("admin")),
        ("permissions", json!(["members:manage"])),
        ("sub", json!(Uuid::now_v7())),
        ("sid", json!(Uuid::now_v7())),
        ("exp", json!(now() + 1_000_000)),
    ] {
        let mut claims = payload(&good);
        assert_ne!(claims[claim], value, "{claim} is in the token");
        claims[claim] = value;
        let token = format!("{header}.{}.{signature}", encoded(&claims));
        assert_eq!(refusal(&suite, &token).await, "invalid_token", "{claim}");
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_or_by_somebody_else_is_refused_although_the_key_is_ours() {
    let suite = Suite::start().await;
    for audience in [json!("billing"), json!("kontor"), json!(["kontor", "billing"])] {
        let mut claims = payload(&suite.identity.sign(&claims()));
        claims["aud"] = audience;
        let token = suite.identity.sign_any(&claims);
        assert_eq!(refusal(&suite, &token).await, "invalid_token", "{claims}");
    }
    let elsewhere = Claims {
        iss: "elsewhere".into(),
        ..claims()
    };
    assert_eq!(
        refusal(&suite, &suite.identity.sign(&elsewhere)).await,
        "invalid_token"
    );
    let late = Claims {
        exp: now() - 1,
        ..claims()
    };
    assert_eq!(
        refusal(&suite, &suite.identity.sign(&late)).await,
        "token_expired"
    );
}

#[tokio::test]
async fn a_claim_that_is_missing_is_not_made_up() {
    let suite = Suite::start().await;
    for claim in ["iss", "sub", "exp", "sid", "company", "role", "permissions"] {
        let mut without = payload(&suite.identity.sign(&claims()));
        without.as_object_mut().unwrap().remove(claim);
        let token = suite.identity.sign_any(&without);
        assert_eq!(refusal(&suite, &token).await, "invalid_token", "{claim}");
    }
}

#[tokio::test]
async fn a_person_does_not_become_a_service_of_the_suite() {
    let suite = Suite::start().await;
    let mut keys = api::key_service_client::KeyServiceClient::new(suite.channel.clone());
    // What a service's token says, signed with the key of people.
    let mut pretending = payload(&suite.identity.sign(&claims()));
    pretending["svc"] = json!("leads");
    pretending["role"] = json!("system");
    let token = suite.identity.sign_any(&pretending);
    let request = with_token(api::ResolveApiKeyRequest::default(), &token);
    assert_eq!(
        keys.resolve_api_key(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    // A service's token of another installation.
    let stranger = ServiceKey::random().authorization("leads", None).unwrap();
    let stranger = stranger
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    assert_eq!(refusal(&suite, &stranger).await, "invalid_token");
}
