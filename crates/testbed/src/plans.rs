//! How lists and searches of a big table are asked for their plans, the same for every kind of record.

use kontor_chassis::Caller;
use kontor_proto::records::v1::{FieldFilter, ListQuery, RecordChange, TerritoryChange};
use kontor_records::{Record, query, territories};
use sqlx::AssertSqlSafe;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{Database, Member};

/// Many records, and the quiet to ask for plans: while another test fills the table, its indexes look dearer than they are.
pub struct Crowd {
    /// The territories and owners of the records.
    pub ids: Vec<Uuid>,
    _alone: MutexGuard<'static, ()>,
}

/// Gives the member's company and another one many records each, of 300 territories and owners. The eighth is a territory of
/// the member. `insert` makes them of `$1`, the company, and `$2`, the ids.
pub async fn crowd<R: Record>(
    member: &Member,
    database: &Database,
    other: Uuid,
    insert: &'static str,
) -> Crowd {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    let ids: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    let mine = TerritoryChange {
        change: Some(RecordChange {
            id: ids[7].to_string(),
            name: "Mine".into(),
            version: 1,
            ..RecordChange::default()
        }),
        member_ids: vec![member.user.to_string()],
        ..TerritoryChange::default()
    };
    for company in [member.company, other] {
        let mut tx = member.db.begin(&Caller::system(company)).await.unwrap();
        sqlx::query(insert)
            .bind(company)
            .bind(&ids)
            .execute(&mut *tx)
            .await
            .unwrap();
        territories::keep(&mut tx, company, std::slice::from_ref(&mine))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    sqlx::query(AssertSqlSafe(format!(
        "vacuum analyze {}",
        R::description().table
    )))
    .execute(&mut database.admin().await)
    .await
    .unwrap();
    Crowd { ids, _alone: alone }
}

/// A list in an order, of typed filters and a search.
pub fn list(order: &str, filters: &[(&str, &str)], search: &str) -> ListQuery {
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

/// Checks that none of these lists and no search reads the whole table of a kind, whether the member may read all or as far as
/// one of `scopes` reaches, and that scopes and searches use their indexes.
pub async fn use_indexes<R: Record>(member: &Member, scopes: &[&str], lists: &[(&str, ListQuery)]) {
    let read = R::description().permission("read");
    let scoped = |scope: &&str| {
        (
            scope.to_string(),
            member.caller_with(&[&format!("{read}:{scope}")]),
        )
    };
    let mut callers = vec![("all".to_owned(), member.caller())];
    callers.extend(scopes.iter().map(scoped));
    let table = R::description().many;
    let searches = [
        ("the newest", list("", &[], "")),
        ("a rare word", list("", &[], "name777")),
        ("a frequent word", list("", &[], "word7")),
        ("a word with a typo", list("", &[], "naem7771")),
    ];
    let mut tx = member.db.read(&callers[0].1).await.unwrap();
    for (name, query) in searches.iter().chain(lists) {
        for (scope, caller) in &callers {
            let plan = query::explain::<R>(&mut tx, caller, query).await.unwrap();
            assert!(
                !plan.contains(&format!("Seq Scan on {table}")),
                "{name}, {scope}:\n{plan}"
            );
        }
    }
    for (scope, caller) in &callers {
        let (query, indexes) = match scope.as_str() {
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
