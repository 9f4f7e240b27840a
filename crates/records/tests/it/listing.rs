//! Lists: filters, orders, pages, search, totals, summaries.

use kontor_chassis::Kind;
use kontor_proto::leads::v1;
use kontor_proto::records::v1::{ListQuery, Money, RecordChange};
use kontor_records::{Record as _, query, refs, stats};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::lead::Lead;
use crate::world::{World, filter, named};

fn ordered(order: &str) -> ListQuery {
    ListQuery {
        order_by: order.into(),
        ..ListQuery::default()
    }
}

fn filtered(expression: &str) -> ListQuery {
    ListQuery {
        filter: expression.into(),
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

fn typed(parameter: &str, values: &[&str]) -> ListQuery {
    ListQuery {
        field_filters: vec![filter(parameter, values)],
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

fn searched(words: &str) -> ListQuery {
    ListQuery {
        search: words.into(),
        order_by: "last_name".into(),
        ..ListQuery::default()
    }
}

/// Four leads that differ in everything one can filter by.
async fn four() -> World {
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
async fn pages_hold_every_record_once_in_every_order() {
    let world = World::new().await;
    for at in 0..23_i64 {
        world
            .make(v1::Lead {
                first_name: (at % 3 != 0).then(|| format!("F{}", at % 4)),
                employee_count: (at % 5 != 0).then_some(at % 7),
                budget: (at % 2 == 0).then(|| Money {
                    amount: format!("{}.25", at % 3),
                    currency: "EUR".into(),
                }),
                rating: (at % 4 != 0).then_some(v1::LeadRating::Warm as i32),
                ..named(&format!("L{:02}", at % 10))
            })
            .await;
    }
    for order in [
        "",
        "created_at",
        "-created_at,id",
        "last_name",
        "-last_name,first_name",
        "first_name,-employee_count",
        "-employee_count",
        "employee_count desc, last_name asc",
        "budget,-first_name",
        "-rating,-budget,last_name",
        "address.city",
        "-id",
    ] {
        let whole = world
            .list(ListQuery {
                page_size: 200,
                ..ordered(order)
            })
            .await
            .unwrap();
        let expected: Vec<String> = whole.records.iter().map(|lead| lead.id.clone()).collect();
        assert_eq!(expected.len(), 23);
        let mut paged = Vec::new();
        let mut token = String::new();
        loop {
            let query = ListQuery {
                page_size: 4,
                page_token: token,
                ..ordered(order)
            };
            let page = world.list(query).await.unwrap();
            assert_eq!(page.total_size, Some(23));
            paged.extend(page.records.into_iter().map(|lead| lead.id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, expected, "{order}");
    }
}

#[tokio::test]
async fn nulls_are_last_either_way() {
    let world = four().await;
    assert_eq!(
        world.names(ordered("employee_count,last_name")).await,
        ["Adams", "Brown", "Clark", "Davis"]
    );
    assert_eq!(
        world.names(ordered("-employee_count,last_name")).await,
        ["Brown", "Adams", "Clark", "Davis"]
    );
}

#[tokio::test]
async fn a_token_serves_its_own_list_alone() {
    let world = four().await;
    let first = |query: ListQuery| ListQuery {
        page_size: 1,
        ..query
    };
    let token = world
        .list(first(filtered("score >= 0")))
        .await
        .unwrap()
        .next_page_token;
    assert!(!token.is_empty());
    let with = |query: ListQuery| ListQuery {
        page_token: token.clone(),
        ..query
    };
    assert!(
        world.list(with(filtered("score >= 0"))).await.is_ok(),
        "the size of a page may change"
    );
    let mut tampered = token.clone();
    tampered.replace_range(30..31, if &token[30..31] == "A" { "B" } else { "A" });
    for query in [
        with(filtered("score >= 1")),
        with(ListQuery {
            order_by: "-last_name".into(),
            ..filtered("score >= 0")
        }),
        with(ListQuery {
            search: "a".into(),
            ..filtered("score >= 0")
        }),
        with(ListQuery {
            deleted: true,
            ..filtered("score >= 0")
        }),
        with(ListQuery {
            field_filters: vec![filter("status", &["new"])],
            ..filtered("score >= 0")
        }),
        ListQuery {
            page_token: tampered,
            ..filtered("score >= 0")
        },
    ] {
        let error = world.list(query).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Invalid, "invalid_page_token")
        );
    }
    let stranger = World::new().await;
    let error = stranger.list(with(filtered("score >= 0"))).await.unwrap_err();
    assert_eq!(error.code(), "invalid_page_token");
}

#[tokio::test]
async fn a_search_that_forgave_a_typo_goes_on_forgiving_it() {
    let world = World::new().await;
    for name in ["Johnson A", "Johnson B", "Johnson C"] {
        world.make(named(name)).await;
    }
    let first = world
        .list(ListQuery {
            page_size: 2,
            ..searched("jonhson")
        })
        .await
        .unwrap();
    assert_eq!((first.records.len(), first.total_size), (2, Some(3)));
    let rest = world
        .list(ListQuery {
            page_token: first.next_page_token,
            ..searched("jonhson")
        })
        .await
        .unwrap();
    assert_eq!(rest.records.len(), 1);
}

#[tokio::test]
async fn a_page_has_50_records_unless_said_and_at_most_200() {
    let world = World::new().await;
    many(&world, 230).await;
    let sizes = |query: ListQuery| async { world.list(query).await.unwrap().records.len() };
    assert_eq!(sizes(ListQuery::default()).await, 50);
    assert_eq!(
        sizes(ListQuery {
            page_size: 1000,
            ..ListQuery::default()
        })
        .await,
        200
    );
    let page = world
        .list(ListQuery {
            include_total: Some(false),
            ..ListQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(page.total_size, None);
}

#[tokio::test]
async fn a_total_above_ten_thousand_is_an_estimate() {
    let world = World::new().await;
    many(&world, 10_050).await;
    let page = world
        .list(ListQuery {
            page_size: 1,
            ..ListQuery::default()
        })
        .await
        .unwrap();
    assert!(page.total_size_is_estimate);
    assert!(page.total_size.unwrap() > 10_000, "{:?}", page.total_size);
    let exact = world
        .list(ListQuery {
            page_size: 1,
            ..typed("score_max", &["9999"])
        })
        .await
        .unwrap();
    assert_eq!(
        (exact.total_size, exact.total_size_is_estimate),
        (Some(10_000), false)
    );
}

/// That many leads by one statement, with scores from 0.
async fn many(world: &World, count: i32) {
    let mut tx = world.tx().await;
    sqlx::query(
        "insert into leads (company_id, id, last_name, status, score, activity_count, created_at, updated_at, version)
         select $1, gen_random_uuid(), 'L' || n, 'new', n, 0, now() - n * interval '1 second', now(), 1
         from generate_series(0, $2 - 1) as n",
    )
    .bind(world.company)
    .bind(count)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn deleted_records_are_listed_only_when_asked_for() {
    let world = four().await;
    let all = world.list(ordered("last_name")).await.unwrap();
    let id: Uuid = all.records[1].id.parse().unwrap();
    let mut tx = world.tx().await;
    let lead: Lead = kontor_records::write::get(&mut tx, &world.admin, id)
        .await
        .unwrap();
    let change = kontor_records::write::Change::new(&world.admin, world.now, "deleted");
    kontor_records::write::delete(&mut tx, &lead, change)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        world.names(ordered("last_name")).await,
        ["Adams", "Clark", "Davis"]
    );
    assert_eq!(
        world
            .names(ListQuery {
                deleted: true,
                ..ListQuery::default()
            })
            .await,
        ["Brown"]
    );
}

#[tokio::test]
async fn expand_shows_the_names_that_events_told() {
    let world = World::new().await;
    let territory = Uuid::now_v7();
    world
        .make(v1::Lead {
            territory_id: Some(territory.to_string()),
            ..named("Doe")
        })
        .await;
    let told = |id: Uuid, name: &str, version: i64| RecordChange {
        id: id.to_string(),
        name: name.into(),
        version,
        at: Some(Timestamp::default()),
        ..RecordChange::default()
    };
    let mut tx = world.tx().await;
    let changes = [told(territory, "North", 2), told(territory, "Old North", 1)];
    refs::apply(&mut tx, world.company, "territory", &changes)
        .await
        .unwrap();
    refs::apply(
        &mut tx,
        world.company,
        "territory",
        &[told(territory, "Stale", 1)],
    )
    .await
    .unwrap();
    let me = world.admin.user_id().unwrap();
    refs::apply(&mut tx, world.company, "member", &[told(me, "Ann", 1)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let query = ListQuery {
        expand: "owner, territory".into(),
        ..ListQuery::default()
    };
    let lead = world.list(query).await.unwrap().records.pop().unwrap();
    assert_eq!(lead.territory.unwrap().name, "North");
    assert_eq!(lead.owner.unwrap().name, "Ann");
    let plain = world
        .list(ListQuery::default())
        .await
        .unwrap()
        .records
        .pop()
        .unwrap();
    assert_eq!((plain.owner, plain.territory), (None, None));
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

#[tokio::test]
async fn the_description_names_every_field_of_the_message() {
    use kontor_proto::DESCRIPTORS;
    let description = Lead::description();
    let message = DESCRIPTORS.get_message_by_name("kontor.leads.v1.Lead").unwrap();
    for field in message.fields() {
        let name = field.name();
        let known = description
            .leaves
            .iter()
            .any(|leaf| leaf.path.split('.').next() == Some(name))
            || description
                .expansions
                .iter()
                .any(|expansion| expansion.name == name)
            || description.computed.contains(&name)
            || name == "etag";
        assert!(known, "{name}");
    }
}
