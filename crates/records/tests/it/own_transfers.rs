//! A company's own fields in files.

use std::collections::HashMap;

use kontor_chassis::Kind;
use kontor_proto::records::v1::{ImportBlankCells, ImportMode, ImportOptions, ListQuery};
use serde_json::{Value, json};

use crate::exporting::exported;
use crate::importing::{counts, errors, import, service, upload};
use crate::own_fields::world;
use crate::world::World;

const HEADER: &str = "last_name,email,custom_fields.note,custom_fields.size,custom_fields.price,custom_fields.price_currency,\
    custom_fields.renewal,custom_fields.vip,custom_fields.tier,custom_fields.colours,custom_fields.page";

fn matched_by_email(mode: ImportMode) -> ImportOptions {
    ImportOptions {
        mode: mode.into(),
        match_on: "email".into(),
        ..ImportOptions::default()
    }
}

/// Last names and own fields, as they are kept.
async fn custom(world: &World) -> Vec<(String, Value)> {
    let mut tx = world.tx().await;
    sqlx::query_as(
        "select last_name, custom_fields from leads.leads where company_id = $1 order by last_name",
    )
    .bind(world.company)
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_fills_the_company_s_own_fields() {
    let world = world().await;
    let file = format!(
        "{HEADER}\nA,a@x.example,\"'=note\",12.5,\"1,200\",EUR,2026-01-31,yes,gold,red;blue,x.example\n\
         B,b@x.example,,,7,,,,,,\n"
    );
    let job = import(&world, ImportOptions::default(), file).await;
    assert_eq!(counts(&job), (2, 2, 0, 0, 0), "{:?}", job.errors);
    assert!(job.unmapped_columns.is_empty());
    assert_eq!(job.mapping["custom_fields.size"], "custom_fields.size");
    assert_eq!(
        custom(&world).await,
        [
            (
                "A".to_owned(),
                json!({
                    "note": "=note", "size": 12.5, "price": {"amount": "1200", "currency": "EUR"},
                    "renewal": "2026-01-31", "vip": true, "tier": "Gold", "colours": ["red", "blue"],
                    "page": "https://x.example",
                })
            ),
            // In the company's currency.
            (
                "B".to_owned(),
                json!({"price": {"amount": "7", "currency": "EUR"}})
            ),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_cells_of_own_fields_are_told_at_their_columns() {
    let world = world().await;
    let file =
        format!("{HEADER}\nA,,,many,x,EUR,31.31.2026,perhaps,Bronze,red;pink,ftp://x\nB,,fine,,,,,,,,\n");
    let job = import(&world, ImportOptions::default(), file).await;
    assert_eq!(counts(&job), (2, 1, 0, 0, 1));
    let told: Vec<(&str, &str)> = errors(&job).iter().map(|error| (error.1, error.3)).collect();
    assert_eq!(
        told,
        [
            ("custom_fields.size", "invalid_amount"),
            ("custom_fields.price", "invalid_amount"),
            ("custom_fields.renewal", "invalid_date"),
            ("custom_fields.vip", "invalid_boolean"),
            ("custom_fields.page", "invalid_url"),
            ("custom_fields.tier", "unknown_value"),
            ("custom_fields.colours", "unknown_value"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_lays_own_fields_over_those_that_a_record_has() {
    let world = world().await;
    let first = "last_name,email,custom_fields.note,Size\nA,a@x.example,old,1\n";
    let job = import(&world, ImportOptions::default(), first).await;
    assert_eq!(job.mapping["Size"], "custom_fields.size", "known by its label");
    let options = matched_by_email(ImportMode::Upsert);
    let job = import(
        &world,
        options,
        "last_name,email,Size,Tier\nA,a@x.example,2,\nB,b@x.example,,silver\n",
    )
    .await;
    assert_eq!(counts(&job), (2, 1, 1, 0, 0), "{:?}", job.errors);
    let kept = custom(&world).await;
    assert_eq!(kept[0].1, json!({"note": "old", "size": 2}));
    assert_eq!(kept[1].1, json!({"tier": "Silver"}));
    let clearing = ImportOptions {
        blank_cells: ImportBlankCells::Clear.into(),
        ..matched_by_email(ImportMode::Update)
    };
    let job = import(&world, clearing, "last_name,email,Size\nA,a@x.example,\n").await;
    assert_eq!(counts(&job), (1, 0, 1, 0, 0));
    assert_eq!(custom(&world).await[0].1, json!({"note": "old"}));
    let id = job.id.parse().unwrap();
    service(&world).imports.undo(&world.admin, id).await.unwrap();
    assert_eq!(
        custom(&world).await[0].1,
        json!({"note": "old", "size": 2}),
        "taken back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn own_fields_may_be_mapped_and_given_by_default() {
    let world = world().await;
    let options = ImportOptions {
        mapping: HashMap::from([
            ("N".to_owned(), "last_name".to_owned()),
            ("X".to_owned(), "custom_fields.note".to_owned()),
        ]),
        defaults: HashMap::from([
            ("custom_fields.tier".to_owned(), "gold".to_owned()),
            ("custom_fields.note".to_owned(), "none".to_owned()),
        ]),
        ..ImportOptions::default()
    };
    let job = import(&world, options, "N,X\nA,said\nB,\n").await;
    assert_eq!(counts(&job), (2, 2, 0, 0, 0), "{:?}", job.errors);
    let kept = custom(&world).await;
    assert_eq!(kept[0].1, json!({"note": "said", "tier": "Gold"}));
    assert_eq!(kept[1].1, json!({"note": "none", "tier": "Gold"}));
    let bad = ImportOptions {
        defaults: HashMap::from([("custom_fields.tier".to_owned(), "bronze".to_owned())]),
        ..ImportOptions::default()
    };
    let refused = service(&world)
        .imports
        .run(&world.admin, upload(bad, "last_name\nA\n"))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (refused.kind(), &*refused.fields()[0].field),
        (Kind::Invalid, "defaults.custom_fields.tier")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn own_fields_come_back_from_an_export_as_they_were() {
    let world = world().await;
    let file = format!(
        "{HEADER}\nA,a@x.example,\"'=1\nsecond\",0.5,3,USD,2026-02-28,no,Silver,green,https://x.example/?q\n"
    );
    import(&world, ImportOptions::default(), file).await;
    let columns = "last_name,email,custom_fields";
    let first = exported(&world, &world.admin, ListQuery::default(), columns)
        .await
        .unwrap();
    let other = self::world().await;
    let job = import(&other, ImportOptions::default(), first.clone()).await;
    assert_eq!(counts(&job), (1, 1, 0, 0, 0), "{:?}", job.errors);
    let again = exported(&other, &other.admin, ListQuery::default(), columns)
        .await
        .unwrap();
    assert_eq!(again, first);
}
