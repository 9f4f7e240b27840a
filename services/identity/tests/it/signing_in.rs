//! Signing in, and what it does not tell.

use std::time::Instant;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kontor_chassis::Kind;
use kontor_chassis::token::Claims;
use kontor_proto::identity::v1;
use tonic::Request;

use crate::world::{PASSWORD, World, answer, fields, sign_in};

#[tokio::test]
async fn a_right_password_begins_a_session_in_the_first_company() {
    let world = World::new().await;
    let person = world.register().await;
    let answer = world
        .login(&format!(" {}", person.email.to_uppercase()), PASSWORD)
        .await
        .unwrap();
    assert_eq!(answer.user.unwrap().id, person.user.id);
    assert_eq!(
        (answer.company.unwrap().id, answer.role.as_str()),
        (person.company.id.clone(), "admin")
    );
    let [company] = answer.companies.as_slice() else {
        panic!("one company")
    };
    assert_eq!(
        (company.id.as_str(), company.is_current, company.is_default),
        (person.company.id.as_str(), true, true)
    );

    let me = world.me(0, &answer.tokens.unwrap().access_token).await.unwrap();
    let sessions = world
        .sessions()
        .list_sessions(person.asks(v1::ListSessionsRequest {}))
        .await
        .unwrap();
    assert_eq!(
        sessions.into_inner().sessions.len(),
        2,
        "registering began one, signing in another"
    );
    assert_eq!(me.user.unwrap().id, person.user.id);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer_after_the_same_work() {
    let world = World::new().await;
    let person = world.register().await;
    let mut answers = Vec::new();
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (at, email) in [person.email.as_str(), "nobody@nowhere.example", "no address"]
            .into_iter()
            .enumerate()
        {
            let began = Instant::now();
            let error = world.login(email, "not the password").await.unwrap_err();
            times[at].push(began.elapsed());
            answers.push((error.kind(), error.code().to_owned(), error.detail().to_owned()));
        }
    }
    assert_eq!(answers[0].0, Kind::Unauthenticated);
    assert_eq!(answers[0].1, "invalid_credentials");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // The fastest of five is the work itself, without the noise of the machine. Without a hash it is a tenth.
    let [known, unknown, none] = times.map(|times| times.into_iter().min().unwrap());
    for other in [unknown, none] {
        assert!(
            other > known / 3 && other < known * 3,
            "{known:?} {unknown:?} {none:?}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::new().await;
    let error = world.login("", "").await.unwrap_err();
    assert_eq!(fields(&error), [("email", "required"), ("password", "required")]);
    let person = world.register().await;
    let request = v1::LoginRequest {
        company_id: Some("x".to_owned()),
        ..sign_in(&person.email, PASSWORD)
    };
    let error = answer(world.auth().login(request).await).unwrap_err();
    assert_eq!(fields(&error), [("company_id", "invalid_id")]);
}

#[tokio::test]
async fn a_company_one_is_no_member_of_is_refused_only_after_the_password_was_right() {
    let world = World::new().await;
    let (person, other) = (world.register().await, world.register().await);
    let request = v1::LoginRequest {
        company_id: Some(other.company.id),
        ..sign_in(&person.email, PASSWORD)
    };
    let wrong = v1::LoginRequest {
        password: "not the password".to_owned(),
        ..request.clone()
    };
    let error = answer(world.auth().login(wrong).await).unwrap_err();
    assert_eq!(error.code(), "invalid_credentials");
    let error = answer(world.auth().login(request).await).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Forbidden, "not_a_member"));
}

#[tokio::test]
async fn an_access_token_is_verified_with_the_published_keys() {
    let world = World::new().await;
    let person = world.register().await;
    let keys = world
        .keys()
        .get_signing_keys(v1::GetSigningKeysRequest {})
        .await
        .unwrap()
        .into_inner()
        .keys;
    let kid = jsonwebtoken::decode_header(&person.access).unwrap().kid.unwrap();
    let key = keys.iter().find(|key| key.kid == kid).unwrap();
    assert_eq!(
        (
            key.kty.as_str(),
            key.crv.as_str(),
            key.alg.as_str(),
            key.r#use.as_str()
        ),
        ("OKP", "Ed25519", "EdDSA", "sig")
    );

    let decoding = DecodingKey::from_ed_components(&key.x).unwrap();
    let claims =
        jsonwebtoken::decode::<Claims>(&person.access, &decoding, &Validation::new(Algorithm::EdDSA))
            .unwrap()
            .claims;
    assert_eq!((claims.iss.as_str(), claims.role.as_str()), ("kontor", "admin"));
    assert_eq!(
        (claims.sub.to_string(), claims.company.to_string()),
        (person.user.id, person.company.id)
    );
    assert_eq!(claims.exp - claims.iat, 600);
    assert!(claims.permissions.contains(&"company:manage:all".to_owned()));
}

#[tokio::test]
async fn without_a_token_nothing_but_signing_in_is_open() {
    let world = World::new().await;
    let error = answer(world.sessions().get_me(Request::new(v1::GetMeRequest {})).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    let error = answer(
        world
            .keys()
            .watch_ended_sessions(v1::WatchEndedSessionsRequest {})
            .await,
    )
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    let person = world.register().await;
    let request = person.asks(v1::WatchEndedSessionsRequest {});
    let error = answer(world.keys().watch_ended_sessions(request).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden, "a person is no service");
}
