//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_leads::model::Lead;
use kontor_testbed::plans::{self, Crowd, list, use_indexes};
use uuid::Uuid;

use crate::world::{DATABASE, World};

/// Of twenty thousand, by number.
const MADE: &str = "insert into leads.leads
         (company_id, id, last_name, status, territory_id, owner_id, created_by, created_at, updated_at, search)
     select c.id, gen_random_uuid(), 'Name ' || n, case when n % 50 = 0 then 'working' else 'new' end,
         t.ids[1 + n % 300], case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
         now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
     from generate_series(1, 20000) as n, (select $1::uuid as id) as c, (select $2::uuid[] as ids) as t";

/// This company and another one with many records each: see [`plans::crowd`].
async fn crowd(world: &World) -> Crowd {
    plans::crowd::<Lead>(world, &DATABASE, Uuid::now_v7(), MADE).await
}

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    let some = crowd.ids[7].to_string();
    let lists = [
        ("last_name", list("last_name", &[], "")),
        ("-score", list("-score", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one territory", list("", &[("territory_id", &some)], "")),
        ("one status", list("", &[("status", "working")], "")),
    ];
    use_indexes::<Lead>(&world, &["own", "territory"], &lists).await;
}
