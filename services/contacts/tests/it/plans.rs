//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_contacts::{
    model::Contact,
    store::{CANDIDATES, MATCHING, NAME_ACCOUNTS},
};
use kontor_testbed::plans::{self, Crowd, list, use_indexes};
use uuid::Uuid;

use crate::world::{DATABASE, World};

/// Of twenty thousand, by number.
const MADE: &str = "insert into contacts.contacts
         (company_id, id, last_name, full_name, account_id, territory_id, owner_id, created_by, created_at, updated_at, search)
     select c.id, gen_random_uuid(), 'Name ' || n, 'Name ' || n, t.ids[1 + n % 297],
         t.ids[1 + n % 300], case when n % 50 <> 0 then t.ids[1 + n % 299] end, t.ids[1 + n % 298],
         now() - n * interval '1 second', now(), ' name' || n || ' word' || n % 1000
     from generate_series(1, 20000) as n, (select $1::uuid as id) as c, (select $2::uuid[] as ids) as t";

/// This company and another one with many records each: see [`plans::crowd`].
async fn crowd(world: &World) -> Crowd {
    plans::crowd::<Contact>(world, &DATABASE, Uuid::now_v7(), MADE).await
}

#[tokio::test]
async fn no_list_and_no_search_reads_the_whole_table() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    let some = crowd.ids[7].to_string();
    let lists = [
        ("last_name", list("last_name", &[], "")),
        ("account_name", list("account_name", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one territory", list("", &[("territory_id", &some)], "")),
        ("one account", list("", &[("account_id", &some)], "")),
    ];
    use_indexes::<Contact>(&world, &["own", "territory"], &lists).await;
}

#[tokio::test]
async fn a_contact_is_matched_by_its_address_without_reading_the_others() {
    let world = World::new().await;
    let _crowd = crowd(&world).await;
    let mut tx = world.begin().await;
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {MATCHING}")))
        .bind(world.company)
        .bind("somebody@example.com")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert!(plan.join("\n").contains("contacts_email_key"), "{plan:#?}");
}

#[tokio::test]
async fn contacts_that_share_an_address_or_a_number_are_found_without_reading_the_others() {
    let world = World::new().await;
    let _crowd = crowd(&world).await;
    let mut tx = world.begin().await;
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {CANDIDATES}")))
        .bind(world.company)
        .bind("somebody@example.com")
        .bind("15550100")
        .bind("15550200")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("contacts_search") && plan.contains("contacts_email_key") && !plan.contains("Seq Scan"),
        "{plan}"
    );
}

#[tokio::test]
async fn an_account_names_its_contacts_without_reading_the_others() {
    let world = World::new().await;
    let _crowd = crowd(&world).await;
    let mut tx = world.begin().await;
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {NAME_ACCOUNTS}")))
        .bind(world.company)
        .bind([Uuid::now_v7()].as_slice())
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(
        plan.contains("contacts_account") && !plan.contains("Seq Scan on contacts"),
        "{plan}"
    );
}
