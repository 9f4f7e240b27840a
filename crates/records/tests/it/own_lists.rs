//! Lists by fields that a company defines itself.

use kontor_proto::records::v1::ListQuery;
use serde_json::json;

use crate::own_fields::{with, world};
use crate::world::{World, filter};

/// Five leads, one of whom has nothing.
pub(crate) async fn listed() -> World {
    let world = world().await;
    for (name, custom) in [
        (
            "two",
            json!({"size": 2, "renewal": "2026-01-09", "tier": "Gold", "price": {"amount": "9", "currency": "EUR"}}),
        ),
        (
            "ten",
            json!({"size": 10, "renewal": "2026-01-10", "tier": "Silver", "colours": ["red", "blue"]}),
        ),
        (
            "minus",
            json!({"size": -1.5, "renewal": "2025-12-31", "vip": true, "price": {"amount": "10", "currency": "USD"}}),
        ),
        ("tenth", json!({"size": 10, "vip": false, "colours": ["green"]})),
        ("none", json!({})),
    ] {
        world.make(with(name, &custom)).await;
    }
    world
}

pub(crate) fn query(filter: &str) -> ListQuery {
    ListQuery {
        filter: filter.into(),
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

#[tokio::test]
async fn lists_are_filtered_by_type() {
    let world = listed().await;
    for (filter, expected) in [
        ("custom_fields.size > 5", &["ten", "tenth"][..]),
        ("custom_fields.size = 2", &["two"]),
        ("custom_fields.size != 10", &["minus", "none", "two"]),
        ("custom_fields.size = null", &["none"]),
        ("custom_fields.renewal >= 2026-01-10", &["ten"]),
        ("custom_fields.renewal < \"2026-01-10\"", &["minus", "two"]),
        ("custom_fields.vip = true", &["minus"]),
        ("custom_fields.vip = false", &["tenth"]),
        ("custom_fields.tier = gold", &["two"]),
        ("custom_fields.tier:*", &["ten", "two"]),
        ("custom_fields.colours:red", &["ten"]),
        (
            "NOT custom_fields.colours:red",
            &["minus", "none", "tenth", "two"],
        ),
        ("custom_fields.price > 9.5", &["minus"]),
        ("custom_fields.price.currency = EUR", &["two"]),
    ] {
        assert_eq!(world.names(query(filter)).await, expected, "{filter}");
    }
    let typed = |parameter: &str, values: &[&str]| ListQuery {
        field_filters: vec![filter(parameter, values)],
        ..query("")
    };
    assert_eq!(
        world.names(typed("custom_fields.size_min", &["3"])).await,
        ["ten", "tenth"]
    );
    assert_eq!(
        world
            .names(typed("custom_fields.renewal_before", &["2026-01-01"]))
            .await,
        ["minus"]
    );
    assert_eq!(
        world
            .names(typed("custom_fields.tier", &["Gold", "Silver"]))
            .await,
        ["ten", "two"]
    );
    for (filter, code) in [
        ("custom_fields.unheard = 1", "unknown_field"),
        ("custom_fields.size = x", "invalid_amount"),
        ("custom_fields.renewal > soon", "invalid_date"),
        ("custom_fields.vip > true", "invalid_operator"),
    ] {
        let error = world.list(query(filter)).await.unwrap_err();
        assert_eq!(error.fields()[0].code, code, "{filter}");
    }
}

#[tokio::test]
async fn numbers_are_ordered_as_numbers_and_dates_as_dates_page_by_page() {
    let world = listed().await;
    for (order, expected) in [
        (
            "custom_fields.size,last_name",
            ["minus", "two", "ten", "tenth", "none"],
        ),
        (
            "-custom_fields.size,-last_name",
            ["tenth", "ten", "two", "minus", "none"],
        ),
        (
            "custom_fields.renewal,last_name",
            ["minus", "two", "ten", "none", "tenth"],
        ),
        (
            "-custom_fields.vip,last_name",
            ["minus", "tenth", "none", "ten", "two"],
        ),
        (
            "-custom_fields.price,last_name",
            ["minus", "two", "none", "ten", "tenth"],
        ),
    ] {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = world
                .list(ListQuery {
                    order_by: order.into(),
                    page_size: 2,
                    page_token: token,
                    ..ListQuery::default()
                })
                .await
                .unwrap();
            found.extend(page.records.into_iter().map(|lead| lead.last_name));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, expected, "{order}");
    }
    let unsortable = ListQuery {
        order_by: "custom_fields.colours".into(),
        ..ListQuery::default()
    };
    assert_eq!(
        world.list(unsortable).await.unwrap_err().fields()[0].field,
        "order_by"
    );
}
