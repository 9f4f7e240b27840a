//! The second factor.

use kontor_chassis::{Error, Kind};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::totp_service_client::TotpServiceClient;
use time::OffsetDateTime;
use tonic::transport::Channel;

use crate::staff::{boss, key_of};
use crate::world::{PASSWORD, Person, World, admin, answer, fields, sign_in, with_token};

fn totp(world: &World) -> TotpServiceClient<Channel> {
    TotpServiceClient::new(world.channel(0))
}

async fn enrol(world: &World, person: &Person) -> v1::EnrolTotpResponse {
    answer(totp(world).enrol_totp(person.asks(v1::EnrolTotpRequest {})).await).unwrap()
}

async fn confirm(world: &World, person: &Person, code: &str) -> Result<Vec<String>, Error> {
    let request = v1::ConfirmTotpRequest {
        code: code.to_owned(),
    };
    Ok(answer(totp(world).confirm_totp(person.asks(request)).await)?.recovery_codes)
}

async fn disable(world: &World, person: &Person, password: &str) -> Result<(), Error> {
    let request = v1::DisableTotpRequest {
        password: password.to_owned(),
    };
    answer(totp(world).disable_totp(person.asks(request)).await)
}

async fn login(world: &World, person: &Person, code: Option<&str>) -> Result<v1::LoginResponse, Error> {
    let request = v1::LoginRequest {
        totp_code: code.map(str::to_owned),
        ..sign_in(&person.email, PASSWORD)
    };
    answer(world.auth().login(request).await)
}

/// What an authenticator with this secret shows, `ahead` steps from now: worked out apart from the service's code.
fn shown(secret: &str, ahead: i64) -> String {
    use hmac::{Hmac, Mac};
    let key = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let step = OffsetDateTime::now_utc().unix_timestamp() / 30 + ahead;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// A person with the second factor on: the secret and the recovery codes. The present code is spent.
async fn secured(world: &World) -> (Person, String, Vec<String>) {
    let person = boss(world).await;
    let secret = enrol(world, &person).await.secret;
    // The code of the step before is in the window, and leaves the present one and the next for the test.
    let codes = confirm(world, &person, &shown(&secret, -1)).await.unwrap();
    (person, secret, codes)
}

#[tokio::test]
async fn signing_in_takes_a_code_once_the_first_was_typed() {
    let world = World::new().await;
    let person = boss(&world).await;
    let enrolled = enrol(&world, &person).await;
    assert!(
        enrolled
            .otpauth_uri
            .contains(&format!("secret={}", enrolled.secret)),
        "{}",
        enrolled.otpauth_uri
    );
    assert!(
        login(&world, &person, None).await.is_ok(),
        "what is not confirmed doesn't count"
    );

    let refused = confirm(&world, &person, "000000x").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Unauthenticated, "invalid_totp_code")
    );
    let codes = confirm(&world, &person, &shown(&enrolled.secret, 0))
        .await
        .unwrap();
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 10);
    assert!(
        world
            .me(0, &person.access)
            .await
            .unwrap()
            .user
            .unwrap()
            .totp_enabled
    );

    let refused = login(&world, &person, None).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Unauthenticated, "totp_required")
    );
    let signed_in = login(&world, &person, Some(&shown(&enrolled.secret, 1)))
        .await
        .unwrap();
    assert!(signed_in.user.unwrap().totp_enabled);
    let wrong = answer(
        world
            .auth()
            .login(v1::LoginRequest {
                totp_code: Some(shown(&enrolled.secret, 1)),
                ..sign_in(&person.email, "not the password")
            })
            .await,
    );
    assert_eq!(
        wrong.unwrap_err().code(),
        "invalid_credentials",
        "the password first"
    );
}

#[tokio::test]
async fn a_code_signs_in_once_also_when_it_comes_twice_at_once() {
    let world = World::new().await;
    let (person, secret, _) = secured(&world).await;
    let code = shown(&secret, 0);
    let (one, other) = tokio::join!(
        login(&world, &person, Some(&code)),
        login(&world, &person, Some(&code))
    );
    assert_eq!([&one, &other].iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for code in [
        code.as_str(),
        &shown(&secret, -1),
        &shown(&secret, 5),
        "000",
        "abcdef",
    ] {
        let refused = login(&world, &person, Some(code)).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Unauthenticated, "invalid_totp_code"),
            "{code}"
        );
    }
}

#[tokio::test]
async fn each_recovery_code_signs_in_once() {
    let world = World::new().await;
    let (person, _, codes) = secured(&world).await;
    login(&world, &person, Some(&codes[3])).await.unwrap();
    assert_eq!(
        login(&world, &person, Some(&codes[3])).await.unwrap_err().code(),
        "invalid_totp_code"
    );
    let typed = codes[4].to_uppercase().replace('-', " ");
    login(&world, &person, Some(&typed)).await.unwrap();
    let (stranger, _, others) = secured(&world).await;
    assert_eq!(
        login(&world, &person, Some(&others[0])).await.unwrap_err().code(),
        "invalid_totp_code"
    );
    login(&world, &stranger, Some(&others[0])).await.unwrap();
}

#[tokio::test]
async fn it_is_switched_off_with_the_password_and_then_asked_for_no_more() {
    let world = World::new().await;
    let (person, _, codes) = secured(&world).await;
    let refused = disable(&world, &person, "not the password").await.unwrap_err();
    assert_eq!(fields(&refused), [("password", "wrong_password")]);
    disable(&world, &person, PASSWORD).await.unwrap();
    assert!(
        !login(&world, &person, None)
            .await
            .unwrap()
            .user
            .unwrap()
            .totp_enabled
    );
    assert_eq!(
        disable(&world, &person, PASSWORD).await.unwrap_err().kind(),
        Kind::NotFound
    );

    let secret = enrol(&world, &person).await.secret;
    confirm(&world, &person, &shown(&secret, 0)).await.unwrap();
    let old = login(&world, &person, Some(&codes[0])).await.unwrap_err();
    assert_eq!(old.code(), "invalid_totp_code", "the old recovery codes are gone");
}

#[tokio::test]
async fn one_in_force_is_not_replaced_and_what_was_not_asked_for_is_not_confirmed() {
    let world = World::new().await;
    let (person, secret, _) = secured(&world).await;
    let again = answer(
        totp(&world)
            .enrol_totp(person.asks(v1::EnrolTotpRequest {}))
            .await,
    )
    .unwrap_err();
    assert_eq!((again.kind(), again.code()), (Kind::Conflict, "totp_enabled"));
    assert_eq!(
        confirm(&world, &person, &shown(&secret, 1))
            .await
            .unwrap_err()
            .code(),
        "totp_enabled"
    );
    let other = boss(&world).await;
    assert_eq!(
        confirm(&world, &other, "123456").await.unwrap_err().code(),
        "totp_not_enrolled"
    );
}

#[tokio::test]
async fn the_database_holds_neither_the_secret_nor_a_recovery_code() {
    let world = World::new().await;
    let (person, secret, codes) = secured(&world).await;
    let key = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let sealed: Vec<u8> = sqlx::query_scalar("select secret from identity.totp where user_id = $1::uuid")
        .bind(&person.user.id)
        .fetch_one(&mut admin().await)
        .await
        .unwrap();
    assert!(!sealed.windows(key.len()).any(|window| window == key));
    let hashes: Vec<Vec<u8>> =
        sqlx::query_scalar("select hash from identity.recovery_codes where user_id = $1::uuid")
            .bind(&person.user.id)
            .fetch_all(&mut admin().await)
            .await
            .unwrap();
    assert!(hashes.len() == 10 && hashes.iter().all(|hash| hash.len() == 32));
    assert!(codes.iter().all(|code| code.len() == 19));
}

#[tokio::test]
async fn a_program_with_a_key_touches_no_second_factor() {
    let world = World::new().await;
    let person = boss(&world).await;
    let (_, key) = key_of(&world, &person, &["members:read"]).await;
    let refused = answer(
        totp(&world)
            .enrol_totp(with_token(&key, v1::EnrolTotpRequest {}))
            .await,
    )
    .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Forbidden, "session_required")
    );
}
