//! Exports: what went in comes out, and nothing in it runs in a spreadsheet.

use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::json;

use crate::{conversion::lead, trial};

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "exporting::export_import_export_is_the_same_bytes",
            round_trip,
        ),
        trial(
            suite,
            "exporting::takes_the_filters_the_order_and_the_columns_of_a_list",
            chosen,
        ),
    ]
}

async fn round_trip(suite: &Suite) {
    let api = suite.api().company().await;
    for (name, description) in [
        ("=1+1", "+49 30"),
        ("'quoted", "'=still text"),
        ("-minus", "@at"),
        ("Comma, \"quote\"", "two\nlines"),
        ("Ünïcödé 漢字", "''=twice"),
    ] {
        lead(&api, json!({"last_name": name, "description": description, "tags": ["x", "y z"], "budget": {"amount": "1.5000", "currency": "EUR"}})).await;
    }
    let columns = "last_name,description,tags,budget,budget_currency,created_at";
    let path = format!("/leads/export/?order_by=last_name&columns={columns}");
    let first = api.get(&path).await;
    assert!(
        first.header("content-type").unwrap().starts_with("text/csv"),
        "{first:?}"
    );
    assert!(
        first.text.contains("'=1+1") && first.text.contains("''=still text"),
        "{}",
        first.text
    );
    assert!(first.text.lines().count() > 5 && first.text.contains("\r\n"));
    let other = suite.api().company().await;
    let job = other
        .csv("/leads/import/?skip_duplicates=false", first.text.clone())
        .await
        .expect(200);
    assert_eq!((&job["created"], &job["failed"]), (&json!(5), &json!(0)), "{job}");
    assert_eq!(other.get(&path).await.text, first.text);
}

async fn chosen(suite: &Suite) {
    let api = suite.api().company().await;
    for (name, rating) in [("A", "hot"), ("B", "cold"), ("C", "hot")] {
        lead(&api, json!({"last_name": name, "rating": rating})).await;
    }
    let answer = api
        .get("/leads/export/?rating=hot&order_by=-last_name&columns=last_name,rating")
        .await;
    assert_eq!(answer.text, "last_name,rating\r\nC,hot\r\nA,hot\r\n");
    let whole = api.get("/leads/export/").await;
    assert!(whole.text.starts_with("id,"), "{}", whole.text);
    assert_eq!(whole.text.lines().count(), 4);
    assert_eq!(
        api.get("/leads/export/?columns=colour").await.expect(400)["errors"][0]["field"],
        "columns"
    );
}
