//! That lists and searches of a big table are served by indexes although Row-Level Security is in force, asked as the
//! service's own login role.

use kontor_chassis::Caller;
use kontor_leads::model::Lead;
use kontor_proto::records::v1::{RecordChange, TerritoryChange};
use kontor_records::territories;
use uuid::Uuid;

use crate::plans_of::{list, use_indexes};
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
    let callers = [("all", &all), ("own", &own), ("territory", &territory)];
    let lists = [
        ("last_name", list("last_name", &[], "")),
        ("-score", list("-score", &[], "")),
        ("one owner", list("", &[("owner_id", &some)], "")),
        ("one territory", list("", &[("territory_id", &some)], "")),
        ("one status", list("", &[("status", "working")], "")),
    ];
    use_indexes::<Lead>(world.db(), &callers, &lists).await;
}
