//! Members who change, are shut out, and leave.

use kontor_chassis::{Error, Kind};
use kontor_events::Headers;
use kontor_proto::identity::v1;
use prost::Message;
use prost_types::FieldMask;
use sqlx::types::Json;

use crate::staff::key_of;
use crate::world::{PASSWORD, Person, World, answer, fields, until};

fn patch(user_id: &str, role: Option<&str>, active: Option<bool>) -> v1::UpdateMemberRequest {
    let mut paths = Vec::new();
    paths.extend(role.map(|_| "role".to_owned()));
    paths.extend(active.map(|_| "active".to_owned()));
    v1::UpdateMemberRequest {
        user_id: user_id.to_owned(),
        member: Some(v1::Member {
            role: role.unwrap_or_default().to_owned(),
            active: active.unwrap_or_default(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths }),
        etag: String::new(),
        hand_over_to: None,
    }
}

async fn update(world: &World, by: &Person, request: v1::UpdateMemberRequest) -> Result<v1::Member, Error> {
    let answer = answer(world.members().update_member(by.asks(request)).await)?;
    Ok(answer.member.unwrap())
}

fn leaving(user_id: &str) -> v1::DeleteMemberRequest {
    v1::DeleteMemberRequest {
        user_id: user_id.to_owned(),
        etag: String::new(),
        hand_over_to: None,
    }
}

async fn remove(world: &World, by: &Person, request: v1::DeleteMemberRequest) -> Result<(), Error> {
    answer(world.members().delete_member(by.asks(request)).await)
}

async fn get(world: &World, by: &Person, user_id: &str) -> Result<v1::Member, Error> {
    let request = v1::GetMemberRequest {
        user_id: user_id.to_owned(),
    };
    Ok(answer(world.members().get_member(by.asks(request)).await)?
        .member
        .unwrap())
}

#[tokio::test]
async fn another_role_counts_within_a_second_in_every_process_and_is_in_the_next_token() {
    let world = World::alone_with(2, Vec::new()).await;
    let admin = world.verified().await;
    let rep = world.colleague(&admin, "rep").await;
    let role = async |replica| world.me(replica, &rep.access).await.unwrap().role;
    assert_eq!(
        (role(0).await, role(1).await),
        ("rep".to_owned(), "rep".to_owned())
    );
    let changed = std::time::Instant::now();
    let member = update(&world, &admin, patch(&rep.user.id, Some("manager"), None))
        .await
        .unwrap();
    assert_eq!((member.role.as_str(), member.active), ("manager", true));
    until(|| async { role(0).await == "manager" && role(1).await == "manager" }).await;
    assert!(changed.elapsed().as_secs_f64() < 1.0, "{:?}", changed.elapsed());
    let tokens = world.refresh(&rep.refresh).await.unwrap();
    let me = world.me(0, &tokens.access_token).await.unwrap();
    assert_eq!(me.role, "manager");
    assert!(me.permissions.contains(&"scoring:manage:all".to_owned()));
}

#[tokio::test]
async fn who_is_shut_out_is_out_at_once_and_comes_back_with_another_session() {
    let world = World::alone_with(2, Vec::new()).await;
    let admin = world.verified().await;
    let rep = world.colleague(&admin, "rep").await;
    assert!(world.me(1, &rep.access).await.is_ok());
    let shut = update(&world, &admin, patch(&rep.user.id, None, Some(false)))
        .await
        .unwrap();
    assert!(!shut.active);
    let told = std::time::Instant::now();
    until(|| async { world.me(1, &rep.access).await.is_err() }).await;
    assert!(told.elapsed().as_secs_f64() < 1.0, "{:?}", told.elapsed());
    assert_eq!(
        world.me(0, &rep.access).await.unwrap_err().code(),
        "session_ended"
    );
    assert!(world.refresh(&rep.refresh).await.is_err());
    let error = world.login(&rep.email, PASSWORD).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Forbidden, "not_a_member"));

    assert!(
        update(&world, &admin, patch(&rep.user.id, None, Some(true)))
            .await
            .unwrap()
            .active
    );
    assert!(
        world.me(0, &rep.access).await.is_err(),
        "an ended session stays ended"
    );
    assert!(world.login(&rep.email, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn who_is_shut_out_leaves_no_key_behind() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let rep = world.colleague(&admin, "rep").await;
    let (_, secret) = key_of(&world, &rep, &["leads:read"]).await;
    assert!(world.me(0, &secret).await.is_ok());
    update(&world, &admin, patch(&rep.user.id, None, Some(false)))
        .await
        .unwrap();
    assert!(world.me(0, &secret).await.is_err());
    update(&world, &admin, patch(&rep.user.id, None, Some(true)))
        .await
        .unwrap();
    assert!(
        world.me(0, &secret).await.is_err(),
        "a key that ended stays ended"
    );
}

#[tokio::test]
async fn who_is_shut_out_of_one_company_stays_in_another_but_for_tokens_of_the_one() {
    let world = World::alone().await;
    let (admin, guest) = (world.verified().await, world.register().await);
    let own = world.login(&guest.email, PASSWORD).await.unwrap().tokens.unwrap();
    let invite = v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            email: guest.email.clone(),
            role: "rep".to_owned(),
            ..Default::default()
        }),
    };
    answer(world.invitations().create_invitation(admin.asks(invite)).await).unwrap();
    let accept = v1::AcceptInvitationRequest {
        token: world.link("accept-invitation", &guest.email).await,
        ..Default::default()
    };
    let joined = answer(world.invitations().accept_invitation(guest.asks(accept)).await).unwrap();
    let there = joined.tokens.unwrap();
    // The session moves home, and its token of the other company is still about.
    let switch = v1::SwitchCompanyRequest {
        company_id: guest.company.id.clone(),
    };
    answer(
        world
            .sessions()
            .switch_company(crate::world::with_token(&there.access_token, switch))
            .await,
    )
    .unwrap();
    assert!(world.me(0, &there.access_token).await.is_ok());
    update(&world, &admin, patch(&guest.user.id, None, Some(false)))
        .await
        .unwrap();
    assert_eq!(
        world.me(0, &there.access_token).await.unwrap_err().code(),
        "session_ended"
    );
    assert!(world.me(0, &own.access_token).await.is_ok());
}

#[tokio::test]
async fn the_last_admin_cannot_be_lost_by_any_way() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let id = admin.user.id.clone();
    world.colleague(&admin, "manager").await;
    for refused in [
        update(&world, &admin, patch(&id, Some("rep"), None))
            .await
            .map(drop),
        update(&world, &admin, patch(&id, None, Some(false)))
            .await
            .map(drop),
        remove(&world, &admin, leaving(&id)).await,
    ] {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Conflict, "last_admin"));
    }
    // One who is shut out is no admin to count on.
    let second = world.colleague(&admin, "admin").await;
    update(&world, &admin, patch(&second.user.id, None, Some(false)))
        .await
        .unwrap();
    assert_eq!(
        remove(&world, &admin, leaving(&id)).await.unwrap_err().code(),
        "last_admin"
    );
    update(&world, &admin, patch(&second.user.id, None, Some(true)))
        .await
        .unwrap();
    remove(&world, &admin, leaving(&id)).await.unwrap();
}

#[tokio::test]
async fn of_two_admins_who_remove_each_other_at_once_one_stays() {
    let world = World::alone().await;
    for _ in 0..5 {
        let one = world.verified().await;
        let two = world.colleague(&one, "admin").await;
        let (first, second) = tokio::join!(
            remove(&world, &one, leaving(&two.user.id)),
            remove(&world, &two, leaving(&one.user.id)),
        );
        assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
        let admins: i64 = sqlx::query_scalar(
            "select count(*) from identity.memberships where company_id = $1::uuid and active",
        )
        .bind(&one.company.id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
        assert_eq!(admins, 1);
    }
}

#[tokio::test]
async fn who_was_removed_is_no_member_and_may_be_invited_again() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let rep = world.colleague(&admin, "rep").await;
    remove(&world, &admin, leaving(&rep.user.id)).await.unwrap();
    assert_eq!(
        get(&world, &admin, &rep.user.id).await.unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(
        remove(&world, &admin, leaving(&rep.user.id))
            .await
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    assert_eq!(
        world.me(0, &rep.access).await.unwrap_err().code(),
        "session_ended"
    );
    assert_eq!(
        world.login(&rep.email, PASSWORD).await.unwrap_err().code(),
        "not_a_member"
    );

    let invite = v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            email: rep.email.clone(),
            role: "viewer".to_owned(),
            ..Default::default()
        }),
    };
    let sent = answer(world.invitations().create_invitation(admin.asks(invite)).await).unwrap();
    let versions = versions(&world, &rep.user.id).await;
    assert_eq!(versions, [1, 2], "joined and left");
    assert_eq!(sent.invitation.unwrap().role, "viewer");
}

/// The versions of a member that were told, in their order. The relay forgets facts that nobody hears after a while.
async fn versions(world: &World, user_id: &str) -> Vec<i64> {
    let told: Vec<Vec<u8>> = sqlx::query_scalar(
        "select payload
         from identity.outbox
         where type = 'kontor.identity.v1.MembersChanged'
           and headers->>'subject' = $1
         order by id",
    )
    .bind(user_id)
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    told.iter()
        .flat_map(|payload| v1::MembersChanged::decode(payload.as_slice()).unwrap().changes)
        .map(|change| change.version)
        .collect()
}

#[tokio::test]
async fn what_a_member_owns_is_handed_over_to_an_active_member_alone() {
    let world = World::alone().await;
    let (admin, stranger) = (world.verified().await, world.register().await);
    let rep = world.colleague(&admin, "rep").await;
    for heir in [&stranger.user.id, &rep.user.id] {
        let request = v1::DeleteMemberRequest {
            hand_over_to: Some(heir.clone()),
            ..leaving(&rep.user.id)
        };
        let error = remove(&world, &admin, request).await.unwrap_err();
        assert_eq!(
            (error.kind(), fields(&error)),
            (Kind::Refused, vec![("hand_over_to", "unknown_reference")])
        );
    }
    assert!(
        get(&world, &admin, &rep.user.id).await.is_ok(),
        "nothing happened"
    );
    let request = v1::UpdateMemberRequest {
        hand_over_to: Some(admin.user.id.clone()),
        ..patch(&rep.user.id, None, Some(false))
    };
    update(&world, &admin, request).await.unwrap();
    let (headers, payload): (Json<Headers>, Vec<u8>) = sqlx::query_as(
        "select headers, payload from identity.outbox where type = 'kontor.identity.v1.RecordsHandedOver'",
    )
    .fetch_one(&mut world.admin().await)
    .await
    .unwrap();
    assert!(
        headers.0.addressed,
        "it waits until the services of records take it"
    );
    let told = v1::RecordsHandedOver::decode(payload.as_slice()).unwrap();
    assert_eq!(
        (told.from_user_id, told.to_user_id, told.by),
        (rep.user.id, admin.user.id.clone(), admin.user.id)
    );
}

#[tokio::test]
async fn what_cannot_be_changed_of_a_member_is_refused() {
    let world = World::alone().await;
    let (admin, stranger) = (world.verified().await, world.verified().await);
    let rep = world.colleague(&admin, "rep").await;
    let read_only = v1::UpdateMemberRequest {
        update_mask: Some(FieldMask {
            paths: vec!["email".to_owned(), "joined_at".to_owned(), "nonsense".to_owned()],
        }),
        ..patch(&rep.user.id, None, None)
    };
    let error = update(&world, &admin, read_only).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("email", "read_only"),
            ("joined_at", "read_only"),
            ("nonsense", "unknown_field")
        ]
    );
    let error = update(&world, &admin, patch(&rep.user.id, Some("king"), None))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), fields(&error)),
        (Kind::Refused, vec![("role", "unknown_reference")])
    );
    let stale = v1::UpdateMemberRequest {
        etag: "99".to_owned(),
        ..patch(&rep.user.id, Some("viewer"), None)
    };
    assert_eq!(
        update(&world, &admin, stale).await.unwrap_err().kind(),
        Kind::Stale
    );
    let theirs = patch(&rep.user.id, Some("viewer"), None);
    assert_eq!(
        update(&world, &stranger, theirs).await.unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(
        remove(&world, &stranger, leaving(&rep.user.id))
            .await
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    let own = patch(&rep.user.id, Some("admin"), None);
    assert_eq!(update(&world, &rep, own).await.unwrap_err().code(), "forbidden");
    assert_eq!(get(&world, &admin, &rep.user.id).await.unwrap().role, "rep");
}
