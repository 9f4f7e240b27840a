//! What every list of identity can do.

use kontor_chassis::Error;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::api_key_service_client::ApiKeyServiceClient;
use kontor_proto::identity::v1::role_service_client::RoleServiceClient;
use kontor_proto::records::v1::{FieldFilter, ListQuery};

use crate::staff::key_of;
use crate::world::{Person, World, answer, fields};

fn typed(parameter: &str, values: &[&str]) -> ListQuery {
    ListQuery {
        field_filters: vec![FieldFilter {
            parameter: parameter.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }],
        ..ListQuery::default()
    }
}

fn filter(expression: &str) -> ListQuery {
    ListQuery {
        filter: expression.to_owned(),
        ..ListQuery::default()
    }
}

fn search(words: &str) -> ListQuery {
    ListQuery {
        search: words.to_owned(),
        ..ListQuery::default()
    }
}

fn order(by: &str) -> ListQuery {
    ListQuery {
        order_by: by.to_owned(),
        ..ListQuery::default()
    }
}

async fn members(world: &World, person: &Person, query: ListQuery) -> Result<Vec<String>, Error> {
    let request = v1::ListMembersRequest { query: Some(query) };
    let page = answer(world.members().list_members(person.asks(request)).await)?;
    assert_eq!(page.total_size, i64::try_from(page.members.len()).ok());
    Ok(page.members.into_iter().map(|member| member.role).collect())
}

#[tokio::test]
async fn members_are_filtered_ordered_and_searched_by_everything_they_show() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let manager = world.colleague(&admin, "manager").await;
    let rep = world.colleague(&admin, "rep").await;
    let out = v1::UpdateMemberRequest {
        user_id: rep.user.id.clone(),
        member: Some(v1::Member::default()),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["active".to_owned()],
        }),
        ..Default::default()
    };
    answer(world.members().update_member(admin.asks(out)).await).unwrap();
    for (query, expected) in [
        (order("role"), &["admin", "manager", "rep"][..]),
        (order("-role"), &["rep", "manager", "admin"]),
        (order("joined_at"), &["admin", "manager", "rep"]),
        (order("-joined_at,email"), &["rep", "manager", "admin"]),
        (typed("role", &["manager", "rep"]), &["manager", "rep"]),
        (typed("active", &["false"]), &["rep"]),
        (typed("email", &[&manager.email.to_uppercase()]), &["manager"]),
        (typed("user_id", &["me"]), &["admin"]),
        (typed("last_name", &["babbage"]), &["manager", "rep"]),
        (
            typed("joined_at_after", &["2020-01-01T00:00:00Z"]),
            &["manager", "rep", "admin"],
        ),
        (typed("joined_at_before", &["2020-01-01T00:00:00Z"]), &[]),
        (filter("role = \"rep\" OR active = true AND email:nobody"), &[]),
        (filter("active = true AND NOT role = \"admin\""), &["manager"]),
        (search("babb char"), &["manager", "rep"]),
        (search("lovelcae"), &["admin"]),
    ] {
        let mut found = members(&world, &admin, query.clone()).await.unwrap();
        if query.order_by.is_empty() {
            found.sort_by_key(|role| expected.iter().position(|one| one == role));
        }
        assert_eq!(found, expected, "{query:?}");
    }
    for (query, field, code) in [
        (typed("active", &["perhaps"]), "active", "invalid_boolean"),
        (
            typed("joined_at_after", &["soon"]),
            "joined_at_after",
            "invalid_time",
        ),
        (typed("version", &["1"]), "version", "unknown_parameter"),
        (filter("shoe_size > 4"), "filter", "unknown_field"),
        (filter("role ="), "filter", "syntax"),
        (order("version"), "order_by", "unknown_field"),
        (
            ListQuery {
                expand: "role".to_owned(),
                ..ListQuery::default()
            },
            "expand",
            "unknown_field",
        ),
        (
            ListQuery {
                deleted: true,
                ..ListQuery::default()
            },
            "deleted",
            "unknown_parameter",
        ),
    ] {
        let refused = members(&world, &admin, query).await.unwrap_err();
        assert_eq!(fields(&refused), [(field, code)]);
    }
}

#[tokio::test]
async fn invitations_keys_and_roles_are_listed_as_everything_is() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let rep = world.colleague(&admin, "rep").await;
    for (email, role) in [("zoe@engine.example", "rep"), ("abe@engine.example", "viewer")] {
        let invitation = v1::Invitation {
            email: email.to_owned(),
            role: role.to_owned(),
            ..Default::default()
        };
        let invite = v1::CreateInvitationRequest {
            invitation: Some(invitation),
        };
        answer(world.invitations().create_invitation(admin.asks(invite)).await).unwrap();
    }
    let invited = async |query: ListQuery| {
        let request = v1::ListInvitationsRequest { query: Some(query) };
        let page = answer(world.invitations().list_invitations(admin.asks(request)).await).unwrap();
        let emails = page.invitations.into_iter().map(|one| one.email[..3].to_owned());
        (emails.collect::<Vec<_>>(), page.total_size)
    };
    assert_eq!(invited(order("email")).await.0, ["abe", "zoe"]);
    assert_eq!(
        invited(ListQuery::default()).await,
        (vec!["abe".into(), "zoe".into()], Some(2))
    );
    assert_eq!(invited(typed("role", &["rep"])).await.0, ["zoe"]);
    assert_eq!(invited(typed("invited_by", &["me"])).await.0, ["abe", "zoe"]);
    assert_eq!(invited(search("zoe")).await.0, ["zoe"]);

    key_of(&world, &admin, &["members:read"]).await;
    key_of(&world, &rep, &["members:read"]).await;
    let keys = async |query: ListQuery| {
        let request = v1::ListApiKeysRequest { query: Some(query) };
        let mut client = ApiKeyServiceClient::new(world.channel(0));
        let page = answer(client.list_api_keys(admin.asks(request)).await).unwrap();
        (page.api_keys.len(), page.total_size)
    };
    assert_eq!(keys(ListQuery::default()).await, (1, Some(1)), "one's own alone");
    assert_eq!(
        keys(filter("name = \"robot\" AND permissions:members:read:all"))
            .await
            .0,
        1
    );
    assert_eq!(keys(typed("expires_at", &["null"])).await.0, 1);
    assert_eq!(
        keys(typed("created_at_before", &["2020-01-01T00:00:00Z"]))
            .await
            .0,
        0
    );

    let roles = async |query: ListQuery| {
        let request = v1::ListRolesRequest { query: Some(query) };
        let mut client = RoleServiceClient::new(world.channel(0));
        let page = answer(client.list_roles(admin.asks(request)).await).unwrap();
        let names = page.roles.into_iter().map(|role| role.name).collect::<Vec<_>>();
        (names, page.next_page_token.is_empty(), page.total_size)
    };
    let (names, last, total) = roles(ListQuery {
        page_size: 3,
        ..ListQuery::default()
    })
    .await;
    assert_eq!(
        (names.join(" ").as_str(), last, total),
        ("admin manager rep", false, Some(4))
    );
    assert_eq!(roles(order("-name")).await.0[0], "viewer");
    assert_eq!(roles(typed("built_in", &["false"])).await.0.len(), 0);
    assert_eq!(roles(search("mana")).await.0, ["manager"]);
}
