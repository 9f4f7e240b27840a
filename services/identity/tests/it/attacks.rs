//! What an attacker would try with identity's own rpcs. Forged tokens are refused by the chassis: see its tests.

use kontor_chassis::Kind;
use kontor_proto::identity::v1;
use prost_types::FieldMask;

use crate::staff::{boss, hire};
use crate::world::{PASSWORD, World, answer, fields, form, sign_in, with_token};

/// The session of an access token.
async fn session(world: &World, access_token: &str) -> String {
    world.me(0, access_token).await.unwrap().session.unwrap().id
}

#[tokio::test]
async fn signing_in_always_begins_a_session_of_its_own_whatever_token_comes_along() {
    let world = World::new().await;
    let (victim, attacker) = (boss(&world).await, boss(&world).await);
    // The attacker has planted the own tokens in the victim's client.
    let request = with_token(&attacker.access, sign_in(&victim.email, PASSWORD));
    let signed_in = answer(world.auth().login(request).await).unwrap();
    let tokens = signed_in.tokens.unwrap();
    let planted = session(&world, &attacker.access).await;
    let begun = session(&world, &tokens.access_token).await;
    assert_ne!(begun, planted);
    assert_eq!(signed_in.user.unwrap().id, victim.user.id);
    let next = world.refresh(&attacker.refresh).await.unwrap();
    let me = world.me(0, &next.access_token).await.unwrap();
    assert_eq!(
        me.user.unwrap().id,
        attacker.user.id,
        "what was planted stays the attacker's own"
    );

    let registered = answer(world.auth().register(with_token(&attacker.access, form())).await).unwrap();
    assert_ne!(
        session(&world, &registered.tokens.unwrap().access_token).await,
        planted
    );
}

#[tokio::test]
async fn what_only_the_server_sets_is_not_taken_from_a_request() {
    let world = World::new().await;
    let rep = {
        let boss = boss(&world).await;
        hire(&world, &boss, "rep").await
    };
    let request = v1::UpdateMeRequest {
        user: Some(v1::User {
            id: "01890000-0000-7000-8000-000000000000".to_owned(),
            email: "root@engine.example".to_owned(),
            email_verified: true,
            totp_enabled: true,
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: [
                "id",
                "email",
                "email_verified",
                "totp_enabled",
                "role",
                "company_id",
                "password_hash",
            ]
            .map(str::to_owned)
            .to_vec(),
        }),
        etag: String::new(),
    };
    let refused = answer(world.sessions().update_me(rep.asks(request)).await).unwrap_err();
    let read_only = ["id", "email", "email_verified", "totp_enabled"].map(|field| (field, "read_only"));
    let unknown = ["role", "company_id", "password_hash"].map(|field| (field, "unknown_field"));
    assert_eq!(fields(&refused), [&read_only[..], &unknown[..]].concat());

    // Without a mask what is set of them is simply not written.
    let request = v1::UpdateMeRequest {
        user: Some(v1::User {
            email: "root@engine.example".to_owned(),
            totp_enabled: true,
            phone: Some("555-0100".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let me = answer(world.sessions().update_me(rep.asks(request)).await)
        .unwrap()
        .user
        .unwrap();
    assert_eq!((me.email, me.totp_enabled), (rep.email.clone(), false));
    assert_eq!(me.phone.as_deref(), Some("555-0100"));
}

#[tokio::test]
async fn a_token_of_one_company_opens_nothing_of_another_also_for_a_member_of_both() {
    let world = World::new().await;
    let (ours, theirs) = (boss(&world).await, boss(&world).await);
    let stranger = hire(&world, &theirs, "viewer").await;
    let mut members = world.members();
    let request = v1::GetMemberRequest {
        user_id: stranger.user.id.clone(),
    };
    let refused = answer(members.get_member(ours.asks(request.clone())).await).unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound);
    // The stranger founded a company too, and is its admin: with the token for this one, a viewer is a viewer.
    let request = v1::UpdateCompanyRequest {
        id: theirs.company.id.clone(),
        company: Some(v1::Company {
            name: "Mine now".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = answer(world.companies().update_company(stranger.asks(request)).await).unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
}

#[tokio::test]
async fn a_session_is_ended_by_its_person_alone() {
    let world = World::new().await;
    let (victim, attacker) = (boss(&world).await, boss(&world).await);
    let id = session(&world, &victim.access).await;
    let request = v1::EndSessionRequest { id };
    let refused = answer(world.sessions().end_session(attacker.asks(request)).await).unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound);
    assert!(world.me(0, &victim.access).await.is_ok());
}
