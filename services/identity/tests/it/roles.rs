//! Roles of a company's own.

use kontor_chassis::{Error, Kind};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::role_service_client::RoleServiceClient;
use prost_types::FieldMask;
use tonic::transport::Channel;

use crate::staff::{boss, enter, hire, promote};
use crate::world::{Person, World, answer, fields};

fn roles(world: &World) -> RoleServiceClient<Channel> {
    RoleServiceClient::new(world.channel(0))
}

fn role(name: &str, permissions: &[&str]) -> v1::Role {
    v1::Role {
        name: name.to_owned(),
        permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    }
}

async fn create(world: &World, person: &Person, role: v1::Role) -> Result<v1::Role, Error> {
    let request = v1::CreateRoleRequest { role: Some(role) };
    Ok(answer(roles(world).create_role(person.asks(request)).await)?
        .role
        .unwrap())
}

async fn update(
    world: &World,
    person: &Person,
    id: &str,
    role: v1::Role,
    paths: &[&str],
    etag: &str,
) -> Result<v1::Role, Error> {
    let request = v1::UpdateRoleRequest {
        id: id.to_owned(),
        role: Some(role),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        etag: etag.to_owned(),
    };
    Ok(answer(roles(world).update_role(person.asks(request)).await)?
        .role
        .unwrap())
}

async fn delete(world: &World, person: &Person, id: &str) -> Result<(), Error> {
    let request = v1::DeleteRoleRequest {
        id: id.to_owned(),
        etag: String::new(),
    };
    answer(roles(world).delete_role(person.asks(request)).await)
}

async fn list(world: &World, person: &Person) -> Vec<v1::Role> {
    answer(
        roles(world)
            .list_roles(person.asks(v1::ListRolesRequest::default()))
            .await,
    )
    .unwrap()
    .roles
}

#[tokio::test]
async fn a_company_has_the_built_in_roles_and_its_own_after_them() {
    let world = World::new().await;
    let boss = boss(&world).await;
    create(&world, &boss, role("Scouts", &["leads:read", "leads:create"]))
        .await
        .unwrap();
    create(&world, &boss, role("auditors", &["audit:read"]))
        .await
        .unwrap();
    let listed = list(&world, &boss).await;
    let names: Vec<&str> = listed.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["admin", "manager", "rep", "viewer", "Scouts", "auditors"]);
    assert!(listed.iter().all(|role| role.built_in == matches!(role.name.as_str(), "admin" | "manager" | "rep" | "viewer")));
    assert_eq!(listed[4].permissions, ["leads:create:all", "leads:read:all"]);
    assert!(
        listed[3].permissions.contains(&"deals:read:all".to_owned()),
        "the built-in ones tell theirs"
    );
}

#[tokio::test]
async fn a_changed_role_holds_at_once_under_the_tokens_that_are_about() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let made = create(&world, &boss, role("Scouts", &["leads:read:own", "members:read"]))
        .await
        .unwrap();
    let scout = hire(&world, &boss, "Scouts").await;
    let me = world.me(0, &scout.access).await.unwrap();
    assert_eq!(
        (me.role.as_str(), me.permissions.as_slice()),
        ("Scouts", made.permissions.as_slice())
    );

    let more = role("Pathfinders", &["leads:read", "leads:update:territory"]);
    let paths = ["name", "permissions"];
    let changed = update(&world, &boss, &made.id, more, &paths, &made.etag)
        .await
        .unwrap();
    assert_eq!(changed.permissions, ["leads:read:all", "leads:update:territory"]);
    assert_ne!(changed.etag, made.etag);

    let tokens = world.refresh(&scout.refresh).await.unwrap();
    for token in [&scout.access, &tokens.access_token] {
        let header = format!("Bearer {token}").parse().unwrap();
        let caller = world.verifier().verify(&header).await.unwrap();
        assert_eq!(caller.role(), "Pathfinders");
        assert_eq!(caller.permissions().unwrap().words(), changed.permissions);
        let list = crate::world::with_token(token, v1::ListMembersRequest::default());
        let refused = answer(world.members().list_members(list).await).unwrap_err();
        assert_eq!(refused.kind(), Kind::Forbidden, "what was taken away is gone");
    }
}

#[tokio::test]
async fn every_bad_field_of_a_role_is_named() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let bad = role(" ", &["leads:read", "leads:fly", "cats:read", "company:read:own"]);
    let refused = create(&world, &boss, bad).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            ("name", "required"),
            ("permissions[1]", "unknown_permission"),
            ("permissions[2]", "unknown_permission"),
            ("permissions[3]", "unknown_permission"),
        ]
    );
    let made = create(&world, &boss, role("Scouts", &[])).await.unwrap();
    assert!(made.permissions.is_empty(), "a role may be allowed nothing");
    let refused = update(
        &world,
        &boss,
        &made.id,
        role("", &[]),
        &["name", "id", "built_in", "colour"],
        "",
    )
    .await
    .unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            ("id", "read_only"),
            ("built_in", "read_only"),
            ("colour", "unknown_field")
        ]
    );
}

#[tokio::test]
async fn names_of_roles_are_taken_once_whatever_their_case() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let scouts = create(&world, &boss, role("Scouts", &[])).await.unwrap();
    for taken in ["scouts", "ADMIN"] {
        let refused = create(&world, &boss, role(taken, &[])).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Exists, "role_exists"),
            "{taken}"
        );
    }
    let refused = update(&world, &boss, &scouts.id, role("Rep", &[]), &["name"], "")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "role_exists");
    create(&world, &boss_of_another(&world).await, role("Scouts", &[]))
        .await
        .unwrap();
}

async fn boss_of_another(world: &World) -> Person {
    boss(world).await
}

#[tokio::test]
async fn a_role_in_use_and_a_built_in_one_stay() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let scouts = create(&world, &boss, role("Scouts", &["leads:read"]))
        .await
        .unwrap();
    let scout = hire(&world, &boss, "Scouts").await;
    let refused = delete(&world, &boss, &scouts.id).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, "role_in_use"));
    promote(&boss, &scout, "viewer").await;
    delete(&world, &boss, &scouts.id).await.unwrap();
    assert_eq!(
        delete(&world, &boss, &scouts.id).await.unwrap_err().kind(),
        Kind::NotFound
    );

    let viewer = &list(&world, &boss).await[3];
    let refused = delete(&world, &boss, &viewer.id).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Conflict, "built_in_role")
    );
    let refused = update(
        &world,
        &boss,
        &viewer.id,
        role("", &["leads:delete"]),
        &["permissions"],
        "",
    )
    .await;
    assert_eq!(refused.unwrap_err().code(), "built_in_role");
}

#[tokio::test]
async fn a_change_of_an_older_version_is_refused() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let made = create(&world, &boss, role("Scouts", &[])).await.unwrap();
    update(
        &world,
        &boss,
        &made.id,
        role("Rangers", &[]),
        &["name"],
        &made.etag,
    )
    .await
    .unwrap();
    let refused = update(
        &world,
        &boss,
        &made.id,
        role("Guides", &[]),
        &["name"],
        &made.etag,
    )
    .await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Stale);
}

#[tokio::test]
async fn another_companys_role_is_not_there() {
    let world = World::new().await;
    let (ours, theirs) = (boss(&world).await, boss(&world).await);
    let made = create(&world, &ours, role("Scouts", &[])).await.unwrap();
    assert_eq!(
        delete(&world, &theirs, &made.id).await.unwrap_err().kind(),
        Kind::NotFound
    );
    let refused = update(&world, &theirs, &made.id, role("Mine", &[]), &["name"], "").await;
    assert_eq!(refused.unwrap_err().kind(), Kind::NotFound);
    assert!(list(&world, &theirs).await.iter().all(|role| role.built_in));
}

#[tokio::test]
async fn who_manages_roles_gives_nobody_more_than_they_hold() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let stewards = role("Stewards", &["roles:manage", "roles:read", "leads:read:own"]);
    let stewards = create(&world, &boss, stewards).await.unwrap();
    let steward = hire(&world, &boss, "Stewards").await;
    for more in ["leads:read", "members:manage"] {
        let refused = create(&world, &steward, role("More", &[more])).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (Kind::Forbidden, "forbidden"),
            "{more}"
        );
        let own = update(
            &world,
            &steward,
            &stewards.id,
            role("", &[more]),
            &["permissions"],
            "",
        )
        .await;
        assert_eq!(own.unwrap_err().kind(), Kind::Forbidden, "not even to oneself");
    }
    create(&world, &steward, role("Less", &["leads:read:own"]))
        .await
        .unwrap();
    let mut viewer = hire(&world, &boss, "viewer").await;
    enter(&world, &mut viewer, &boss.company.id).await;
    let refused = create(&world, &viewer, role("Any", &[])).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
}
