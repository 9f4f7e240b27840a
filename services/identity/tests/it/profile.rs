//! Changing what one may of oneself.

use kontor_chassis::Kind;
use kontor_proto::identity::v1;
use prost_types::FieldMask;

use crate::world::{Person, World, answer, fields};

fn change(
    person: &Person,
    user: v1::User,
    paths: &[&str],
    etag: &str,
) -> tonic::Request<v1::UpdateMeRequest> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    person.asks(v1::UpdateMeRequest {
        user: Some(user),
        update_mask: Some(FieldMask { paths }),
        etag: etag.to_owned(),
    })
}

#[tokio::test]
async fn only_what_is_named_changes_and_what_is_named_without_a_value_is_cleared() {
    let world = World::new().await;
    let person = world.register().await;
    let wanted = v1::User {
        phone: Some("+49 89 123456".to_owned()),
        job_title: Some("Countess".to_owned()),
        time_zone: Some("Europe/London".to_owned()),
        locale: Some("en-GB".to_owned()),
        avatar_url: Some("https://engine.example/ada.png".to_owned()),
        first_name: "Augusta".to_owned(),
        ..v1::User::default()
    };
    let paths = ["phone", "job_title", "time_zone", "locale", "avatar_url"];
    let changed = answer(
        world
            .sessions()
            .update_me(change(&person, wanted.clone(), &paths, "1"))
            .await,
    )
    .unwrap();
    let user = changed.user.unwrap();
    assert_eq!(
        (&user.phone, &user.time_zone, &user.locale),
        (&wanted.phone, &wanted.time_zone, &wanted.locale)
    );
    assert_eq!(
        (user.first_name.as_str(), user.etag.as_str()),
        ("Ada", "2"),
        "not named, so not changed"
    );
    assert_eq!(changed.company.unwrap().id, person.company.id);

    let cleared = answer(
        world
            .sessions()
            .update_me(change(&person, v1::User::default(), &["phone"], ""))
            .await,
    )
    .unwrap();
    let user = cleared.user.unwrap();
    assert_eq!((user.phone, user.job_title.as_deref()), (None, Some("Countess")));
    assert_eq!(world.me(0, &person.access).await.unwrap().user.unwrap().etag, "3");
}

#[tokio::test]
async fn bad_values_are_named_together_and_nothing_changes() {
    let world = World::new().await;
    let person = world.register().await;
    let bad = v1::User {
        phone: Some("call me".to_owned()),
        time_zone: Some("Mars/Olympus".to_owned()),
        locale: Some("x_y".to_owned()),
        avatar_url: Some("javascript:alert(1)".to_owned()),
        ..v1::User::default()
    };
    let paths = ["first_name", "phone", "time_zone", "locale", "avatar_url"];
    let error = answer(world.sessions().update_me(change(&person, bad, &paths, "")).await).unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("first_name", "required"),
            ("phone", "invalid_phone"),
            ("time_zone", "invalid_time_zone"),
            ("locale", "invalid_locale"),
            ("avatar_url", "invalid_url"),
        ]
    );
    let error = answer(
        world
            .sessions()
            .update_me(change(&person, v1::User::default(), &["email", "age"], ""))
            .await,
    )
    .unwrap_err();
    assert_eq!(fields(&error), [("email", "read_only"), ("age", "unknown_field")]);
    assert_eq!(
        world.me(0, &person.access).await.unwrap().user.unwrap(),
        person.user
    );
}

#[tokio::test]
async fn a_change_based_on_an_older_version_is_stale() {
    let world = World::new().await;
    let person = world.register().await;
    let wanted = v1::User {
        job_title: Some("Countess".to_owned()),
        ..v1::User::default()
    };
    let change = |etag| change(&person, wanted.clone(), &["job_title"], etag);
    answer(world.sessions().update_me(change("1")).await).unwrap();
    assert_eq!(
        answer(world.sessions().update_me(change("1")).await)
            .unwrap_err()
            .kind(),
        Kind::Stale
    );
    assert!(world.sessions().update_me(change("2")).await.is_ok());
}

#[tokio::test]
async fn a_new_name_is_known_in_every_company_of_the_person() {
    let world = World::new().await;
    let person = world.register().await;
    let company = v1::Company {
        name: "Second".to_owned(),
        ..v1::Company::default()
    };
    let second = answer(
        world
            .companies()
            .create_company(person.asks(v1::CreateCompanyRequest {
                company: Some(company),
            }))
            .await,
    );
    let second = second.unwrap().company.unwrap();
    let wanted = v1::User {
        first_name: "Augusta".to_owned(),
        ..v1::User::default()
    };
    answer(
        world
            .sessions()
            .update_me(change(&person, wanted, &["first_name"], ""))
            .await,
    )
    .unwrap();

    let versions: Vec<(String, i64)> = sqlx::query_as(
        "select company_id::text, version from identity.memberships where user_id = $1::uuid order by joined_at",
    )
    .bind(&person.user.id)
    .fetch_all(&mut crate::world::admin().await)
    .await
    .unwrap();
    assert_eq!(versions, [(person.company.id.clone(), 2), (second.id, 2)]);
    let request = v1::BatchGetMembersRequest {
        user_ids: vec![person.user.id.clone()],
    };
    let members = answer(world.members().batch_get_members(person.asks(request)).await)
        .unwrap()
        .members;
    assert_eq!(
        (members[0].name.as_str(), members[0].version),
        ("Augusta Lovelace", 2)
    );
}
