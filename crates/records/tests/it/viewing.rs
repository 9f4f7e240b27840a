//! Saved views.

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Error, Kind};
use kontor_proto::records::v1::{View, ViewColumn, ViewKind};
use kontor_records::views::Views;
use prost_types::FieldMask;
use uuid::Uuid;

use crate::lead::Lead;
use crate::world::World;

fn views(world: &World) -> Views<Lead> {
    Views::new(world.db.clone())
}

fn hot(shared: bool) -> View {
    View {
        name: " Hot ones ".into(),
        shared,
        filter: "score >= 50 AND status = working".into(),
        search: "berlin".into(),
        order_by: "-score,last_name".into(),
        columns: ["last_name", "address", "owner"]
            .map(|field| ViewColumn {
                field: field.into(),
                width: Some(120),
            })
            .to_vec(),
        kind: ViewKind::Board.into(),
        ..View::default()
    }
}

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    }
}

async fn names(world: &World, caller: &Caller) -> Vec<String> {
    let listed = views(world).list(caller).await.unwrap();
    listed.into_iter().map(|view| view.name).collect()
}

fn faults(error: &Error) -> Vec<(&str, &str)> {
    error
        .fields()
        .iter()
        .map(|fault| (fault.field.as_ref(), fault.code.as_ref()))
        .collect()
}

#[tokio::test]
async fn a_view_is_kept_as_it_was_saved_and_changed_by_its_mask() {
    let world = World::new().await;
    let made = views(&world)
        .create(&world.admin, hot(false), world.now)
        .await
        .unwrap();
    assert_eq!(made.name, "Hot ones");
    let listed = views(&world).list(&world.admin).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&made));
    let change = View {
        name: "Cold ones".into(),
        ..View::default()
    };
    let paths = mask(&["name", "filter", "columns"]);
    let after = views(&world)
        .update(&world.admin, &made.id, change, Some(&paths), "")
        .await
        .unwrap();
    let expected = View {
        name: "Cold ones".into(),
        filter: String::new(),
        columns: Vec::new(),
        etag: "2".into(),
        ..made.clone()
    };
    assert_eq!(after, expected);
    views(&world).delete(&world.admin, &made.id, "").await.unwrap();
    assert!(names(&world, &world.admin).await.is_empty());
    assert_eq!(
        views(&world)
            .delete(&world.admin, &made.id, "")
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
}

#[tokio::test]
async fn what_cannot_be_listed_cannot_be_saved() {
    let world = World::new().await;
    let wrong = View {
        name: String::new(),
        filter: "score >=".into(),
        order_by: "unheard".into(),
        columns: vec![
            ViewColumn {
                field: "company_id".into(),
                width: None,
            },
            ViewColumn {
                field: "score".into(),
                width: Some(0),
            },
        ],
        ..hot(true)
    };
    let error = views(&world)
        .create(&world.admin, wrong, world.now)
        .await
        .unwrap_err();
    assert_eq!(
        faults(&error),
        [
            ("name", "required"),
            ("order_by", "unknown_field"),
            ("filter", "syntax"),
            ("columns[0].field", "unknown_field"),
            ("columns[1].width", "out_of_range"),
        ]
    );
    let made = views(&world)
        .create(&world.admin, hot(true), world.now)
        .await
        .unwrap();
    let wrong = View {
        filter: "custom_fields.gone = 1".into(),
        ..View::default()
    };
    let paths = mask(&["filter", "id", "unheard"]);
    let error = views(&world)
        .update(&world.admin, &made.id, wrong, Some(&paths), "")
        .await
        .unwrap_err();
    assert_eq!(
        faults(&error),
        [
            ("id", "read_only"),
            ("unheard", "unknown_field"),
            ("filter", "unknown_field")
        ]
    );
}

#[tokio::test]
async fn a_view_is_its_maker_s_and_a_shared_one_everybody_s_to_see() {
    let world = World::new().await;
    let (maker, reader) = (world.person(&["leads:read"]), world.person(&["leads:read"]));
    let own = views(&world)
        .create(
            &maker,
            View {
                name: "Own".into(),
                ..View::default()
            },
            world.now,
        )
        .await
        .unwrap();
    let shared = views(&world)
        .create(
            &maker,
            View {
                name: "Shared".into(),
                shared: true,
                ..View::default()
            },
            world.now,
        )
        .await
        .unwrap();
    assert_eq!(names(&world, &maker).await, ["Own", "Shared"]);
    assert_eq!(names(&world, &reader).await, ["Shared"]);
    assert_eq!(
        views(&world)
            .delete(&reader, &own.id, "")
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert_eq!(
        views(&world)
            .delete(&reader, &shared.id, "")
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );

    let id = Uuid::now_v7();
    let boss = Caller::person(
        id,
        world.company,
        id,
        "admin",
        Permissions::parse(["leads:read"]),
        None,
    );
    let paths = mask(&["shared"]);
    let private = views(&world)
        .update(&boss, &shared.id, View::default(), Some(&paths), "")
        .await
        .unwrap();
    assert_eq!(private.created_by, shared.created_by);
    assert!(names(&world, &boss).await.is_empty());
    assert_eq!(names(&world, &maker).await, ["Own", "Shared"]);

    let other = World::new().await;
    assert!(names(&other, &other.admin).await.is_empty());
    assert_eq!(
        views(&other)
            .delete(&other.admin, &own.id, "")
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
}

#[tokio::test]
async fn a_view_that_was_changed_meanwhile_is_not_changed_by_what_was_read_before() {
    let world = World::new().await;
    let (views, admin) = (views(&world), &world.admin);
    let made = views.create(admin, hot(true), world.now).await.unwrap();
    let named = |name: &str| View {
        name: name.into(),
        ..View::default()
    };
    let paths = mask(&["name"]);
    let change = async |name: &str, etag: &str| {
        views
            .update(admin, &made.id, named(name), Some(&paths), etag)
            .await
    };
    let first = change("First", &made.etag).await.unwrap();
    assert_ne!(first.etag, made.etag);
    assert_eq!(
        change("Second", &made.etag).await.unwrap_err().kind(),
        Kind::Stale
    );
    let same = change("First", &first.etag).await.unwrap();
    assert_eq!(same.etag, first.etag, "what changes nothing leaves the etag");
    let listed = views.list(admin).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&first));
    let stale = views.delete(admin, &made.id, &made.etag).await.unwrap_err();
    assert_eq!(stale.kind(), Kind::Stale);
    views.delete(admin, &made.id, &first.etag).await.unwrap();
}
