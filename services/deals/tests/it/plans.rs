//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_chassis::Caller;
use kontor_deals::{model::Deal, service::pipelines};
use kontor_testbed::plans::{self, Crowd, list, use_indexes};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::{DATABASE, World};

/// Of twenty thousand, by number, in the first stage of the company's pipeline.
const MADE: &str = "insert into deals.deals
     (company_id, id, name, account_id, pipeline_id, stage_id, probability, owner_id, created_by,
      created_at, updated_at, search)
 select s.company_id, gen_random_uuid(), 'Name ' || n, t.ids[1 + n % 297], s.pipeline_id, s.id, 10,
     case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
     now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
 from generate_series(1, 20000) as n, (select $2::uuid[] as ids) as t, deals.stages s
 where s.company_id = $1
   and s.place = 0";

/// This company and another one with many records each: see [`plans::crowd`].
async fn crowd(world: &World) -> Crowd {
    let other = Uuid::now_v7();
    for company in [world.company, other] {
        let mut tx = world.db().begin(&Caller::system(company)).await.unwrap();
        pipelines::default_pipeline(&mut tx, company, OffsetDateTime::now_utc())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    plans::crowd::<Deal>(world, &DATABASE, other, MADE).await
}

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    let some = crowd.ids[7].to_string();
    let lists = [
        ("expected_close_date", list("expected_close_date", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one account", list("", &[("account_id", &some)], "")),
    ];
    use_indexes::<Deal>(&world, &["own"], &lists).await;
}
