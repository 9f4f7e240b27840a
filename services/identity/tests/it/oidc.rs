//! Signing in with a company's own identity provider.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, Header};
use kontor_chassis::{Error, Kind};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::oidc_service_client::OidcServiceClient;
use serde_json::{Value, json};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::provider::{Asked, CLIENT, Provider, SECRET, sign};
use crate::staff::{boss, hire};
use crate::world::{PASSWORD, Person, World, admin, answer, fields, sign_in, with_token};

fn oidc(world: &World) -> OidcServiceClient<Channel> {
    OidcServiceClient::new(world.channel(0))
}

fn settings(provider: &Provider) -> v1::OidcProvider {
    v1::OidcProvider {
        issuer: provider.issuer().to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.to_owned()),
        domains: vec!["engine.example".to_owned()],
        just_in_time: true,
        role: "viewer".to_owned(),
        ..Default::default()
    }
}

async fn set(world: &World, person: &Person, settings: v1::OidcProvider) -> Result<v1::OidcProvider, Error> {
    let request = v1::SetOidcProviderRequest {
        provider: Some(settings),
    };
    Ok(answer(oidc(world).set_oidc_provider(person.asks(request)).await)?
        .provider
        .unwrap())
}

async fn start(world: &World, company_id: &str) -> Result<(Asked, String), Error> {
    let request = v1::StartOidcSignInRequest {
        company_id: company_id.to_owned(),
    };
    let started = answer(oidc(world).start_oidc_sign_in(request).await)?;
    Ok((Asked::of(&started.authorization_url), started.attempt))
}

async fn finish(
    world: &World,
    code: &str,
    state: &str,
    attempt: &str,
) -> Result<v1::FinishOidcSignInResponse, Error> {
    let request = v1::FinishOidcSignInRequest {
        code: code.to_owned(),
        state: state.to_owned(),
        attempt: attempt.to_owned(),
    };
    answer(oidc(world).finish_oidc_sign_in(request).await)
}

/// Goes the whole way with what the provider says.
async fn enter(
    world: &World,
    provider: &Provider,
    company_id: &str,
    claims: impl FnOnce(&Asked) -> Value,
) -> Result<v1::FinishOidcSignInResponse, Error> {
    let (asked, attempt) = start(world, company_id).await?;
    let code = provider.approve(&asked, &claims(&asked));
    finish(world, &code, asked.get("state"), &attempt).await
}

fn address() -> String {
    format!("katherine-{}@engine.example", Uuid::now_v7().simple())
}

/// A company with a provider.
async fn company(world: &World) -> (Person, Provider) {
    let (boss, provider) = (boss(world).await, Provider::start().await);
    set(world, &boss, settings(&provider)).await.unwrap();
    (boss, provider)
}

#[tokio::test]
async fn somebody_new_of_the_domain_becomes_a_member_by_signing_in() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let email = address();
    let entered = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "k1", &email)
    })
    .await
    .unwrap();
    let user = entered.user.unwrap();
    assert_eq!(
        (user.email.as_str(), user.full_name.as_str()),
        (email.as_str(), "Katherine Johnson")
    );
    assert!(
        !user.email_verified,
        "a company's provider proves nothing beyond the company"
    );
    assert_eq!(
        (entered.role.as_str(), entered.company.unwrap().id),
        ("viewer", boss.company.id.clone())
    );
    let me = world.me(0, &entered.tokens.unwrap().access_token).await.unwrap();
    assert_eq!(me.role, "viewer");
    let refused = world.login(&email, PASSWORD).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_credentials", "there is no password");

    // The same subject is the same person, also under another address.
    let again = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "k1", "married@engine.example")
    });
    assert_eq!(again.await.unwrap().user.unwrap().id, user.id);
}

#[tokio::test]
async fn a_member_is_known_by_the_address_and_somebody_else_has_to_be_invited() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let rep = hire(&world, &boss, "rep").await;
    let entered = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "r", &rep.email)
    })
    .await;
    assert_eq!(entered.unwrap().user.unwrap().id, rep.user.id);
    let stranger = crate::staff::boss(&world).await;
    let refused = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "s", &stranger.email)
    });
    let refused = refused.await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Forbidden, "not_a_member")
    );

    let closed = v1::OidcProvider {
        just_in_time: false,
        ..settings(&provider)
    };
    set(&world, &boss, closed).await.unwrap();
    let refused = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "n", &address())
    });
    assert_eq!(
        refused.await.unwrap_err().code(),
        "not_a_member",
        "nobody joins by signing in"
    );
}

#[tokio::test]
async fn what_the_provider_did_not_sign_for_us_now_is_refused() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    for (claim, value) in [
        ("nonce", json!("another")),
        ("aud", json!("another-client")),
        ("iss", json!("http://127.0.0.1:1")),
        ("exp", json!(now - 60)),
    ] {
        let refused = enter(&world, &provider, &boss.company.id, |asked| {
            let mut claims = provider.claims(asked, "k", &address());
            claims[claim] = value;
            claims
        });
        let refused = refused.await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Unauthenticated, "oidc_refused"),
            "{claim}"
        );
    }
    let own = SigningKey::from_bytes(&rand::random());
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("test".to_owned());
    let unsigned = |claims: &Value| {
        let encoded = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.",
            encoded(json!({"alg": "none"}).to_string()),
            encoded(claims.to_string())
        )
    };
    let (asked, attempt) = start(&world, &boss.company.id).await.unwrap();
    let code = provider.approve_with(
        &asked,
        sign(&own, &header, &provider.claims(&asked, "k", &address())),
    );
    let refused = finish(&world, &code, asked.get("state"), &attempt)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "oidc_refused", "another key");
    let (asked, attempt) = start(&world, &boss.company.id).await.unwrap();
    let code = provider.approve_with(&asked, unsigned(&provider.claims(&asked, "k", &address())));
    let refused = finish(&world, &code, asked.get("state"), &attempt)
        .await
        .unwrap_err();
    assert_eq!(
        refused.code(),
        "oidc_refused",
        "no signature, although the provider says it does that"
    );
}

#[tokio::test]
async fn an_attempt_is_its_clients_own_and_good_once() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let id = &boss.company.id;
    let (asked, attempt) = start(&world, id).await.unwrap();
    let code = provider.approve(&asked, &provider.claims(&asked, "k", &address()));
    // The attacker's code in the victim's client, which has begun an attempt of its own.
    let (own, victims) = start(&world, id).await.unwrap();
    let refused = finish(&world, &code, asked.get("state"), &victims)
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), [("attempt", "invalid_token")]);
    let mixed = finish(&world, &code, own.get("state"), &victims)
        .await
        .unwrap_err();
    assert_eq!(mixed.code(), "invalid_token", "spent by the first try");
    finish(&world, &code, asked.get("state"), &attempt).await.unwrap();
    let again = finish(&world, &code, asked.get("state"), &attempt)
        .await
        .unwrap_err();
    assert_eq!(again.code(), "invalid_token");

    // A code of another attempt does not fit the PKCE challenge.
    let (first, _) = start(&world, id).await.unwrap();
    let (second, attempt) = start(&world, id).await.unwrap();
    let stolen = provider.approve(&first, &provider.claims(&second, "k", &address()));
    let refused = finish(&world, &stolen, second.get("state"), &attempt)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "oidc_refused");
}

#[tokio::test]
async fn only_a_proved_address_of_the_companys_domains_comes_in() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    for (claim, value) in [
        ("email", json!("k@elsewhere.example")),
        ("email", json!("k@sub.engine.example")),
        ("email", json!("k@engine.example.evil.example")),
        ("email", Value::Null),
        ("email_verified", json!(false)),
    ] {
        let refused = enter(&world, &provider, &boss.company.id, |asked| {
            let mut claims = provider.claims(asked, "k", &address());
            claims[claim] = value.clone();
            claims
        });
        let refused = refused.await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Forbidden, "domain_not_allowed"),
            "{claim} {value}"
        );
    }
}

#[tokio::test]
async fn what_a_company_vouches_for_counts_in_that_company_alone() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    // A member who has a company of the own, which this company's admin must not get into.
    let rep = hire(&world, &boss, "rep").await;
    let home: String = sqlx::query_scalar(
        "select company_id::text from identity.memberships where user_id = $1::uuid and company_id <> $2::uuid",
    )
    .bind(&rep.user.id)
    .bind(&boss.company.id)
    .fetch_one(&mut admin().await)
    .await
    .unwrap();
    let entered = enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "r", &rep.email)
    })
    .await;
    let tokens = entered.unwrap().tokens.unwrap();
    let token = tokens.access_token.as_str();
    let mut sessions = world.sessions();
    let switch = v1::SwitchCompanyRequest { company_id: home };
    let mut totp = v1::totp_service_client::TotpServiceClient::new(world.channel(0));
    let outcomes = [
        answer(sessions.switch_company(with_token(token, switch)).await).map(drop),
        answer(
            sessions
                .update_me(with_token(token, v1::UpdateMeRequest::default()))
                .await,
        )
        .map(drop),
        answer(
            sessions
                .list_sessions(with_token(token, v1::ListSessionsRequest {}))
                .await,
        )
        .map(drop),
        answer(
            sessions
                .logout(with_token(token, v1::LogoutRequest { all_sessions: true }))
                .await,
        )
        .map(drop),
        answer(totp.enrol_totp(with_token(token, v1::EnrolTotpRequest {})).await).map(drop),
    ];
    for outcome in outcomes {
        let refused = outcome.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Forbidden, "sso_session"));
    }
    let listed = answer(
        sessions
            .list_my_companies(with_token(token, v1::ListMyCompaniesRequest {}))
            .await,
    )
    .unwrap();
    assert_eq!(listed.companies.len(), 1, "the others are none of its business");
    let next = world.refresh(&tokens.refresh_token.unwrap()).await.unwrap();
    let logout = v1::LogoutRequest { all_sessions: false };
    answer(sessions.logout(with_token(&next.access_token, logout)).await).unwrap();
    assert!(
        world.me(0, &rep.access).await.is_ok(),
        "the session of the password goes on"
    );
}

#[tokio::test]
async fn an_enforced_provider_is_the_only_way_in_but_for_an_admin() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let rep = hire(&world, &boss, "rep").await;
    let enforced = v1::OidcProvider {
        enforced: true,
        ..settings(&provider)
    };
    assert!(world.me(0, &rep.access).await.is_ok());
    set(&world, &boss, enforced).await.unwrap();
    let ended = world.me(0, &rep.access).await.unwrap_err();
    assert_eq!(ended.code(), "session_ended", "a session of the password is over");
    assert!(world.me(0, &boss.access).await.is_ok(), "an admin's is not");

    let into = |email: &str| v1::LoginRequest {
        company_id: Some(boss.company.id.clone()),
        ..sign_in(email, PASSWORD)
    };
    let refused = answer(world.auth().login(into(&rep.email)).await).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Forbidden, "sso_required")
    );
    let home = world.login(&rep.email, PASSWORD).await.unwrap();
    assert_ne!(
        home.company.unwrap().id,
        boss.company.id,
        "another company is entered as before"
    );
    let switch = v1::SwitchCompanyRequest {
        company_id: boss.company.id.clone(),
    };
    let token = home.tokens.unwrap().access_token;
    let refused = answer(world.sessions().switch_company(with_token(&token, switch)).await).unwrap_err();
    assert_eq!(refused.code(), "sso_required");
    let refused = world.refresh(&rep.refresh).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_token", "nor is it renewed");
    enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "r", &rep.email)
    })
    .await
    .unwrap();

    // The provider breaks: an admin comes in with the password and takes it away.
    let admins = answer(world.auth().login(into(&boss.email)).await)
        .unwrap()
        .tokens
        .unwrap();
    let delete = with_token(&admins.access_token, v1::DeleteOidcProviderRequest {});
    answer(oidc(&world).delete_oidc_provider(delete).await).unwrap();
    answer(world.auth().login(into(&rep.email)).await).unwrap();
    let gone = start(&world, &boss.company.id).await.map(drop).unwrap_err();
    assert_eq!(gone.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_providers_settings_are_checked_and_its_secret_is_told_to_nobody_else() {
    let world = World::new().await;
    let (boss, provider) = company(&world).await;
    let bad = v1::OidcProvider {
        issuer: "javascript:alert(1)".to_owned(),
        domains: vec!["not a domain".to_owned()],
        ..Default::default()
    };
    let refused = set(&world, &boss, bad).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            ("issuer", "invalid_url"),
            ("client_id", "required"),
            ("domains", "invalid_domain")
        ]
    );
    let nowhere = v1::OidcProvider {
        issuer: "http://127.0.0.1:1".to_owned(),
        ..settings(&provider)
    };
    assert_eq!(
        fields(&set(&world, &boss, nowhere).await.unwrap_err()),
        [("issuer", "unreachable_provider")]
    );
    let unknown = v1::OidcProvider {
        role: "wizard".to_owned(),
        ..settings(&provider)
    };
    assert_eq!(
        fields(&set(&world, &boss, unknown).await.unwrap_err()),
        [("role", "unknown_reference")]
    );

    let request = boss.asks(v1::GetOidcProviderRequest {});
    let kept = answer(oidc(&world).get_oidc_provider(request).await)
        .unwrap()
        .provider
        .unwrap();
    assert_eq!(
        (kept.client_secret, kept.redirect_uri.as_str()),
        (None, "https://crm.example/sign-in/oidc")
    );
    let sealed: Vec<u8> =
        sqlx::query_scalar("select client_secret from identity.oidc_providers where company_id = $1::uuid")
            .bind(&boss.company.id)
            .fetch_one(&mut admin().await)
            .await
            .unwrap();
    assert!(
        !sealed
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes())
    );

    let same = v1::OidcProvider {
        client_secret: None,
        ..settings(&provider)
    };
    set(&world, &boss, same.clone()).await.unwrap();
    enter(&world, &provider, &boss.company.id, |asked| {
        provider.claims(asked, "k", &address())
    })
    .await
    .unwrap();
    // Pointed at another provider, the secret of the first stays behind.
    let other = Provider::start().await;
    set(
        &world,
        &boss,
        v1::OidcProvider {
            issuer: other.issuer().to_owned(),
            ..same
        },
    )
    .await
    .unwrap();
    let refused = enter(&world, &other, &boss.company.id, |asked| {
        other.claims(asked, "k", &address())
    })
    .await;
    assert_eq!(
        refused.unwrap_err().code(),
        "oidc_refused",
        "it was not sent there"
    );

    let rep = hire(&world, &boss, "manager").await;
    let request = rep.asks(v1::GetOidcProviderRequest {});
    assert_eq!(
        answer(oidc(&world).get_oidc_provider(request).await)
            .unwrap_err()
            .kind(),
        Kind::Forbidden
    );
    let stranger = crate::staff::boss(&world).await;
    let request = stranger.asks(v1::GetOidcProviderRequest {});
    assert_eq!(
        answer(oidc(&world).get_oidc_provider(request).await)
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
}
