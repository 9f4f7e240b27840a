use http::HeaderMap;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kontor_chassis::guard::Guard;
use kontor_chassis::methods::Access;
use kontor_chassis::token::Claims;
use kontor_chassis::{Caller, Error};
use kontor_proto::identity::v1 as api;
use tonic::Code;
use uuid::Uuid;

use crate::identity::{Suite, claims, now, sign_with, with_token};

fn code<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> (Code, String) {
    let error = answer.unwrap_err();
    (error.code(), Error::from(error).code().to_owned())
}

fn unauthenticated(why: &str) -> (Code, String) {
    (Code::Unauthenticated, why.to_owned())
}

#[tokio::test]
async fn who_is_signed_in_comes_in_and_the_handler_knows_them() {
    let suite = Suite::start().await;
    let token = suite.identity.sign(&claims());
    for _ in 0..2 {
        assert_eq!(suite.get_me(&token).await.unwrap().into_inner().role, "viewer");
    }
}

#[tokio::test]
async fn without_a_token_nobody_comes_in_not_even_to_an_rpc_that_is_not_built() {
    let suite = Suite::start().await;
    assert_eq!(code(suite.get_me("").await), unauthenticated("unauthenticated"));
    let mut client = api::session_service_client::SessionServiceClient::new(suite.channel.clone());
    assert_eq!(
        code(client.list_sessions(api::ListSessionsRequest::default()).await),
        unauthenticated("unauthenticated")
    );
    let token = suite.identity.sign(&claims());
    let built = client
        .list_sessions(with_token(api::ListSessionsRequest::default(), &token))
        .await;
    assert_eq!(built.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn an_unknown_rpc_is_unimplemented() {
    let suite = Suite::start().await;
    let mut client = tonic::client::Grpc::new(suite.channel.clone());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/kontor.identity.v1.KeyService/OpenSesame");
    let codec = tonic_prost::ProstCodec::<api::GetMeRequest, api::GetMeResponse>::default();
    let answer = client
        .unary(tonic::Request::new(api::GetMeRequest {}), path, codec)
        .await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_token_that_is_not_whole_and_ours_is_refused() {
    let suite = Suite::start().await;
    let identity = &suite.identity;
    let good = identity.sign(&claims());
    let invalid = unauthenticated("invalid_token");

    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut forged = signature.as_bytes().to_vec();
    forged[10] = if forged[10] == b'A' { b'B' } else { b'A' };
    let forged = format!("{head}.{}", String::from_utf8(forged).unwrap());
    assert_eq!(code(suite.get_me(&forged).await), invalid, "another signature");

    let stranger = ed25519_dalek::SigningKey::from_bytes(&rand::random());
    assert_eq!(
        code(
            suite
                .get_me(&sign_with(&stranger, &identity.kid(), &claims()))
                .await
        ),
        invalid,
        "another key"
    );
    assert_eq!(
        code(suite.get_me(&sign_with(&stranger, "unknown", &claims())).await),
        invalid,
        "an unknown key"
    );

    let elsewhere = Claims {
        iss: "elsewhere".into(),
        ..claims()
    };
    assert_eq!(
        code(suite.get_me(&identity.sign(&elsewhere)).await),
        invalid,
        "another issuer"
    );

    // The public key of identity as the secret of an HMAC: the classic confusion of algorithms.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(identity.kid());
    let confused = jsonwebtoken::encode(
        &header,
        &claims(),
        &EncodingKey::from_secret(&identity.public_key()),
    )
    .unwrap();
    assert_eq!(code(suite.get_me(&confused).await), invalid, "another algorithm");

    // {"alg":"none"}
    let payload = good.split('.').nth(1).unwrap();
    assert_eq!(
        code(suite.get_me(&format!("eyJhbGciOiJub25lIn0.{payload}.")).await),
        invalid,
        "no signature"
    );
    for nonsense in ["x", "a.b.c", "....", "eyJhbGciOiJFZERTQSJ9.e30.AAAA"] {
        assert_eq!(code(suite.get_me(nonsense).await), invalid, "{nonsense}");
    }
}

#[tokio::test]
async fn a_token_counts_until_it_expires_and_not_a_second_longer() {
    let suite = Suite::start().await;
    let late = Claims {
        exp: now() - 1,
        ..claims()
    };
    assert_eq!(
        code(suite.get_me(&suite.identity.sign(&late)).await),
        unauthenticated("token_expired")
    );

    let short = Claims {
        exp: now() + 3,
        ..claims()
    };
    let token = suite.identity.sign(&short);
    suite.get_me(&token).await.unwrap();
    let refused = || async { suite.get_me(&token).await.is_err() };
    crate::within::until("the remembered token expires", refused).await;
    assert!(now() >= short.exp, "not before its time");
    assert_eq!(code(suite.get_me(&token).await), unauthenticated("token_expired"));
}

#[tokio::test]
async fn a_right_that_the_role_has_not_is_denied() {
    let suite = Suite::start().await;
    suite.get_member(&suite.identity.sign(&claims())).await.unwrap();
    let poor = Claims {
        permissions: vec!["members:manage".into(), "things:read:all".into()],
        ..claims()
    };
    let poor = suite.identity.sign(&poor);
    assert_eq!(
        code(suite.get_member(&poor).await),
        (Code::PermissionDenied, "forbidden".into())
    );
    suite.get_me(&poor).await.unwrap();
}

#[tokio::test]
async fn what_is_for_services_is_not_for_people() {
    let suite = Suite::start().await;
    let mut client = api::key_service_client::KeyServiceClient::new(suite.channel.clone());
    let person = with_token(api::WatchEndedSessionsRequest {}, &suite.identity.sign(&claims()));
    assert_eq!(
        code(client.watch_ended_sessions(person).await.map(drop)),
        (Code::PermissionDenied, "forbidden".into())
    );
    let nobody = client
        .watch_ended_sessions(api::WatchEndedSessionsRequest {})
        .await;
    assert_eq!(code(nobody.map(drop)), unauthenticated("unauthenticated"));
}

#[tokio::test]
async fn what_is_public_is_open_also_to_a_spent_token() {
    let suite = Suite::start().await;
    let mut client = api::key_service_client::KeyServiceClient::new(suite.channel.clone());
    let spent = suite.identity.sign(&Claims {
        exp: now() - 1,
        ..claims()
    });
    for token in ["", "nonsense", spent.as_str()] {
        let keys = client
            .get_signing_keys(with_token(api::GetSigningKeysRequest {}, token))
            .await
            .unwrap();
        assert_eq!(keys.into_inner().keys.len(), 1);
    }
}

#[tokio::test]
async fn a_peer_in_the_same_process_stands_behind_the_same_guard() {
    let suite = Suite::start().await;
    let peers = suite.process.peers.seen_from("beta");
    let mut client = api::session_service_client::SessionServiceClient::new(peers.get("identity").unwrap());
    assert_eq!(
        code(client.get_me(api::GetMeRequest {}).await),
        unauthenticated("unauthenticated")
    );

    let header = format!("Bearer {}", suite.identity.sign(&claims()))
        .parse()
        .unwrap();
    let caller = suite.host.verifier.verify(&header).await.unwrap();
    let peer = peers.on_behalf_of("identity", &caller).unwrap();
    let mut client = api::session_service_client::SessionServiceClient::new(peer);
    assert_eq!(
        client
            .get_me(api::GetMeRequest {})
            .await
            .unwrap()
            .into_inner()
            .role,
        "viewer"
    );

    let system = peers
        .on_behalf_of("identity", &Caller::system(Uuid::now_v7()))
        .unwrap();
    let mut client = api::session_service_client::SessionServiceClient::new(system);
    assert_eq!(
        client
            .get_me(api::GetMeRequest {})
            .await
            .unwrap()
            .into_inner()
            .role,
        "system"
    );
}

#[tokio::test]
async fn the_gateway_asks_the_same_guard_without_a_service() {
    let suite = Suite::start().await;
    let guard = Guard::new(suite.host.verifier.clone());
    let permission = Access::Permission("members:read".into());
    assert!(
        guard
            .admit(&Access::Public, &HeaderMap::new())
            .await
            .unwrap()
            .is_none()
    );
    assert!(guard.admit(&permission, &HeaderMap::new()).await.is_err());
    let mut headers = HeaderMap::new();
    let caller = claims();
    headers.insert(
        "authorization",
        format!("bearer {}", suite.identity.sign(&caller))
            .parse()
            .unwrap(),
    );
    let admitted = guard.admit(&permission, &headers).await.unwrap().unwrap();
    assert_eq!(
        (admitted.user_id(), admitted.company_id()),
        (Some(caller.sub), caller.company)
    );
}
