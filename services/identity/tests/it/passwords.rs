//! New passwords: by the link of a mail, and by the present one.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use kontor_chassis::Kind;
use kontor_proto::identity::v1;

use crate::world::{PASSWORD, Person, World, answer, fields, until};

const NEW: &str = "a loom that weaves by cards";

async fn ask(world: &World, email: &str) {
    let request = v1::RequestPasswordResetRequest {
        email: email.to_owned(),
    };
    answer(world.auth().request_password_reset(request).await).unwrap();
}

async fn confirm(world: &World, token: &str, password: &str) -> Result<(), kontor_chassis::Error> {
    let request = v1::ConfirmPasswordResetRequest {
        token: token.to_owned(),
        new_password: password.to_owned(),
    };
    answer(world.auth().confirm_password_reset(request).await)
}

async fn change(
    world: &World,
    person: &Person,
    current: &str,
    new: &str,
) -> Result<(), kontor_chassis::Error> {
    let request = v1::ChangePasswordRequest {
        current_password: current.to_owned(),
        new_password: new.to_owned(),
    };
    answer(world.sessions().change_password(person.asks(request)).await)
}

#[tokio::test]
async fn the_link_of_a_reset_sets_a_new_password_once_and_ends_every_session() {
    let world = World::alone().await;
    let person = world.register().await;
    ask(&world, &person.email.to_uppercase()).await;
    let token = world.link("reset-password", &person.email).await;
    confirm(&world, &token, NEW).await.unwrap();

    assert_eq!(
        world.me(0, &person.access).await.unwrap_err().code(),
        "session_ended"
    );
    assert!(world.refresh(&person.refresh).await.is_err());
    assert_eq!(
        world.login(&person.email, PASSWORD).await.unwrap_err().code(),
        "invalid_credentials"
    );
    let signed_in = world.login(&person.email, NEW).await.unwrap();
    assert!(
        signed_in.user.unwrap().email_verified,
        "who read the mail has the address"
    );
    let error = confirm(&world, &token, "another loom of cards")
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), fields(&error)),
        (Kind::Invalid, vec![("token", "invalid_token")])
    );
    // The owner hears of it.
    until(|| async {
        world
            .mails()
            .iter()
            .any(|mail| mail.contains("Your password was changed"))
    })
    .await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_reset_is_named_at_once_and_the_link_stays_good() {
    let world = World::alone().await;
    let person = world.register().await;
    let error = confirm(&world, "nonsense", "short").await.unwrap_err();
    assert_eq!(
        fields(&error),
        [("token", "invalid_token"), ("new_password", "too_short")]
    );
    ask(&world, &person.email).await;
    let token = world.link("reset-password", &person.email).await;
    for (weak, word) in [
        ("short", "too_short"),
        ("Password123", "too_common"),
        ("xx-lovelace-xx", "contains_identity"),
        ("the analytical engines", "contains_identity"),
    ] {
        let error = confirm(&world, &token, weak).await.unwrap_err();
        assert_eq!(fields(&error), [("new_password", word)], "{weak}");
    }
    let too_long = "é".repeat(257);
    let error = confirm(&world, &token, &too_long).await.unwrap_err();
    assert_eq!(fields(&error), [("new_password", "too_long")]);
    confirm(&world, &token, &"né".repeat(128)).await.unwrap();
}

#[tokio::test]
async fn a_link_is_good_for_an_hour_and_for_its_own_purpose() {
    let world = World::alone().await;
    let person = world.register().await;
    let verify = world.link("verify-email", &person.email).await;
    let error = confirm(&world, &verify, NEW).await.unwrap_err();
    assert_eq!(error.code(), "invalid_token");
    ask(&world, &person.email).await;
    let reset = world.link("reset-password", &person.email).await;
    let life: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - created_at)::float8
         from identity.mail_tokens
         where purpose = 'reset_password'",
    )
    .fetch_one(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(life, 3600.0);
    sqlx::query("update identity.mail_tokens set expires_at = now()")
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    let error = confirm(&world, &reset, NEW).await.unwrap_err();
    assert_eq!(error.code(), "invalid_token");
}

#[tokio::test]
async fn of_two_confirmations_at_once_one_sets_the_password() {
    let world = World::alone().await;
    let person = world.register().await;
    ask(&world, &person.email).await;
    let token = world.link("reset-password", &person.email).await;
    let other = "another loom of cards";
    let (one, two) = tokio::join!(confirm(&world, &token, NEW), confirm(&world, &token, other));
    assert_ne!(one.is_ok(), two.is_ok());
    let (good, bad) = if one.is_ok() { (NEW, other) } else { (other, NEW) };
    assert!(world.login(&person.email, good).await.is_ok());
    assert!(world.login(&person.email, bad).await.is_err());
}

#[tokio::test]
async fn a_changed_password_makes_a_reset_link_void() {
    let world = World::alone().await;
    let person = world.register().await;
    ask(&world, &person.email).await;
    let token = world.link("reset-password", &person.email).await;
    change(&world, &person, PASSWORD, NEW).await.unwrap();
    let error = confirm(&world, &token, "another loom of cards")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_token");
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let world = World::new().await;
    let person = world.register().await;
    let other = world
        .login(&person.email, PASSWORD)
        .await
        .unwrap()
        .tokens
        .unwrap();
    change(&world, &person, PASSWORD, NEW).await.unwrap();
    assert!(world.me(0, &person.access).await.is_ok());
    assert!(world.refresh(&person.refresh).await.is_ok());
    assert_eq!(
        world.me(0, &other.access_token).await.unwrap_err().code(),
        "session_ended"
    );
    assert!(world.login(&person.email, PASSWORD).await.is_err());
    assert!(world.login(&person.email, NEW).await.is_ok());
}

#[tokio::test]
async fn a_wrong_present_password_and_a_weak_new_one_are_named_together() {
    let world = World::new().await;
    let person = world.register().await;
    let error = change(&world, &person, "wrong", "short").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        fields(&error),
        [
            ("current_password", "wrong_password"),
            ("new_password", "too_short")
        ]
    );
    let error = change(&world, &person, "", "").await.unwrap_err();
    assert_eq!(
        fields(&error),
        [("current_password", "required"), ("new_password", "required")]
    );
    assert!(world.login(&person.email, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_password_kept_at_an_older_cost_is_kept_at_the_present_one_after_signing_in() {
    let world = World::new().await;
    let person = world.register().await;
    let params = Params::new(8192, 1, 1, None).unwrap();
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = cheap.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    assert!(hash.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"));
    sqlx::query("update identity.users set password_hash = $2 where id = $1::uuid")
        .bind(&person.user.id)
        .bind(&hash)
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    world.login(&person.email, PASSWORD).await.unwrap();
    let mut admin = world.admin().await;
    let kept = tokio::sync::Mutex::new(&mut admin);
    until(|| async {
        let hash: String = sqlx::query_scalar("select password_hash from identity.users where id = $1::uuid")
            .bind(&person.user.id)
            .fetch_one(&mut **kept.lock().await)
            .await
            .unwrap();
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    })
    .await;
    assert!(world.login(&person.email, PASSWORD).await.is_ok());
    assert!(world.login(&person.email, "wrong password").await.is_err());
}
