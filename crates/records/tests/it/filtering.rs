//! Which records a list means: typed filters, expressions, search.

use crate::lead::v1;
use kontor_chassis::Kind;
use kontor_proto::records::v1::{ListQuery, Money};
use kontor_records::{query, stats};

use crate::lead::Lead;
use crate::world::{World, filter, named};

pub(crate) fn ordered(order: &str) -> ListQuery {
    ListQuery {
        order_by: order.into(),
        ..ListQuery::default()
    }
}

pub(crate) fn filtered(expression: &str) -> ListQuery {
    ListQuery {
        filter: expression.into(),
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

pub(crate) fn typed(parameter: &str, values: &[&str]) -> ListQuery {
    ListQuery {
        field_filters: vec![filter(parameter, values)],
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

pub(crate) fn searched(words: &str) -> ListQuery {
    ListQuery {
        search: words.into(),
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

/// Four leads that differ in everything one can filter by.
pub(crate) async fn four() -> World {
    let world = World::new().await;
    let money = |amount: &str, currency: &str| {
        Some(Money {
            amount: amount.into(),
            currency: currency.into(),
        })
    };
    world
        .make(v1::Lead {
            first_name: Some("Jane".into()),
            email: Some("jane@acme.com".into()),
            company_name: Some("Acme Corp".into()),
            industry: Some("Software".into()),
            employee_count: Some(10),
            budget: money("100.50", "USD"),
            source: Some(v1::LeadSource::Referral as i32),
            rating: Some(v1::LeadRating::Hot as i32),
            tags: vec!["vip".into(), "new".into()],
            ..named("Adams")
        })
        .await;
    world
        .make(v1::Lead {
            first_name: Some("Zoë".into()),
            industry: Some("Steel".into()),
            employee_count: Some(500),
            budget: money("2000", "EUR"),
            source: Some(v1::LeadSource::Event as i32),
            tags: vec!["vip".into()],
            phone: Some("+1 (555) 010-7788".into()),
            ..named("Brown")
        })
        .await;
    let rep = world.person(&["leads:read", "leads:create"]);
    world
        .make_as(
            &rep,
            v1::Lead {
                company_name: Some("Johnson & Söhne GmbH".into()),
                ..named("Clark")
            },
        )
        .await;
    world
        .make(v1::Lead {
            industry: Some("software".into()),
            ..named("Davis")
        })
        .await;
    world
}

#[tokio::test]
async fn typed_filters_or_their_values_and_and_each_other() {
    let world = four().await;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("source", &["referral"], &["Adams"]),
        ("source", &["referral", "event"], &["Adams", "Brown"]),
        ("source", &["null"], &["Clark", "Davis"]),
        ("source", &["null", "event"], &["Brown", "Clark", "Davis"]),
        ("status", &["new"], &["Adams", "Brown", "Clark", "Davis"]),
        ("status", &["working", "qualified"], &[]),
        ("owner_id", &["me"], &["Adams", "Brown", "Davis"]),
        ("tags", &["vip"], &["Adams", "Brown"]),
        ("tags", &["new", "old"], &["Adams"]),
        ("industry", &["SOFTWARE"], &["Adams", "Davis"]),
        ("employee_count_min", &["10"], &["Adams", "Brown"]),
        ("employee_count_max", &["499"], &["Adams"]),
        ("budget_min", &["100.50"], &["Adams", "Brown"]),
        ("budget_currency", &["eur"], &["Brown"]),
        (
            "created_at_after",
            &["2020-01-01"],
            &["Adams", "Brown", "Clark", "Davis"],
        ),
        ("created_at_before", &["2020-01-01T00:00:00Z"], &[]),
        ("score_min", &["-5"], &["Adams", "Brown", "Clark", "Davis"]),
        ("full_name", &["zoë brown"], &["Brown"]),
    ];
    for (parameter, values, expected) in cases {
        assert_eq!(
            world.names(typed(parameter, values)).await,
            *expected,
            "{parameter}={values:?}"
        );
    }
    let mut both = typed("tags", &["vip"]);
    both.field_filters.push(filter("rating", &["hot"]));
    assert_eq!(world.names(both).await, ["Adams"]);
}

#[tokio::test]
async fn a_bad_parameter_is_named() {
    let world = World::new().await;
    let cases = [
        (typed("colour", &["red"]), "colour", "unknown_parameter"),
        (typed("version", &["1"]), "version", "unknown_parameter"),
        (typed("status_min", &["1"]), "status_min", "unknown_parameter"),
        (typed("source", &["phone"]), "source", "unknown_value"),
        (typed("owner_id", &["bob"]), "owner_id", "invalid_id"),
        (typed("score_min", &["many"]), "score_min", "invalid_number"),
        (
            typed("created_at_after", &["yesterday"]),
            "created_at_after",
            "invalid_time",
        ),
        (typed("status", &[""]), "status", "invalid_value"),
        (ordered("colour"), "order_by", "unknown_field"),
        (ordered("tags"), "order_by", "unknown_field"),
        (ordered("last_name,"), "order_by", "unknown_field"),
        (
            ListQuery {
                expand: "owner,colour".into(),
                ..ListQuery::default()
            },
            "expand",
            "unknown_field",
        ),
        (
            ListQuery {
                page_size: -1,
                ..ListQuery::default()
            },
            "page_size",
            "out_of_range",
        ),
        (filtered("colour = 1"), "filter", "unknown_field"),
        (filtered("score >"), "filter", "syntax"),
        (filtered("score > many"), "filter", "invalid_number"),
        (filtered("tags > 5"), "filter", "invalid_operator"),
        (filtered("industry = \"a\0\""), "filter", "invalid_characters"),
        (
            ListQuery {
                page_token: "abc".into(),
                ..ListQuery::default()
            },
            "page_token",
            "invalid_page_token",
        ),
    ];
    for (query, field, code) in cases {
        let error = world.list(query).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        let told: Vec<_> = error
            .fields()
            .iter()
            .map(|f| (f.field.as_ref(), f.code.as_ref()))
            .collect();
        assert_eq!(told, [(field, code)]);
    }
    let error = world
        .list(filtered("score > 1 AND colour = 1"))
        .await
        .unwrap_err();
    assert_eq!(error.fields()[0].position, Some(14));
}

#[tokio::test]
async fn expressions_filter_as_they_read() {
    let world = four().await;
    let cases: &[(&str, &[&str])] = &[
        ("industry = software", &["Adams", "Davis"]),
        ("industry != software", &["Brown", "Clark"]),
        ("NOT industry = software", &["Brown", "Clark"]),
        ("industry = \"So*\"", &["Adams", "Davis"]),
        ("industry:war OR tags:vip", &["Adams", "Brown", "Davis"]),
        (
            "tags:vip AND industry = steel OR source = referral",
            &["Adams", "Brown"],
        ),
        ("-tags:vip", &["Clark", "Davis"]),
        ("tags:(vip AND new)", &["Adams"]),
        ("email:*", &["Adams"]),
        ("email = null", &["Brown", "Clark", "Davis"]),
        ("employee_count >= 10 AND employee_count < 500", &["Adams"]),
        ("NOT employee_count > 10", &["Adams", "Clark", "Davis"]),
        ("budget > 100.5", &["Brown"]),
        ("budget.currency = USD", &["Adams"]),
        ("source = referral OR rating = hot", &["Adams"]),
        ("source != referral", &["Brown", "Clark", "Davis"]),
        ("owner_id != me", &["Clark"]),
        (
            "created_at > 2020-01-01T00:00:00Z",
            &["Adams", "Brown", "Clark", "Davis"],
        ),
        ("jane acme", &["Adams"]),
        ("zoe OR clark", &["Brown", "Clark"]),
        ("", &["Adams", "Brown", "Clark", "Davis"]),
    ];
    for (expression, expected) in cases {
        assert_eq!(world.names(filtered(expression)).await, *expected, "{expression}");
    }
}

#[tokio::test]
async fn search_finds_words_in_any_order_by_their_beginnings_and_with_a_typo() {
    let world = four().await;
    let cases: &[(&str, &[&str])] = &[
        ("adams jane", &["Adams"]),
        ("ja ada", &["Adams"]),
        ("zoe", &["Brown"]),
        ("ZOË", &["Brown"]),
        ("jane@acme.com", &["Adams"]),
        ("johnson soh", &["Clark"]),
        ("jonhson", &["Clark"]),
        ("jonson", &["Clark"]),
        ("johnsson", &["Clark"]),
        ("xohnson", &["Clark"]),
        ("jane adms", &["Adams"]),
        ("15550107788", &["Brown"]),
        ("555 010", &["Brown"]),
        ("vip", &["Adams", "Brown"]),
        ("dams", &["Adams"]),
        ("jane brown", &[]),
        ("qqqqqq", &[]),
        ("%", &[]),
        ("  ", &["Adams", "Brown", "Clark", "Davis"]),
    ];
    for (words, expected) in cases {
        assert_eq!(world.names(searched(words)).await, *expected, "{words}");
    }
}

#[tokio::test]
async fn statistics_count_what_a_query_means() {
    let world = four().await;
    let mut tx = world.tx().await;
    let all = query::Selection::settled::<Lead>(&mut tx, &world.admin, &ListQuery::default())
        .await
        .unwrap();
    assert_eq!(stats::count::<Lead>(&mut tx, &all).await.unwrap(), 4);
    let by = stats::count_by::<Lead>(&mut tx, &all, "source").await.unwrap();
    let by: Vec<_> = by.iter().map(|c| (c.value.as_deref(), c.count)).collect();
    assert_eq!(by, [(None, 2), (Some("event"), 1), (Some("referral"), 1)]);
    let months = stats::created_per_month::<Lead>(&mut tx, &all).await.unwrap();
    assert_eq!((months.len(), months[0].count), (1, 4));
    let amounts = stats::amounts::<Lead>(&mut tx, &all, "budget").await.unwrap();
    let sums: Vec<_> = amounts
        .sums
        .iter()
        .map(|m| (m.currency.as_str(), m.amount.as_str()))
        .collect();
    assert_eq!(sums, [("EUR", "2000"), ("USD", "100.50")]);
    let vip = query::Selection::settled::<Lead>(&mut tx, &world.admin, &typed("tags", &["vip"]))
        .await
        .unwrap();
    assert_eq!(stats::count::<Lead>(&mut tx, &vip).await.unwrap(), 2);
}
