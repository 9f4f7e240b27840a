//! Sessions that end are refused everywhere, at once.

use std::time::{Duration, Instant};

use kontor_chassis::Kind;
use kontor_proto::identity::v1;

use crate::world::{PASSWORD, World, answer, sign_in, until, with_token};

#[tokio::test]
async fn a_session_that_ended_is_refused_by_every_process_within_a_second() {
    let world = World::of(2).await;
    for _ in 0..5 {
        let person = world.register().await;
        assert!(
            world.me(1, &person.access).await.is_ok(),
            "the other process knows and remembers the token"
        );
        answer(
            world
                .sessions()
                .logout(person.asks(v1::LogoutRequest { all_sessions: false }))
                .await,
        )
        .unwrap();
        let ended = Instant::now();
        assert_eq!(
            world.me(0, &person.access).await.unwrap_err().code(),
            "session_ended",
            "here at once"
        );
        until(|| async { world.me(1, &person.access).await.is_err() }).await;
        assert!(ended.elapsed() < Duration::from_secs(1), "{:?}", ended.elapsed());
        assert_eq!(
            world.refresh(&person.refresh).await.unwrap_err().code(),
            "invalid_token"
        );
    }
}

#[tokio::test]
async fn logging_out_ends_one_session_or_all() {
    let world = World::new().await;
    let person = world.register().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(
            world
                .login(&person.email, PASSWORD)
                .await
                .unwrap()
                .tokens
                .unwrap()
                .access_token,
        );
    }
    let request = with_token(&tokens[0], v1::LogoutRequest { all_sessions: false });
    answer(world.sessions().logout(request).await).unwrap();
    assert!(world.me(0, &tokens[0]).await.is_err());
    assert!(world.me(0, &tokens[1]).await.is_ok());

    let request = with_token(&tokens[1], v1::LogoutRequest { all_sessions: true });
    answer(world.sessions().logout(request).await).unwrap();
    for token in tokens.iter().chain([&person.access]) {
        assert_eq!(
            world.me(0, token).await.unwrap_err().kind(),
            Kind::Unauthenticated
        );
    }
    assert!(
        world.login(&person.email, PASSWORD).await.is_ok(),
        "the person may come again"
    );
}

#[tokio::test]
async fn one_ends_an_own_session_and_nobody_elses() {
    let world = World::new().await;
    let (person, stranger) = (world.register().await, world.register().await);
    let request = world.as_client_at("192.0.2.7", "Difference/2", sign_in(&person.email, PASSWORD));
    let other = answer(world.auth().login(request).await).unwrap().tokens.unwrap();
    let sessions = answer(
        world
            .sessions()
            .list_sessions(person.asks(v1::ListSessionsRequest {}))
            .await,
    )
    .unwrap()
    .sessions;
    assert_eq!(sessions.iter().filter(|session| session.is_current).count(), 1);
    let told = &sessions[0];
    assert_eq!(
        (told.device.as_deref(), told.address.as_deref()),
        (Some("Difference/2"), Some("192.0.2.7"))
    );
    let id = sessions
        .iter()
        .find(|session| !session.is_current)
        .unwrap()
        .id
        .clone();

    let request = v1::EndSessionRequest { id };
    let error = answer(world.sessions().end_session(stranger.asks(request.clone())).await).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(world.me(0, &other.access_token).await.is_ok());
    answer(world.sessions().end_session(person.asks(request.clone())).await).unwrap();
    assert!(world.me(0, &other.access_token).await.is_err());
    let again = answer(world.sessions().end_session(person.asks(request)).await).unwrap_err();
    assert_eq!(again.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_watcher_first_hears_what_ended_lately_and_then_what_ends() {
    let world = World::of(2).await;
    let (first, second) = (world.register().await, world.register().await);
    let session = |person: &crate::world::Person| {
        let access = person.access.clone();
        let world = &world;
        async move { world.me(0, &access).await.unwrap().session.unwrap().id }
    };
    let (first_id, second_id) = (session(&first).await, session(&second).await);
    answer(
        world
            .sessions()
            .logout(first.asks(v1::LogoutRequest::default()))
            .await,
    )
    .unwrap();

    let mut keys = v1::key_service_client::KeyServiceClient::new(world.channel(1));
    let mut request = tonic::Request::new(v1::WatchEndedSessionsRequest {});
    request
        .metadata_mut()
        .insert("authorization", world.service_token().parse().unwrap());
    let mut stream = keys.watch_ended_sessions(request).await.unwrap().into_inner();
    let told = stream.message().await.unwrap().unwrap().sessions;
    assert!(told.iter().any(|ended| ended.session_id == first_id));
    assert!(!told.iter().any(|ended| ended.session_id == second_id));

    answer(
        world
            .sessions()
            .logout(second.asks(v1::LogoutRequest::default()))
            .await,
    )
    .unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(1), async {
        while let Some(message) = stream.message().await.unwrap() {
            if message.sessions.iter().any(|ended| ended.session_id == second_id) {
                return true;
            }
        }
        false
    });
    assert!(heard.await.unwrap());
}
