//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_accounts::model::Account;
use kontor_records::duplicates::explain_similar;
use kontor_testbed::plans::{self, Crowd, list, use_indexes};
use uuid::Uuid;

use crate::world::{DATABASE, World};

/// Of twenty thousand, by number.
const MADE: &str = "insert into accounts.accounts
         (company_id, id, name, name_key, industry, territory_id, owner_id, created_by, created_at, updated_at, search)
     select c.id, gen_random_uuid(), 'Name ' || n, 'name' || n, case when n % 500 = 0 then 'Rare' else 'Common' end,
         t.ids[1 + n % 300], case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
         now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
     from generate_series(1, 20000) as n, (select $1::uuid as id) as c, (select $2::uuid[] as ids) as t";

/// This company and another one with many records each: see [`plans::crowd`].
async fn crowd(world: &World) -> Crowd {
    plans::crowd::<Account>(world, &DATABASE, Uuid::now_v7(), MADE).await
}

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    let some = crowd.ids[7].to_string();
    let lists = [
        ("name", list("name", &[], "")),
        ("-created_at", list("-created_at", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one territory", list("", &[("territory_id", &some)], "")),
    ];
    use_indexes::<Account>(&world, &["own", "territory"], &lists).await;
}

#[tokio::test]
async fn accounts_of_a_like_name_are_found_without_reading_the_others() {
    let world = World::new().await;
    let _crowd = crowd(&world).await;
    let mut tx = world.begin().await;
    let named = "select id from accounts.accounts where company_id = $1 and name = 'Name 7771'";
    let id: Uuid = sqlx::query_scalar(named)
        .bind(world.company)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let mut wanted: Account = kontor_records::write::get(&mut tx, &world.caller(), id)
        .await
        .unwrap();
    for name in ["Naem7771", "Overseas word777 Partnership"] {
        wanted.name = name.to_owned();
        let plan = explain_similar(&mut tx, &world.caller(), &wanted).await.unwrap();
        assert!(
            plan.contains("accounts_search") && !plan.contains("Seq Scan on accounts"),
            "{plan}"
        );
    }
}
