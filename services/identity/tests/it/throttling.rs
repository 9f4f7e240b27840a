//! Who tries too often has to wait, in every process, and learns nothing by it.

use kontor_chassis::{Error, Kind};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::auth_service_client::AuthServiceClient;
use tonic::Request;

use crate::world::{PASSWORD, World, answer, form, sign_in};

async fn world(replicas: usize) -> World {
    World::alone_with(replicas, vec![("rate_limits", "on".to_owned())]).await
}

/// Signs in from an address that nobody else uses.
async fn login(world: &World, replica: usize, email: &str, password: &str) -> Result<(), Error> {
    let mut client = AuthServiceClient::new(world.channel(replica));
    answer(client.login(sign_in(email, password)).await).map(drop)
}

fn is_too_many(error: &Error) -> bool {
    error.kind() == Kind::TooMany && error.retry_after().is_some_and(|wait| !wait.is_zero())
}

#[tokio::test]
async fn after_five_wrong_passwords_an_account_waits_in_every_process_also_with_the_right_one() {
    let world = world(2).await;
    let person = world.register().await;
    for attempt in 0..5 {
        let error = login(&world, attempt % 2, &person.email, "wrong password")
            .await
            .unwrap_err();
        assert_eq!(error.code(), "invalid_credentials");
    }
    for replica in [0, 1] {
        let error = login(&world, replica, &person.email.to_uppercase(), PASSWORD)
            .await
            .unwrap_err();
        assert!(is_too_many(&error), "{error}");
    }
    // Another account is not made to wait.
    let other = world.register().await;
    login(&world, 0, &other.email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_not_there_is_made_to_wait_just_the_same() {
    let world = world(1).await;
    let person = world.register().await;
    let answers = async |email: &str| {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let error = login(&world, 0, email, "wrong password").await.unwrap_err();
            answers.push((error.kind(), error.code().to_owned(), error.detail().to_owned()));
        }
        answers
    };
    assert_eq!(
        answers(&person.email).await,
        answers("nobody@nowhere.example").await
    );
}

#[tokio::test]
async fn many_guesses_at_once_are_no_way_around() {
    let world = world(2).await;
    let person = world.register().await;
    let guesses = (0..24).map(|n| {
        let (world, email) = (&world, person.email.clone());
        async move { login(world, n % 2, &email, "wrong password").await.unwrap_err() }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let let_in = answers
        .iter()
        .filter(|error| error.code() == "invalid_credentials")
        .count();
    // Five are free; the wait after the fifth is a second, and a slow machine may let one more in meanwhile.
    assert!((5..=8).contains(&let_in), "{let_in} of 24 were let in");
    assert!(
        answers
            .iter()
            .all(|error| error.code() == "invalid_credentials" || is_too_many(error))
    );
}

#[tokio::test]
async fn the_right_password_takes_the_attempts_before_back() {
    let world = world(1).await;
    let person = world.register().await;
    for _ in 0..3 {
        for _ in 0..4 {
            let error = login(&world, 0, &person.email, "wrong password")
                .await
                .unwrap_err();
            assert_eq!(error.code(), "invalid_credentials");
        }
        login(&world, 0, &person.email, PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_waits_and_another_does_not() {
    let world = world(1).await;
    let mut answers = Vec::new();
    for n in 0..31 {
        let guess = sign_in(&format!("person-{n}@engine.example"), "wrong password");
        let error = answer(
            world
                .auth()
                .login(world.as_client_at("192.0.2.7", "curl", guess))
                .await,
        )
        .unwrap_err();
        answers.push(error.code().to_owned());
    }
    assert!(
        answers[..30].iter().all(|code| code == "invalid_credentials"),
        "{answers:?}"
    );
    assert_eq!(answers[30], "too_many_requests");
    let guess = sign_in("person-99@engine.example", "wrong password");
    let error = answer(
        world
            .auth()
            .login(world.as_client_at("192.0.2.8", "curl", guess))
            .await,
    )
    .unwrap_err();
    assert_eq!(error.code(), "invalid_credentials");
}

#[tokio::test]
async fn who_speaks_grpc_without_the_gateway_is_known_by_the_connection_whatever_address_is_named() {
    let world = world(1).await;
    let mut answers = Vec::new();
    for n in 0..31 {
        let guess = sign_in(&format!("person-{n}@engine.example"), "wrong password");
        let mut request = Request::new(guess);
        let named = format!("192.0.2.{n}").parse().unwrap();
        request.metadata_mut().insert("x-forwarded-for", named);
        let error = answer(world.auth().login(request).await).unwrap_err();
        answers.push(error.code().to_owned());
    }
    assert_eq!(answers[0], "invalid_credentials");
    assert_eq!(answers[30], "too_many_requests");
}

#[tokio::test]
async fn a_reset_opens_an_account_that_was_tried_too_often() {
    let world = world(1).await;
    let person = world.register().await;
    for _ in 0..5 {
        login(&world, 0, &person.email, "wrong password")
            .await
            .unwrap_err();
    }
    assert!(is_too_many(
        &login(&world, 0, &person.email, PASSWORD).await.unwrap_err()
    ));
    let request = v1::RequestPasswordResetRequest {
        email: person.email.clone(),
    };
    answer(world.auth().request_password_reset(request).await).unwrap();
    let confirm = v1::ConfirmPasswordResetRequest {
        token: world.link("reset-password", &person.email).await,
        new_password: "a loom that weaves by cards".to_owned(),
    };
    answer(world.auth().confirm_password_reset(confirm).await).unwrap();
    login(&world, 0, &person.email, "a loom that weaves by cards")
        .await
        .unwrap();
}

#[tokio::test]
async fn who_asks_for_too_many_mails_waits_whether_the_address_is_known() {
    let world = world(1).await;
    let person = world.register().await;
    for email in [person.email.as_str(), "nobody@nowhere.example"] {
        let ask = async || {
            let request = v1::RequestPasswordResetRequest {
                email: email.to_owned(),
            };
            answer(world.auth().request_password_reset(request).await)
        };
        for _ in 0..5 {
            ask().await.unwrap();
        }
        assert!(is_too_many(&ask().await.unwrap_err()), "{email}");
        let request = v1::ResendVerificationRequest {
            email: email.to_owned(),
        };
        let error = answer(world.auth().resend_verification(request).await).unwrap_err();
        assert!(is_too_many(&error), "the same count for every mail to an address");
    }
}

#[tokio::test]
async fn who_asks_which_addresses_are_taken_waits_and_who_registers_does_not() {
    let world = world(1).await;
    let taken = world.register().await;
    let register = async |email: &str| {
        let form = v1::RegisterRequest {
            email: email.to_owned(),
            ..form()
        };
        answer(
            world
                .auth()
                .register(world.as_client_at("192.0.2.9", "curl", form))
                .await,
        )
        .map(drop)
    };
    for _ in 0..12 {
        register(&form().email).await.unwrap();
    }
    for _ in 0..5 {
        assert_eq!(register(&taken.email).await.unwrap_err().code(), "email_taken");
    }
    assert!(is_too_many(&register(&taken.email).await.unwrap_err()));
}

#[tokio::test]
async fn the_present_password_cannot_be_guessed_by_who_has_a_session() {
    let world = world(1).await;
    let person = world.register().await;
    let change = async |current: &str| {
        let request = v1::ChangePasswordRequest {
            current_password: current.to_owned(),
            new_password: "a loom that weaves by cards".to_owned(),
        };
        answer(world.sessions().change_password(person.asks(request)).await)
    };
    for _ in 0..5 {
        assert_eq!(
            change("wrong password").await.unwrap_err().code(),
            "wrong_password"
        );
    }
    assert!(is_too_many(&change(PASSWORD).await.unwrap_err()));
}
