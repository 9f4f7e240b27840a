//! Lists: orders, pages, totals, summaries.

use crate::lead::v1;
use kontor_chassis::Kind;
use kontor_proto::DESCRIPTORS;
use kontor_proto::records::v1::{ListQuery, Money, RecordChange};
use kontor_records::{Choice as _, refs};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::filtering::{filtered, four, ordered, searched, typed};
use crate::lead::{Lead, LeadSource};
use crate::world::{World, filter, named};

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

#[test]
fn the_words_of_a_choice_are_those_of_the_contract() {
    let proto = DESCRIPTORS
        .get_enum_by_name("kontor.leads.v1.LeadSource")
        .unwrap();
    for value in proto.values().filter(|value| value.number() != 0) {
        let choice = LeadSource::from_number(value.number()).unwrap();
        assert_eq!(
            format!("LEAD_SOURCE_{}", choice.word().to_uppercase()),
            value.name()
        );
    }
    assert_eq!(LeadSource::from_number(0), None);
}
