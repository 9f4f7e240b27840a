//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_chassis::Caller;
use kontor_leads::model::Lead;
use kontor_proto::records::v1::{FieldFilter, ListQuery, RecordChange, TerritoryChange};
use kontor_records::{query, territories};
use uuid::Uuid;

use crate::world::{World, admin};

/// This company and another one with many records each, of 300 territories and owners.
async fn crowd(world: &World) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    for company in [world.company, Uuid::now_v7()] {
        let mut tx = world.db().begin(&Caller::system(company)).await.unwrap();
        sqlx::query(
            "insert into leads.leads
                 (company_id, id, last_name, status, territory_id, owner_id, created_by, created_at, updated_at, search)
             select c.id, gen_random_uuid(), 'Name ' || n, case when n % 50 = 0 then 'working' else 'new' end,
                 t.ids[1 + n % 300], case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
                 now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
             from generate_series(1, 20000) as n, (select $1::uuid as id) as c, (select $2::uuid[] as ids) as t",
        )
        .bind(company)
        .bind(&ids)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    sqlx::query("vacuum analyze leads.leads")
        .execute(&mut admin().await)
        .await
        .unwrap();
    ids
}

fn list(order: &str, filters: &[(&str, &str)], search: &str) -> ListQuery {
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

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let ids = crowd(&world).await;
    let some = ids[7].to_string();
    let mine = TerritoryChange {
        change: Some(RecordChange {
            id: some.clone(),
            name: "Mine".into(),
            version: 1,
            ..RecordChange::default()
        }),
        member_ids: vec![world.user.to_string()],
        ..TerritoryChange::default()
    };
    let mut tx = world.begin().await;
    territories::keep(&mut tx, world.company, &[mine]).await.unwrap();
    tx.commit().await.unwrap();

    let all = world.caller();
    let scoped = |scope: &str| world.caller_with(&[&format!("leads:read:{scope}")]);
    let (own, territory) = (scoped("own"), scoped("territory"));
    let lists = [
        ("the newest", list("", &[], "")),
        ("last_name", list("last_name", &[], "")),
        ("-score", list("-score", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one territory", list("", &[("territory_id", &some)], "")),
        ("one status", list("", &[("status", "working")], "")),
        ("a rare word", list("", &[], "name777")),
        ("a frequent word", list("", &[], "word7")),
        ("a word with a typo", list("", &[], "naem7771")),
    ];
    let mut tx = world.db().read(&all).await.unwrap();
    for (name, query) in &lists {
        for (scope, caller) in [("all", &all), ("own", &own), ("territory", &territory)] {
            let plan = query::explain::<Lead>(&mut tx, caller, query).await.unwrap();
            assert!(!plan.contains("Seq Scan on leads"), "{name}, {scope}:\n{plan}");
        }
    }
    let plan = query::explain::<Lead>(&mut tx, &own, &lists[0].1).await.unwrap();
    assert!(
        plan.contains("leads_owner") && plan.contains("leads_unowned"),
        "{plan}"
    );
    // In an order that no index gives, the records are found before they are sorted.
    let unsorted = list("phone", &[], "");
    let plan = query::explain::<Lead>(&mut tx, &territory, &unsorted)
        .await
        .unwrap();
    assert!(plan.contains("leads_territory"), "{plan}");
    let plan = query::explain::<Lead>(&mut tx, &all, &list("", &[], "name777"))
        .await
        .unwrap();
    assert!(plan.contains("leads_search"), "{plan}");
}
