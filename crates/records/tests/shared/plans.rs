//! How lists and searches of a big table are asked for their plans, the same for every kind of record. The services' tests
//! fill the table and include this file by its path.

use kontor_chassis::{Caller, Db};
use kontor_proto::records::v1::{FieldFilter, ListQuery};
use kontor_records::{Record, query};

/// A list in an order, of typed filters and a search.
pub(crate) fn list(order: &str, filters: &[(&str, &str)], search: &str) -> ListQuery {
    let filters = filters.iter().map(|(parameter, value)| FieldFilter {
        parameter: (*parameter).to_owned(),
        values: vec![(*value).to_owned()],
    });
    ListQuery {
        order_by: order.to_owned(),
        search: search.to_owned(),
        field_filters: filters.collect(),
        ..ListQuery::default()
    }
}

/// Checks that none of these lists and no search reads the whole table of a kind, whoever of `callers` (named by the scope of
/// their right) asks, and that scopes and searches use their indexes.
pub(crate) async fn use_indexes<R: Record>(
    db: &Db,
    callers: &[(&str, &Caller)],
    lists: &[(&str, ListQuery)],
) {
    let table = R::description().many;
    let searches = [
        ("the newest", list("", &[], "")),
        ("a rare word", list("", &[], "name777")),
        ("a frequent word", list("", &[], "word7")),
        ("a word with a typo", list("", &[], "naem7771")),
    ];
    let mut tx = db.read(callers[0].1).await.unwrap();
    for (name, query) in searches.iter().chain(lists) {
        for (scope, caller) in callers {
            let plan = query::explain::<R>(&mut tx, caller, query).await.unwrap();
            assert!(
                !plan.contains(&format!("Seq Scan on {table}")),
                "{name}, {scope}:\n{plan}"
            );
        }
    }
    for (scope, caller) in callers {
        let (query, indexes) = match *scope {
            "own" => (list("", &[], ""), vec!["owner", "unowned"]),
            // In an order that no index gives, the records are found before they are sorted.
            "territory" => (list("phone", &[], ""), vec!["territory"]),
            _ => (list("", &[], "name777"), vec!["search"]),
        };
        let plan = query::explain::<R>(&mut tx, caller, &query).await.unwrap();
        for index in indexes {
            assert!(plan.contains(&format!("{table}_{index}")), "{scope}:\n{plan}");
        }
    }
}
