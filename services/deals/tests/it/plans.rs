//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_chassis::Caller;
use kontor_deals::{model::Deal, service::pipelines};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::plans_of::{list, use_indexes};
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

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let ids = crowd(&world).await;
    let some = ids[7].to_string();
    let all = world.caller();
    let own = world.caller_with(&["deals:read:own"]);
    let callers = [("all", &all), ("own", &own)];
    let lists = [
        ("expected_close_date", list("expected_close_date", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one account", list("", &[("account_id", &some)], "")),
    ];
    use_indexes::<Deal>(world.db(), &callers, &lists).await;
}
