//! An OpenID provider of a test: it speaks HTTP, checks what a provider has to check, and signs what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

pub(crate) const CLIENT: &str = "kontor";
pub(crate) const SECRET: &str = "between provider and us";

/// The provider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    issuer: String,
    key: SigningKey,
    codes: Mutex<HashMap<String, Granted>>,
}

struct Granted {
    challenge: String,
    redirect_uri: String,
    /// The ID token that the code is good for.
    token: String,
}

/// What the way to the provider asks for.
pub(crate) struct Asked(HashMap<String, String>);

impl Asked {
    pub(crate) fn of(authorization_url: &str) -> Self {
        let url = Url::parse(authorization_url).unwrap();
        Self(url.query_pairs().into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.0[name]
    }
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            issuer,
            key: SigningKey::from_bytes(&rand::random()),
            codes: Mutex::default(),
        }));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        provider
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What an honest ID token says of a person.
    pub(crate) fn claims(&self, asked: &Asked, subject: &str, email: &str) -> Value {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        json!({
            "iss": self.0.issuer,
            "sub": subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            "email": email,
            "email_verified": true,
            "given_name": "Katherine",
            "family_name": "Johnson",
        })
    }

    /// The person agrees: a code for an ID token with these claims.
    pub(crate) fn approve(&self, asked: &Asked, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("test".to_owned());
        self.approve_with(asked, sign(&self.0.key, &header, claims))
    }

    /// As [`Self::approve`], with a token of somebody else's making.
    pub(crate) fn approve_with(&self, asked: &Asked, token: String) -> String {
        assert_eq!(asked.get("client_id"), CLIENT);
        assert_eq!(
            (asked.get("response_type"), asked.get("code_challenge_method")),
            ("code", "S256")
        );
        let code = Uuid::new_v4().to_string();
        let granted = Granted {
            challenge: asked.get("code_challenge").to_owned(),
            redirect_uri: asked.get("redirect_uri").to_owned(),
            token,
        };
        self.0.codes.lock().unwrap().insert(code.clone(), granted);
        code
    }
}

pub(crate) fn sign(key: &SigningKey, header: &Header, claims: &Value) -> String {
    let der = key.to_pkcs8_der().unwrap();
    jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

async fn configuration(State(provider): State<Provider>) -> Json<Value> {
    let issuer = provider.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "none"],
    }))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let x = BASE64_URL_SAFE_NO_PAD.encode(provider.0.key.verifying_key().as_bytes());
    Json(
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "test", "use": "sig", "alg": "EdDSA"}]}),
    )
}

/// Gives a token for a code, once, to the client that began.
async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let refused = (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
    let known = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{CLIENT}:between+provider+and+us"))
    );
    if headers
        .get("authorization")
        .is_none_or(|sent| sent.as_bytes() != known.as_bytes())
    {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"})));
    }
    let Some(granted) = provider.0.codes.lock().unwrap().remove(&form["code"]) else {
        return refused;
    };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if challenge != granted.challenge || form["redirect_uri"] != granted.redirect_uri {
        return refused;
    }
    let answer = json!({"access_token": "x", "token_type": "Bearer", "id_token": granted.token});
    (StatusCode::OK, Json(answer))
}
