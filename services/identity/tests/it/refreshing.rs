//! Trading refresh tokens: each is good once.

use kontor_chassis::{Error, Kind};
use sqlx::AssertSqlSafe;

use crate::world::{World, admin};

/// Puts the last rotation of a person's sessions so many seconds back.
async fn age_rotations(user_id: &str, seconds: u32) {
    let sql = format!(
        "update identity.refresh_tokens
         set rotated_at = rotated_at - interval '{seconds} seconds'
         where session_id in (select id from identity.sessions where user_id = $1::uuid)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(user_id)
        .execute(&mut admin().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refresh_token_is_traded_for_the_next_pair() {
    let world = World::new().await;
    let person = world.register().await;
    let tokens = world.refresh(&person.refresh).await.unwrap();
    let next = tokens.refresh_token.unwrap();
    assert_ne!(next, person.refresh);
    let me = world.me(0, &tokens.access_token).await.unwrap();
    assert_eq!(me.user.unwrap().id, person.user.id);
    assert!(
        world.me(0, &person.access).await.is_ok(),
        "the old access token lives until it expires"
    );
    assert!(world.refresh(&next).await.is_ok());
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_succeeds_and_nothing_ends() {
    let world = World::of(2).await;
    let person = world.register().await;
    let tries = (0..16).map(|at| {
        let (channel, refresh_token) = (world.channel(at % 2), person.refresh.clone());
        tokio::spawn(async move {
            let mut client = kontor_proto::identity::v1::auth_service_client::AuthServiceClient::new(channel);
            let request = kontor_proto::identity::v1::RefreshTokenRequest { refresh_token };
            client
                .refresh_token(request)
                .await
                .map(|answer| answer.into_inner().tokens.unwrap())
                .map_err(Error::from)
        })
    });
    let mut won = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(tokens) => won.push(tokens),
            Err(error) => assert_eq!(
                (error.kind(), error.code()),
                (Kind::Unauthenticated, "token_rotated")
            ),
        }
    }
    let [tokens] = won.as_slice() else {
        panic!("{} refreshes succeeded", won.len())
    };
    assert!(world.me(0, &tokens.access_token).await.is_ok());
    assert!(
        world
            .refresh(tokens.refresh_token.as_deref().unwrap())
            .await
            .is_ok(),
        "the session goes on"
    );
}

#[tokio::test]
async fn a_spent_token_that_comes_again_later_ends_the_session() {
    let world = World::new().await;
    let person = world.register().await;
    let tokens = world.refresh(&person.refresh).await.unwrap();
    age_rotations(&person.user.id, 9).await;
    assert_eq!(
        world.refresh(&person.refresh).await.unwrap_err().code(),
        "token_rotated"
    );
    age_rotations(&person.user.id, 1).await;
    let error = world.refresh(&person.refresh).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unauthenticated, "token_reused")
    );

    let error = world
        .refresh(tokens.refresh_token.as_deref().unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unauthenticated, "invalid_token"),
        "the thief's token is dead too"
    );
    for token in [&person.access, &tokens.access_token] {
        assert_eq!(world.me(0, token).await.unwrap_err().code(), "session_ended");
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let world = World::new().await;
    let person = world.register().await;
    for token in [
        "x",
        person.access.as_str(),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let error = world.refresh(token).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Unauthenticated, "invalid_token"),
            "{token}"
        );
    }
    assert_eq!(world.refresh("").await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_session_that_was_not_refreshed_for_thirty_days_is_over() {
    let world = World::new().await;
    let person = world.register().await;
    sqlx::query("update identity.sessions set expires_at = now() where user_id = $1::uuid")
        .bind(&person.user.id)
        .execute(&mut admin().await)
        .await
        .unwrap();
    assert_eq!(
        world.refresh(&person.refresh).await.unwrap_err().code(),
        "invalid_token"
    );
}

#[tokio::test]
async fn who_was_shut_out_of_the_company_is_not_refreshed() {
    let world = World::new().await;
    let person = world.register().await;
    sqlx::query("update identity.memberships set active = false where user_id = $1::uuid")
        .bind(&person.user.id)
        .execute(&mut admin().await)
        .await
        .unwrap();
    assert_eq!(
        world.refresh(&person.refresh).await.unwrap_err().code(),
        "invalid_token"
    );
    let error = world
        .login(&person.email, crate::world::PASSWORD)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not_a_member");
}

#[tokio::test]
async fn the_database_keeps_no_token_and_no_password() {
    let world = World::new().await;
    let person = world.register().await;
    let mut admin = admin().await;
    let tables = ["users", "sessions", "refresh_tokens", "mail_tokens", "outbox"];
    for table in tables {
        let sql = format!("select coalesce(string_agg(t::text, ' '), '') from identity.{table} t");
        let text: String = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut admin)
            .await
            .unwrap();
        for secret in [
            person.refresh.as_str(),
            person.access.as_str(),
            crate::world::PASSWORD,
        ] {
            assert!(!text.contains(secret), "{table}");
        }
    }
}
