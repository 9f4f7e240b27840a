//! What a request may bring, new or as a change.

use crate::lead::v1;
use kontor_chassis::FieldErrors;
use kontor_proto::records::v1 as records;
use kontor_records::write::{self, Change};
use kontor_records::{Record as _, history};
use prost_types::FieldMask;

use crate::lead::Lead;
use crate::world::{World, built_in};
use crate::writing::{full, outbox_events};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    }
}

/// Field and code of each bad field.
fn faults(errors: FieldErrors) -> Vec<(String, String)> {
    errors
        .into_vec()
        .into_iter()
        .map(|e| (e.field.into_owned(), e.code.into_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(f, c)| ((*f).to_owned(), (*c).to_owned()))
        .collect()
}

#[tokio::test]
async fn every_bad_field_is_told_at_once() {
    let world = World::new().await;
    let mut errors = FieldErrors::new();
    let message = v1::Lead {
        first_name: Some("x".repeat(101)),
        last_name: " ".into(),
        email: Some("nobody".into()),
        phone: Some("a\0b".into()),
        website: Some("javascript:alert(1)".into()),
        employee_count: Some(-1),
        annual_revenue: Some(records::Money {
            amount: "1.23456".into(),
            currency: "XYZ".into(),
        }),
        budget: Some(records::Money {
            amount: "5".into(),
            currency: String::new(),
        }),
        source: Some(99),
        address: Some(records::Address {
            country: Some("Germany".into()),
            ..Default::default()
        }),
        territory_id: Some("7".into()),
        tags: vec!["ok".into(), "x".repeat(51)],
        custom_fields: Some(prost_types::Struct {
            fields: [("size".to_owned(), prost_types::Value { kind: None })].into(),
        }),
        ..Default::default()
    };
    Lead::create(message, &built_in(), &world.admin, world.now, &mut errors);
    let expected = pairs(&[
        ("first_name", "too_long"),
        ("last_name", "required"),
        ("email", "invalid_email"),
        ("phone", "invalid_characters"),
        ("website", "invalid_url"),
        ("employee_count", "out_of_range"),
        ("annual_revenue.amount", "invalid_amount"),
        ("annual_revenue.currency", "invalid_currency"),
        ("source", "unknown_value"),
        ("address.country", "invalid_country"),
        ("territory_id", "invalid_id"),
        ("tags[1]", "too_long"),
        ("custom_fields.size", "unknown_field"),
        ("budget.currency", "required"),
    ]);
    assert_eq!(faults(errors), expected);
}

#[tokio::test]
async fn a_patch_changes_what_the_mask_names_and_nothing_else() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let mut errors = FieldErrors::new();
    let message = v1::Lead {
        email: Some("new@example.com".into()),
        phone: Some("not in the mask".into()),
        address: Some(records::Address {
            city: Some("Bonn".into()),
            ..Default::default()
        }),
        annual_revenue: Some(records::Money {
            amount: "7".into(),
            currency: String::new(),
        }),
        ..Default::default()
    };
    let paths = mask(&[
        "email",
        "first_name",
        "address.city",
        "annual_revenue.amount",
        "utm",
        "tags",
    ]);
    let after = made.patch(message, Some(&paths), &built_in(), &mut errors);
    errors.into_result().unwrap();
    assert_eq!(
        (after.first_name.as_deref(), after.phone.as_deref()),
        (None, None)
    );
    assert_eq!(
        (after.address.city.as_deref(), after.address.country.as_deref()),
        (Some("Bonn"), Some("DE"))
    );
    assert_eq!(after.annual_revenue.as_ref().unwrap().currency, "USD");
    assert_eq!((after.utm.campaign.as_deref(), after.tags.len()), (None, 0));

    let mut tx = world.tx().await;
    let caller = world.person(&["leads:read", "leads:update"]);
    let change = Change::new(&caller, world.now + time::Duration::seconds(5), "updated");
    let kept = write::update(&mut tx, &made, after, change).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((kept.version, kept.full_name.as_str()), (2, "O'Brien"));
    assert_eq!(
        (kept.updated_by, kept.created_by),
        (caller.user_id(), world.admin.user_id())
    );

    let mut tx = world.tx().await;
    let first = history::list::<Lead>(&mut tx, &world.admin, made.id, 4, "")
        .await
        .unwrap();
    let rest = history::list::<Lead>(&mut tx, &world.admin, made.id, 4, &first.next_page_token)
        .await
        .unwrap();
    assert_eq!((first.changes.len(), rest.next_page_token.as_str()), (4, ""));
    let mut changed: Vec<_> = first.changes.iter().chain(&rest.changes).collect();
    assert_eq!(changed.pop().unwrap().action, "created", "the oldest is last");
    let mut told: Vec<_> = changed
        .iter()
        .map(|c| {
            (
                c.field.as_deref().unwrap(),
                c.old.as_deref().unwrap_or("-"),
                c.new.as_deref().unwrap_or("-"),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("address.city", "Köln", "Bonn"),
            ("annual_revenue", "1234.50", "7"),
            ("email", "Zoe@EXAMPLE.com", "new@example.com"),
            ("first_name", " Zoë ", "-"),
            ("tags", "vip;new", "-"),
            ("utm.campaign", "spring", "-"),
        ]
    );
    let events = outbox_events(&world, &made).await;
    assert_eq!(events.last().unwrap().version, 2);
    assert!(events.last().unwrap().fields.contains(&"email".to_owned()));
}

#[tokio::test]
async fn a_patch_tells_every_path_that_it_can_not_take() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let mut errors = FieldErrors::new();
    let paths = mask(&[
        "nonsense",
        "address.planet",
        "status",
        "etag",
        "owner",
        "custom_fields.size",
        "last_name",
        "score",
    ]);
    made.patch(v1::Lead::default(), Some(&paths), &built_in(), &mut errors);
    assert_eq!(
        faults(errors),
        pairs(&[
            ("nonsense", "unknown_field"),
            ("address.planet", "unknown_field"),
            ("status", "read_only"),
            ("etag", "read_only"),
            ("owner", "read_only"),
            ("score", "read_only"),
            ("last_name", "required"),
            ("custom_fields.size", "unknown_field"),
        ])
    );
}

#[tokio::test]
async fn a_patch_without_a_mask_takes_what_is_set_and_an_empty_mask_nothing() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let message = v1::Lead {
        title: Some("CEO".into()),
        ..Default::default()
    };
    let mut errors = FieldErrors::new();
    let after = made.patch(message.clone(), None, &built_in(), &mut errors);
    assert_eq!(
        (after.title.as_deref(), after.email.as_deref()),
        (Some("CEO"), Some("Zoe@EXAMPLE.com"))
    );
    assert_eq!(
        made.patch(message, Some(&mask(&[])), &built_in(), &mut errors)
            .values(),
        made.values()
    );
    errors.into_result().unwrap();
}
