//! A new person with a new company.

use kontor_chassis::Kind;
use kontor_events::Headers;
use kontor_proto::identity::v1;
use prost::Message;
use sqlx::types::Json;

use crate::world::{PASSWORD, World, admin, answer, fields, form};

#[tokio::test]
async fn registering_makes_a_person_and_a_company_and_signs_in() {
    let world = World::new().await;
    let form = v1::RegisterRequest {
        currency: Some("EUR".to_owned()),
        ..form()
    };
    let answer = world.auth().register(form.clone()).await.unwrap().into_inner();
    let (user, company, tokens) = (
        answer.user.unwrap(),
        answer.company.unwrap(),
        answer.tokens.unwrap(),
    );
    assert_eq!(
        (user.email.as_str(), user.email_verified),
        (form.email.as_str(), false)
    );
    assert_eq!(user.full_name, "Ada Lovelace");
    assert_eq!(
        (company.name.as_str(), company.currency.as_str()),
        ("Analytical Engines", "EUR")
    );
    assert_eq!(
        (company.time_zone.as_str(), company.fiscal_year_start_month),
        ("UTC", 1)
    );
    assert_eq!(
        (
            answer.role.as_str(),
            tokens.token_type.as_str(),
            tokens.expires_in
        ),
        ("admin", "Bearer", 600)
    );

    let me = world.me(0, &tokens.access_token).await.unwrap();
    assert_eq!((me.user.unwrap(), me.company.unwrap()), (user, company));
    assert!(me.permissions.contains(&"leads:convert:all".to_owned()));
    assert!(me.session.unwrap().is_current);
}

#[tokio::test]
async fn a_taken_address_is_a_conflict_however_it_is_written() {
    let world = World::new().await;
    let person = world.register().await;
    let again = v1::RegisterRequest {
        email: format!("  {} ", person.email.to_uppercase()),
        ..form()
    };
    let upper = v1::LoginRequest {
        email: again.email.clone(),
        ..crate::world::sign_in("", PASSWORD)
    };
    let signed_in = answer(world.auth().login(upper).await).unwrap();
    assert_eq!(
        signed_in.user.unwrap().email,
        person.email,
        "as it was typed first"
    );
    let error = answer(world.auth().register(again).await).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Exists, "email_taken"));
}

#[tokio::test]
async fn an_address_is_kept_as_it_was_typed() {
    let world = World::new().await;
    let typed = format!("Ada.{}@Engine.Example", uuid::Uuid::now_v7().simple());
    let form = v1::RegisterRequest {
        email: typed.clone(),
        ..form()
    };
    let registered = answer(world.auth().register(form).await).unwrap();
    assert_eq!(registered.user.unwrap().email, typed);
    assert!(world.login(&typed.to_lowercase(), PASSWORD).await.is_ok());
}

#[tokio::test]
async fn two_who_register_with_one_address_at_once_make_one_person() {
    let world = World::new().await;
    let form = form();
    let (mut one, mut other) = (world.auth(), world.auth());
    let (one, other) = tokio::join!(one.register(form.clone()), other.register(form.clone()));
    let failed = answer(one).err().or(answer(other).err()).unwrap();
    assert_eq!(failed.code(), "email_taken");
    assert!(world.login(&form.email, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let world = World::new().await;
    let bad = v1::RegisterRequest {
        email: "nobody".to_owned(),
        password: "short".to_owned(),
        first_name: " ".to_owned(),
        last_name: "x".repeat(101),
        company_name: "a\u{7}b".to_owned(),
        currency: Some("Dollars".to_owned()),
    };
    let error = answer(world.auth().register(bad).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        fields(&error),
        [
            ("email", "invalid_email"),
            ("password", "too_short"),
            ("first_name", "required"),
            ("last_name", "too_long"),
            ("company_name", "invalid_text"),
            ("currency", "invalid_currency"),
        ]
    );
    for (password, word) in [
        ("Password123", "too_common"),
        ("lovelace-1815", "contains_identity"),
        ("our analytical engines", "contains_identity"),
    ] {
        let weak = v1::RegisterRequest {
            password: password.to_owned(),
            ..form()
        };
        let error = answer(world.auth().register(weak).await).unwrap_err();
        assert_eq!(fields(&error), [("password", word)]);
    }
}

#[tokio::test]
async fn the_link_of_the_mail_proves_the_address_once() {
    let world = World::alone().await;
    let person = world.register().await;
    let token = world.link("verify-email", &person.email).await;

    let request = v1::VerifyEmailRequest { token };
    let verified = answer(world.auth().verify_email(request.clone()).await).unwrap();
    assert!(verified.user.unwrap().email_verified);
    assert!(
        world
            .me(0, &person.access)
            .await
            .unwrap()
            .user
            .unwrap()
            .email_verified
    );
    for spent in [request.token, "x".to_owned()] {
        let error = answer(
            world
                .auth()
                .verify_email(v1::VerifyEmailRequest { token: spent })
                .await,
        )
        .unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, "invalid_token"));
    }
}

#[tokio::test]
async fn the_link_can_be_asked_for_again_and_a_stranger_gets_the_same_answer() {
    let world = World::alone().await;
    let person = world.register().await;
    let mails = || {
        world
            .mails()
            .iter()
            .filter(|mail| mail.contains(&person.email))
            .count()
    };
    crate::world::until(|| async { mails() == 1 }).await;
    for email in ["stranger@nowhere.example", person.email.as_str()] {
        let request = v1::ResendVerificationRequest {
            email: email.to_owned(),
        };
        answer(world.auth().resend_verification(request).await).unwrap();
    }
    crate::world::until(|| async { mails() == 2 }).await;
    assert!(!world.mails().iter().any(|mail| mail.contains("stranger")));
}

#[tokio::test]
async fn the_new_company_and_its_member_are_told() {
    let world = World::new().await;
    let person = world.register().await;
    // The relay keeps what has to be acted on until somebody takes it, and nobody does here.
    let (headers, payload): (Json<Headers>, Vec<u8>) = sqlx::query_as(
        "select headers, payload
         from identity.outbox
         where type = 'kontor.identity.v1.CompanyCreated'
           and headers->>'subject' = $1",
    )
    .bind(&person.company.id)
    .fetch_one(&mut admin().await)
    .await
    .unwrap();
    assert_eq!(headers.0.company.unwrap().to_string(), person.company.id);
    assert_eq!(headers.0.actor.unwrap().to_string(), person.user.id);
    let told = v1::CompanyCreated::decode(payload.as_slice()).unwrap();
    assert_eq!(
        (told.company_id, told.name),
        (person.company.id, person.company.name)
    );
}
