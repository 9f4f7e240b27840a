//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_chassis::Caller;
use kontor_deals::{model::Deal, service::pipelines};
use kontor_proto::records::v1::{FieldFilter, ListQuery};
use kontor_records::query;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::{World, admin};

/// This company and another one with many records each, of 300 accounts and owners.
async fn crowd(world: &World) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    for company in [world.company, Uuid::now_v7()] {
        let mut tx = world.db().begin(&Caller::system(company)).await.unwrap();
        let pipeline = pipelines::default_pipeline(&mut tx, company, OffsetDateTime::now_utc())
            .await
            .unwrap();
        sqlx::query(
            "insert into deals.deals
                 (company_id, id, name, account_id, pipeline_id, stage_id, probability, owner_id, created_by,
                  created_at, updated_at, search)
             select $1, gen_random_uuid(), 'Name ' || n, t.ids[1 + n % 297], $3, $4, 10,
                 case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
                 now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
             from generate_series(1, 20000) as n, (select $2::uuid[] as ids) as t",
        )
        .bind(company)
        .bind(&ids)
        .bind(pipeline.id)
        .bind(pipeline.stages[0].id)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    sqlx::query("vacuum analyze deals.deals")
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
    let all = world.caller();
    let own = world.caller_with(&["deals:read:own"]);
    let lists = [
        ("the newest", list("", &[], "")),
        ("close date", list("expected_close_date", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one account", list("", &[("account_id", &some)], "")),
        ("a rare word", list("", &[], "name777")),
        ("a frequent word", list("", &[], "word7")),
        ("a word with a typo", list("", &[], "naem7771")),
    ];
    let mut tx = world.db().read(&all).await.unwrap();
    for (name, query) in &lists {
        for (scope, caller) in [("all", &all), ("own", &own)] {
            let plan = query::explain::<Deal>(&mut tx, caller, query).await.unwrap();
            assert!(!plan.contains("Seq Scan on deals"), "{name}, {scope}:\n{plan}");
        }
    }
    let plan = query::explain::<Deal>(&mut tx, &own, &lists[0].1).await.unwrap();
    assert!(
        plan.contains("deals_owner") && plan.contains("deals_unowned"),
        "{plan}"
    );
    let plan = query::explain::<Deal>(&mut tx, &all, &list("", &[], "name777"))
        .await
        .unwrap();
    assert!(plan.contains("deals_search"), "{plan}");
}
