//! Keys for programs.

use std::time::{Duration, Instant};

use kontor_chassis::Kind;
use kontor_proto::{identity::v1, records::v1::ListQuery};
use prost_types::Timestamp;
use time::OffsetDateTime;

use crate::staff::{api_keys, boss, enter, hire, key_of, make_key, new_key, promote};
use crate::world::{World, admin, answer, fields, until, with_token};

fn at(instant: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: instant.unix_timestamp(),
        nanos: 0,
    }
}

async fn members_through(world: &World, replica: usize, token: &str) -> Result<(), kontor_chassis::Error> {
    let mut members = v1::member_service_client::MemberServiceClient::new(world.channel(replica));
    answer(
        members
            .list_members(with_token(token, v1::ListMembersRequest::default()))
            .await,
    )
    .map(drop)
}

#[tokio::test]
async fn a_key_works_as_a_token_does_with_its_own_rights_and_no_more() {
    let world = World::of(2).await;
    let boss = boss(&world).await;
    let made = make_key(&world, &boss.access, new_key(&["members:read", "api_keys:read"]))
        .await
        .unwrap();
    let key = made.api_key.unwrap();
    assert_eq!(key.permissions, ["api_keys:read:all", "members:read:all"]);
    assert!(
        made.secret.starts_with(&key.prefix) && made.secret.len() == 53,
        "{}",
        made.secret
    );
    assert_eq!((key.last_used_at, key.expires_at), (None, None));

    for replica in [0, 1] {
        members_through(&world, replica, &made.secret).await.unwrap();
        let me = world.me(replica, &made.secret).await.unwrap();
        assert_eq!(me.user.unwrap().id, boss.user.id);
        assert_eq!(me.company.unwrap().id, boss.company.id);
        assert_eq!(me.permissions, key.permissions, "of the key, not of the role");
        assert!(me.session.is_none());
    }
    let refused = make_key(&world, &made.secret, new_key(&["members:read"]))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden, "its maker may, the key may not");

    let listed = answer(
        api_keys(&world, 0)
            .list_api_keys(with_token(&made.secret, v1::ListApiKeysRequest::default()))
            .await,
    )
    .unwrap();
    assert_eq!(listed.api_keys.len(), 1);
    assert_eq!(listed.api_keys[0].id, key.id);
    assert!(listed.api_keys[0].last_used_at.is_some(), "its use is noted");
    let kept: Vec<u8> = sqlx::query_scalar("select hash from identity.api_keys where id = $1::uuid")
        .bind(&key.id)
        .fetch_one(&mut admin().await)
        .await
        .unwrap();
    assert_eq!(kept.len(), 32, "the secret itself is nowhere");
}

#[tokio::test]
async fn a_deleted_key_is_refused_by_every_process_within_a_second() {
    let world = World::of(2).await;
    let boss = boss(&world).await;
    for _ in 0..3 {
        let (id, secret) = key_of(&world, &boss, &["members:read"]).await;
        for replica in [0, 1] {
            members_through(&world, replica, &secret).await.unwrap();
        }
        let delete = v1::DeleteApiKeyRequest { id: id.clone() };
        answer(
            api_keys(&world, 0)
                .delete_api_key(boss.asks(delete.clone()))
                .await,
        )
        .unwrap();
        let deleted = Instant::now();
        assert_eq!(
            members_through(&world, 0, &secret).await.unwrap_err().kind(),
            Kind::Unauthenticated
        );
        until(|| async { members_through(&world, 1, &secret).await.is_err() }).await;
        assert!(
            deleted.elapsed() < Duration::from_secs(1),
            "{:?}",
            deleted.elapsed()
        );
        let again = answer(api_keys(&world, 0).delete_api_key(boss.asks(delete)).await);
        assert_eq!(again.unwrap_err().kind(), Kind::NotFound);
    }
}

#[tokio::test]
async fn a_key_never_does_more_than_its_maker_may_also_later() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let manager = hire(&world, &boss, "manager").await;
    let more = make_key(&world, &manager.access, new_key(&["roles:manage"]))
        .await
        .unwrap_err();
    assert_eq!((more.kind(), more.code()), (Kind::Forbidden, "forbidden"));

    let wide = ["leads:update:all", "members:read", "pipelines:manage"];
    let (_, secret) = key_of(&world, &manager, &wide).await;
    promote(&boss, &manager, "rep").await;
    let me = world.me(0, &secret).await.unwrap();
    assert_eq!(
        me.permissions,
        ["leads:update:own", "members:read:all"],
        "the key shrinks with its maker"
    );
    assert_eq!(me.role, "rep");
}

#[tokio::test]
async fn a_key_shrinks_at_once_when_the_role_of_its_maker_is_changed() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let manager = hire(&world, &boss, "manager").await;
    let (_, secret) = key_of(&world, &manager, &["leads:update:all", "members:read"]).await;
    let permissions = async || world.me(0, &secret).await.unwrap().permissions;
    assert_eq!(permissions().await[0], "leads:update:all");
    let change = v1::UpdateMemberRequest {
        user_id: manager.user.id.clone(),
        member: Some(v1::Member {
            role: "viewer".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    answer(world.members().update_member(boss.asks(change)).await).unwrap();
    assert_eq!(permissions().await, ["members:read:all"]);
}

#[tokio::test]
async fn a_key_of_somebody_who_is_no_member_any_more_is_unknown() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let rep = hire(&world, &boss, "rep").await;
    let (_, secret) = key_of(&world, &rep, &["members:read"]).await;
    sqlx::query(
        "update identity.memberships set active = false where company_id = $1::uuid and user_id = $2::uuid",
    )
    .bind(&boss.company.id)
    .bind(&rep.user.id)
    .execute(&mut admin().await)
    .await
    .unwrap();
    let refused = members_through(&world, 0, &secret).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Unauthenticated, "invalid_token")
    );
}

#[tokio::test]
async fn a_key_expires() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let soon = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let key = v1::ApiKey {
        expires_at: Some(at(soon)),
        ..new_key(&["members:read"])
    };
    let made = make_key(&world, &boss.access, key).await.unwrap();
    members_through(&world, 0, &made.secret).await.unwrap();
    until(|| async { members_through(&world, 0, &made.secret).await.is_err() }).await;
    let refused = members_through(&world, 0, &made.secret).await.unwrap_err();
    assert_eq!(refused.code(), "token_expired");
    assert!(
        OffsetDateTime::now_utc().unix_timestamp() >= soon.unix_timestamp(),
        "not before its time"
    );
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused() {
    let world = World::new().await;
    let stranger = kontor_chassis::token::ApiKey::random();
    let well_formed = stranger.reveal().to_owned();
    for nonsense in [
        well_formed.as_str(),
        "kontor_",
        &well_formed[..52],
        "kontor_' or 1=1 --",
    ] {
        let refused = members_through(&world, 0, nonsense).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Unauthenticated, "invalid_token"),
            "{nonsense}"
        );
    }
}

#[tokio::test]
async fn an_unproved_address_makes_no_keys_and_is_told_so_before_its_mistakes() {
    let world = World::new().await;
    let person = world.register().await;
    let refused = make_key(&world, &person.access, new_key(&["nonsense"]))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Forbidden, "email_not_verified")
    );
}

#[tokio::test]
async fn every_bad_field_of_a_new_key_is_named() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let key = v1::ApiKey {
        name: String::new(),
        permissions: vec!["leads:read".to_owned(), "leads:fly".to_owned()],
        expires_at: Some(at(OffsetDateTime::now_utc() - Duration::from_secs(1))),
        ..Default::default()
    };
    let refused = make_key(&world, &boss.access, key).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            ("name", "required"),
            ("permissions[1]", "unknown_permission"),
            ("expires_at", "out_of_range")
        ]
    );
}

#[tokio::test]
async fn keys_are_their_makers_own_in_one_company() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let rep = hire(&world, &boss, "rep").await;
    let (id, secret) = key_of(&world, &boss, &["members:read"]).await;
    let delete = v1::DeleteApiKeyRequest { id };
    let other = answer(api_keys(&world, 0).delete_api_key(rep.asks(delete)).await);
    assert_eq!(other.unwrap_err().kind(), Kind::NotFound);
    let list = answer(
        api_keys(&world, 0)
            .list_api_keys(rep.asks(Default::default()))
            .await,
    )
    .unwrap();
    assert!(list.api_keys.is_empty());
    // The same person in another company has no such key there.
    let mut elsewhere = boss.clone();
    let founded = v1::CreateCompanyRequest {
        company: Some(v1::Company {
            name: "Elsewhere".to_owned(),
            ..Default::default()
        }),
    };
    let founded = answer(world.companies().create_company(boss.asks(founded)).await).unwrap();
    enter(&world, &mut elsewhere, &founded.company.unwrap().id).await;
    let list = answer(
        api_keys(&world, 0)
            .list_api_keys(elsewhere.asks(Default::default()))
            .await,
    )
    .unwrap();
    assert!(list.api_keys.is_empty());
    assert_eq!(
        world.me(0, &secret).await.unwrap().company.unwrap().id,
        boss.company.id
    );
}

#[tokio::test]
async fn keys_come_in_pages_newest_first() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, key_of(&world, &boss, &["members:read"]).await.0);
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListApiKeysRequest {
            query: Some(ListQuery {
                page_size: 2,
                page_token,
                ..ListQuery::default()
            }),
        };
        let page = answer(api_keys(&world, 0).list_api_keys(boss.asks(request)).await).unwrap();
        seen.extend(page.api_keys.into_iter().map(|key| key.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, made);
    for (page_size, page_token, field) in [(0, "x", "page_token"), (-1, "", "page_size")] {
        let request = v1::ListApiKeysRequest {
            query: Some(ListQuery {
                page_size,
                page_token: page_token.to_owned(),
                ..ListQuery::default()
            }),
        };
        let refused = answer(api_keys(&world, 0).list_api_keys(boss.asks(request)).await).unwrap_err();
        assert_eq!(fields(&refused)[0].0, field);
    }
}

#[tokio::test]
async fn what_is_about_the_person_is_not_for_a_program() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let (_, secret) = key_of(&world, &boss, &["members:read"]).await;
    let mut sessions = world.sessions();
    let outcomes = [
        answer(
            sessions
                .logout(with_token(&secret, v1::LogoutRequest { all_sessions: true }))
                .await,
        )
        .map(drop),
        answer(
            sessions
                .list_sessions(with_token(&secret, v1::ListSessionsRequest {}))
                .await,
        )
        .map(drop),
        answer(
            sessions
                .update_me(with_token(&secret, v1::UpdateMeRequest::default()))
                .await,
        )
        .map(drop),
        answer(
            sessions
                .switch_company(with_token(
                    &secret,
                    v1::SwitchCompanyRequest {
                        company_id: boss.company.id.clone(),
                    },
                ))
                .await,
        )
        .map(drop),
        answer(
            world
                .companies()
                .create_company(with_token(&secret, v1::CreateCompanyRequest::default()))
                .await,
        )
        .map(drop),
    ];
    for outcome in outcomes {
        let refused = outcome.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Forbidden, "session_required")
        );
    }
    assert!(world.me(0, &boss.access).await.is_ok(), "nothing has ended");
}
