//! Fields that a company defines itself.

use kontor_chassis::{Error, FieldErrors, Kind};
use kontor_proto::records::v1::{FieldDefinition, FieldType, ListQuery};
use kontor_records::Record as _;
use kontor_records::fields::{self, OwnFields};
use kontor_records::write::{self, Change, Which};
use prost_types::FieldMask;
use serde_json::{Value, json};

use crate::lead::{Lead, v1};
use crate::own_lists::{listed, query};
use crate::world::{World, named};

fn own(world: &World) -> OwnFields<Lead> {
    OwnFields::new(world.db.clone())
}

fn field(key: &str, kind: FieldType) -> FieldDefinition {
    FieldDefinition {
        key: key.into(),
        r#type: kind.into(),
        ..FieldDefinition::default()
    }
}

fn choice(key: &str, kind: FieldType, choices: &[&str]) -> FieldDefinition {
    FieldDefinition {
        choices: choices.iter().map(|&word| word.to_owned()).collect(),
        ..field(key, kind)
    }
}

/// A company with a field of every type.
pub(crate) async fn world() -> World {
    let world = World::new().await;
    for definition in [
        field("note", FieldType::Text),
        field("size", FieldType::Number),
        field("price", FieldType::Money),
        field("renewal", FieldType::Date),
        field("vip", FieldType::Boolean),
        choice("tier", FieldType::Choice, &["Gold", "Silver"]),
        choice("colours", FieldType::MultiChoice, &["red", "green", "blue"]),
        field("page", FieldType::Url),
    ] {
        own(&world).create(&world.admin, definition).await.unwrap();
    }
    world
}

pub(crate) fn with(name: &str, custom: &Value) -> v1::Lead {
    v1::Lead {
        custom_fields: Some(structure(custom)),
        ..named(name)
    }
}

fn structure(json: &Value) -> prost_types::Struct {
    let fields = json.as_object().unwrap().iter();
    prost_types::Struct {
        fields: fields.map(|(key, value)| (key.clone(), wire(value))).collect(),
    }
}

fn wire(json: &Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(list) => Kind::ListValue(prost_types::ListValue {
            values: list.iter().map(wire).collect(),
        }),
        Value::Object(_) => Kind::StructValue(structure(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn faults(error: &Error) -> Vec<(String, String)> {
    let faults = error.fields().iter();
    faults
        .map(|fault| (fault.field.to_string(), fault.code.to_string()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(f, c)| ((*f).to_owned(), (*c).to_owned()))
        .collect()
}

async fn create(world: &World, custom: Value) -> Result<Value, Error> {
    let mut tx = world.tx().await;
    let fields = fields::of::<Lead>(&mut tx, world.company).await?;
    let mut errors = FieldErrors::new();
    let lead = Lead::create(with("A", &custom), &fields, &world.admin, world.now, &mut errors);
    errors.into_result()?;
    let lead = write::insert(&mut tx, &lead, Change::new(&world.admin, world.now, "created")).await?;
    tx.commit().await?;
    Ok(Value::Object(lead.custom_fields))
}

async fn patch(world: &World, lead: &Lead, custom: Value, paths: &[&str]) -> Result<Value, Error> {
    let mut tx = world.tx().await;
    let before: Lead =
        write::get_for_update(&mut tx, &world.admin, lead.id, "update", Which::Present).await?;
    let fields = fields::of::<Lead>(&mut tx, world.company).await?;
    let mut errors = FieldErrors::new();
    let mask = FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    };
    let after = before.patch(with("A", &custom), Some(&mask), &fields, &mut errors);
    errors.into_result()?;
    let after = write::update(
        &mut tx,
        &before,
        after,
        Change::new(&world.admin, world.now, "updated"),
    )
    .await?;
    tx.commit().await?;
    Ok(Value::Object(after.custom_fields))
}

#[tokio::test]
async fn every_type_keeps_its_values() {
    let world = world().await;
    let kept = create(
        &world,
        json!({
            "note": "  two\nlines ", "size": 3.25, "price": {"amount": "12.5", "currency": "eur"}, "renewal": "2026-02-28",
            "vip": false, "tier": "gold", "colours": ["blue", "red", "blue"], "page": "example.com",
        }),
    )
    .await
    .unwrap();
    assert_eq!(
        kept,
        json!({
            "note": "  two\nlines ", "size": 3.25, "price": {"amount": "12.5", "currency": "EUR"}, "renewal": "2026-02-28",
            "vip": false, "tier": "Gold", "colours": ["blue", "red"], "page": "https://example.com",
        })
    );
    assert_eq!(
        create(&world, json!({"note": " ", "size": null})).await.unwrap(),
        json!({})
    );
}

#[tokio::test]
async fn what_cannot_stand_is_told_all_at_once() {
    let world = world().await;
    let error = create(
        &world,
        json!({
            "unheard": 1, "note": 5, "size": "5", "price": {"amount": "x", "more": 1}, "renewal": "2026-02-30",
            "vip": "yes", "tier": "Bronze", "colours": ["red", "pink"], "page": "ftp://x",
        }),
    )
    .await
    .unwrap_err();
    let mut told = faults(&error);
    told.sort();
    assert_eq!(
        told,
        pairs(&[
            ("custom_fields.colours[1]", "unknown_value"),
            ("custom_fields.note", "invalid_type"),
            ("custom_fields.page", "invalid_url"),
            ("custom_fields.price.amount", "invalid_amount"),
            ("custom_fields.price.currency", "required"),
            ("custom_fields.price.more", "unknown_field"),
            ("custom_fields.renewal", "invalid_date"),
            ("custom_fields.size", "invalid_type"),
            ("custom_fields.tier", "unknown_value"),
            ("custom_fields.unheard", "unknown_field"),
            ("custom_fields.vip", "invalid_type"),
        ])
    );
}

#[tokio::test]
async fn a_required_field_must_be_there_and_stay() {
    let world = World::new().await;
    let required = FieldDefinition {
        required: true,
        ..field("size", FieldType::Number)
    };
    own(&world).create(&world.admin, required).await.unwrap();
    let error = create(&world, json!({})).await.unwrap_err();
    assert_eq!(faults(&error), pairs(&[("custom_fields.size", "required")]));
    let lead = world.make(with("A", &json!({"size": 1}))).await;
    let error = patch(&world, &lead, json!({}), &["custom_fields.size"])
        .await
        .unwrap_err();
    assert_eq!(faults(&error), pairs(&[("custom_fields.size", "required")]));
}

#[tokio::test]
async fn a_patch_changes_the_keys_it_names() {
    let world = world().await;
    let lead = world
        .make(with(
            "A",
            &json!({"size": 1, "note": "a", "price": {"amount": "5", "currency": "EUR"}}),
        ))
        .await;
    let after = patch(
        &world,
        &lead,
        json!({"size": 2, "price": {"amount": "6"}, "vip": true}),
        &[
            "custom_fields.size",
            "custom_fields.note",
            "custom_fields.price.amount",
        ],
    )
    .await
    .unwrap();
    assert_eq!(
        after,
        json!({"size": 2, "price": {"amount": "6", "currency": "EUR"}})
    );
    let error = patch(&world, &lead, json!({"no": 1}), &["custom_fields.no"])
        .await
        .unwrap_err();
    assert_eq!(faults(&error), pairs(&[("custom_fields.no", "unknown_field")]));
    let cleared = patch(&world, &lead, json!({}), &["custom_fields"]).await.unwrap();
    assert_eq!(cleared, json!({}));
    let mut tx = world.db.read(&world.admin).await.unwrap();
    let history = kontor_records::history::list::<Lead>(&mut tx, &world.admin, lead.id, 0, "")
        .await
        .unwrap();
    let told: Vec<_> = history
        .changes
        .iter()
        .filter_map(|change| {
            Some((
                change.field.as_deref()?,
                change.old.as_deref(),
                change.new.as_deref(),
            ))
        })
        .collect();
    assert!(
        told.contains(&("custom_fields.size", Some("1"), Some("2"))),
        "{told:?}"
    );
    assert!(
        told.contains(&("custom_fields.note", Some("a"), None)),
        "{told:?}"
    );
    assert!(
        told.contains(&("custom_fields.price", Some("5 EUR"), Some("6 EUR"))),
        "{told:?}"
    );
}

#[tokio::test]
async fn definitions_are_judged_and_keep_key_and_type() {
    let world = world().await;
    let fields = own(&world);
    for (definition, expected) in [
        (
            FieldDefinition::default(),
            &[("key", "required"), ("type", "required")][..],
        ),
        (field("Größe", FieldType::Text), &[("key", "invalid_key")]),
        (field("1st", FieldType::Text), &[("key", "invalid_key")]),
        (field("word", FieldType::Choice), &[("choices", "required")]),
        (
            choice("word", FieldType::Choice, &["a", "", "b;c"]),
            &[("choices[1]", "required"), ("choices[2]", "invalid_characters")],
        ),
        (
            choice("word", FieldType::Text, &["a"]),
            &[("choices", "not_a_choice")],
        ),
    ] {
        let error = fields.create(&world.admin, definition).await.unwrap_err();
        assert_eq!(faults(&error), pairs(expected));
    }
    for taken in ["size", "price_currency", "industry"] {
        let error = fields
            .create(&world.admin, field(taken, FieldType::Text))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "field_exists", "{taken}");
    }
    let mask = |paths: &[&str]| FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    };
    let changed = FieldDefinition {
        label: "Stufe".into(),
        ..choice("tier", FieldType::Choice, &["Gold", "Platinum"])
    };
    let after = fields
        .update(
            &world.admin,
            "tier",
            changed.clone(),
            Some(&mask(&["label", "choices", "key", "type"])),
            "",
        )
        .await
        .unwrap();
    assert_eq!(
        (after.label.as_str(), after.choices.as_slice()),
        ("Stufe", changed.choices.as_slice())
    );
    let error = fields
        .update(
            &world.admin,
            "tier",
            field("other", FieldType::Date),
            Some(&mask(&["key", "type", "built_in", "x"])),
            "",
        )
        .await
        .unwrap_err();
    assert_eq!(
        faults(&error),
        pairs(&[
            ("key", "read_only"),
            ("type", "read_only"),
            ("built_in", "read_only"),
            ("x", "unknown_field")
        ])
    );
    let error = fields
        .update(&world.admin, "industry", changed, None, "")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "built_in_field");
}

#[tokio::test]
async fn built_in_fields_are_listed_and_marked() {
    let world = world().await;
    let listed = own(&world).list(&world.admin).await.unwrap();
    let found = |key: &str| listed.iter().find(|field| field.key == key).unwrap();
    assert!(found("last_name").built_in && found("last_name").required);
    assert_eq!(found("source").r#type(), FieldType::Choice);
    assert!(found("source").choices.contains(&"cold_call".to_owned()));
    assert_eq!(found("budget").r#type(), FieldType::Money);
    assert!(!found("tier").built_in);
    let own: Vec<&str> = listed
        .iter()
        .filter(|field| !field.built_in)
        .map(|field| field.key.as_str())
        .collect();
    assert_eq!(
        own,
        [
            "note", "size", "price", "renewal", "vip", "tier", "colours", "page"
        ]
    );
    assert!(
        listed
            .iter()
            .all(|field| !["company_id", "version"].contains(&field.key.as_str()))
    );
}

#[tokio::test]
async fn a_removed_field_takes_its_values_along_and_may_come_back_as_something_else() {
    let world = listed().await;
    own(&world).delete(&world.admin, "size", "").await.unwrap();
    let error = world.list(query("custom_fields.size > 1")).await.unwrap_err();
    assert_eq!(error.fields()[0].code, "unknown_field");
    let page = world.list(ListQuery::default()).await.unwrap();
    let has = |lead: &v1::Lead| lead.custom_fields.as_ref().unwrap().fields.contains_key("size");
    assert!(!page.records.iter().any(has));
    own(&world)
        .create(&world.admin, field("size", FieldType::Text))
        .await
        .unwrap();
    world.make(with("large", &json!({"size": "XL"}))).await;
    assert_eq!(world.names(query("custom_fields.size = xl")).await, ["large"]);
    let error = own(&world).delete(&world.admin, "gone", "").await.unwrap_err();
    assert_eq!(error.code(), "not_found");
}

#[tokio::test]
async fn a_field_that_was_changed_meanwhile_is_not_changed_by_what_was_read_before() {
    let world = World::new().await;
    let (fields, admin) = (own(&world), &world.admin);
    let made = fields
        .create(admin, field("tier", FieldType::Text))
        .await
        .unwrap();
    let etag = made.etag.clone().unwrap();
    let called = |label: &str| FieldDefinition {
        label: label.into(),
        ..FieldDefinition::default()
    };
    let first = fields
        .update(admin, "tier", called("First"), None, &etag)
        .await
        .unwrap();
    let stale = fields.update(admin, "tier", called("Second"), None, &etag).await;
    assert_eq!(stale.unwrap_err().kind(), Kind::Stale);
    let stale = fields.delete(admin, "tier", &etag).await.unwrap_err();
    assert_eq!(stale.kind(), Kind::Stale);
    let listed = fields.list(admin).await.unwrap();
    let kept = listed.iter().find(|field| field.key == "tier");
    assert_eq!(kept, Some(&first));
    assert!(listed.iter().all(|field| field.built_in == field.etag.is_none()));
    fields.delete(admin, "tier", &first.etag.unwrap()).await.unwrap();
}

#[tokio::test]
async fn fields_are_a_company_s_own_and_their_keepers_to_change() {
    let world = world().await;
    let other = World::new().await;
    let error = create(&other, json!({"size": 1})).await.unwrap_err();
    assert_eq!(faults(&error), pairs(&[("custom_fields.size", "unknown_field")]));
    assert_eq!(
        own(&other)
            .delete(&other.admin, "size", "")
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    let reader = world.person(&["leads:read", "fields:read"]);
    assert!(!own(&world).list(&reader).await.unwrap().is_empty());
    for error in [
        own(&world)
            .create(&reader, field("x", FieldType::Text))
            .await
            .unwrap_err(),
        own(&world).delete(&reader, "size", "").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), "forbidden");
    }
}
