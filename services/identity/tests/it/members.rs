//! The people of a company.

use kontor_chassis::Kind;
use kontor_proto::identity::v1;
use kontor_proto::records::v1::{FieldFilter, ListQuery};
use uuid::Uuid;

use crate::world::{Person, World, admin, answer, fields};

/// Adds people to a person's company, as accepted invitations will.
async fn add(person: &Person, names: &[(&str, &str)]) {
    let mut admin = admin().await;
    for (first, last) in names {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into identity.users (
               id, email, email_key, first_name, last_name, password_hash, created_at, updated_at)
             values ($1, $2, $2, $3, $4, '', now(), now())",
        )
        .bind(id)
        .bind(format!("{id}@engine.example"))
        .bind(first)
        .bind(last)
        .execute(&mut admin)
        .await
        .unwrap();
        sqlx::query(
            "insert into identity.memberships (company_id, user_id, role_id, joined_at, updated_at)
             select company_id, $2, id, now(), now()
             from identity.roles
             where company_id = $1::uuid
               and name = 'rep'",
        )
        .bind(&person.company.id)
        .bind(id)
        .execute(&mut admin)
        .await
        .unwrap();
    }
}

fn list(person: &Person, query: ListQuery) -> tonic::Request<v1::ListMembersRequest> {
    person.asks(v1::ListMembersRequest { query: Some(query) })
}

#[tokio::test]
async fn members_are_listed_by_name_page_by_page_and_none_of_another_company() {
    let world = World::new().await;
    let (person, _stranger) = (world.register().await, world.register().await);
    add(
        &person,
        &[
            ("Charles", "Babbage"),
            ("Grace", "Hopper"),
            ("Alan", "Turing"),
            ("Anna", "Turing"),
        ],
    )
    .await;
    let mut names = Vec::new();
    let mut query = ListQuery {
        page_size: 2,
        ..ListQuery::default()
    };
    loop {
        let page = answer(world.members().list_members(list(&person, query.clone())).await).unwrap();
        assert_eq!(page.total_size, Some(5));
        names.extend(
            page.members
                .into_iter()
                .map(|member| format!("{} {}", member.first_name, member.last_name)),
        );
        query.page_token = page.next_page_token;
        if query.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(
        names,
        [
            "Charles Babbage",
            "Grace Hopper",
            "Ada Lovelace",
            "Alan Turing",
            "Anna Turing"
        ]
    );

    let filtered = ListQuery {
        search: "tur a".to_owned(),
        include_total: Some(false),
        field_filters: vec![FieldFilter {
            parameter: "role".to_owned(),
            values: vec!["rep".to_owned()],
        }],
        ..ListQuery::default()
    };
    let page = answer(world.members().list_members(list(&person, filtered)).await).unwrap();
    assert_eq!((page.members.len(), page.total_size), (2, None));
}

#[tokio::test]
async fn a_page_token_is_good_for_its_own_list_alone() {
    let world = World::new().await;
    let (person, stranger) = (world.register().await, world.register().await);
    add(&person, &[("Charles", "Babbage")]).await;
    let first = ListQuery {
        page_size: 1,
        ..ListQuery::default()
    };
    let token = answer(world.members().list_members(list(&person, first.clone())).await)
        .unwrap()
        .next_page_token;
    let next = ListQuery {
        page_token: token,
        ..first
    };
    let other_search = ListQuery {
        search: "x".to_owned(),
        ..next.clone()
    };
    let garbage = ListQuery {
        page_token: "garbage".to_owned(),
        ..next.clone()
    };
    for (who, query) in [(&stranger, next), (&person, other_search), (&person, garbage)] {
        let error = answer(world.members().list_members(list(who, query)).await).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Invalid, "invalid_page_token")
        );
    }
}

#[tokio::test]
async fn unknown_parameters_are_named() {
    let world = World::new().await;
    let person = world.register().await;
    let query = ListQuery {
        page_size: -1,
        order_by: "shoe_size".to_owned(),
        field_filters: vec![FieldFilter {
            parameter: "colour".to_owned(),
            values: vec!["red".to_owned()],
        }],
        ..ListQuery::default()
    };
    let error = answer(world.members().list_members(list(&person, query)).await).unwrap_err();
    let expected = [
        ("page_size", "out_of_range"),
        ("order_by", "unknown_field"),
        ("colour", "unknown_parameter"),
    ];
    assert_eq!(fields(&error), expected);
}

#[tokio::test]
async fn other_services_ask_for_members_and_get_those_of_the_company_alone() {
    let world = World::new().await;
    let (person, stranger) = (world.register().await, world.register().await);
    let user_ids = vec![
        person.user.id.clone(),
        stranger.user.id.clone(),
        Uuid::now_v7().to_string(),
    ];
    let request = person.asks(v1::BatchGetMembersRequest { user_ids });
    let members = answer(world.members().batch_get_members(request).await)
        .unwrap()
        .members;
    let expected = v1::MemberSummary {
        user_id: person.user.id.clone(),
        name: "Ada Lovelace".to_owned(),
        active: true,
        version: 1,
    };
    assert_eq!(members, [expected]);
    let request = person.asks(v1::GetMemberRequest {
        user_id: stranger.user.id,
    });
    assert_eq!(
        answer(world.members().get_member(request).await)
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
}
