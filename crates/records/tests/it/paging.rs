//! Pages and their tokens: what others insert in the meantime, and tokens that nobody made.

use std::collections::HashSet;

use kontor_chassis::{FieldErrors, Kind};
use kontor_proto::records::v1::ListQuery;
use kontor_records::Record as _;
use kontor_records::query::{Identity, Order};
use proptest::prelude::*;

use crate::filtering::ordered;
use crate::lead::{Lead, v1};
use crate::world::{World, built_in, named, person};

/// A lead of that place in the order of its count of employees; every fifth has none.
async fn make(world: &World, name: &str, place: i64) -> String {
    let lead = v1::Lead {
        employee_count: (place % 5 != 0).then_some(place),
        ..named(name)
    };
    world.make(lead).await.id.to_string()
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_a_record_while_others_are_made() {
    let world = World::new().await;
    let mut there = HashSet::new();
    for place in 0..60 {
        there.insert(make(&world, "There", place * 10).await);
    }
    for order in [
        "-created_at",
        "employee_count",
        "-employee_count,last_name",
        "last_name,id",
    ] {
        let mut seen = HashSet::new();
        let mut token = String::new();
        let mut made = 0;
        loop {
            let query = ListQuery {
                page_size: 7,
                page_token: token,
                ..ordered(order)
            };
            let page = world.list(query).await.unwrap();
            for lead in page.records {
                assert!(seen.insert(lead.id), "{order}: a record came twice");
            }
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
            // Some before the place, some behind it, some without a value at all.
            for place in [1, 299, 595, 600] {
                made += 1;
                make(&world, if made % 2 == 0 { "Aaa" } else { "Zzz" }, place).await;
            }
            assert!(made < 400, "{order}: it ends");
        }
        assert!(there.is_subset(&seen), "{order}: a record was left out");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_place_of_a_token_is_the_place_it_was_made_of(
        first_name in proptest::option::of(any::<String>()),
        last_name in any::<String>(),
        employees in proptest::option::of(any::<i64>()),
        garbage in any::<String>(),
        at in any::<prop::sample::Index>(),
    ) {
        let caller = person(uuid::Uuid::now_v7(), &["leads:read"]);
        let mut lead = Lead::draft(uuid::Uuid::now_v7(), &caller, time::OffsetDateTime::UNIX_EPOCH);
        lead.first_name = first_name;
        lead.last_name = last_name;
        lead.employee_count = employees;
        let query = ordered("first_name,-last_name,employee_count,created_at");
        let fields = built_in();
        let order = Order::of(&query.order_by, &fields, &mut FieldErrors::new());
        let identity = Identity::of(&fields, &caller, &query, &order);
        let cursor = order.cursor(&lead.values(), &fields, false);
        let token = identity.token(&cursor).unwrap();
        let leaves = order.leaves(&fields);
        prop_assert_eq!(identity.cursor(&token, &leaves).unwrap(), Some(cursor));

        let mut tampered: Vec<char> = token.chars().collect();
        let place = at.index(tampered.len());
        tampered[place] = if tampered[place] == 'A' { 'B' } else { 'A' };
        for text in [tampered.into_iter().collect(), garbage] {
            if text.is_empty() || text == token {
                continue;
            }
            if let Err(error) = identity.cursor(&text, &leaves) {
                prop_assert_eq!((error.kind(), error.code()), (Kind::Invalid, "invalid_page_token"));
            } else {
                // The last letter of the text may hold bits that count for nothing.
                prop_assert_eq!(place + 1, token.chars().count());
            }
        }
    }
}
