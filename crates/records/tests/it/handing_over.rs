//! All that one member owns becomes another's.

use kontor_chassis::Caller;
use kontor_events::timers::{Due, Timer};
use kontor_proto::identity::v1::RecordsHandedOver;
use kontor_records::handover::HandOver;
use kontor_records::write::{self, Change, Which};
use kontor_records::{Record, history};
use prost::Message;
use uuid::Uuid;

use crate::lead::Lead;
use crate::world::{World, named};

async fn owned(world: &World, name: &str, owner: Uuid) -> Lead {
    let lead = world.make(named(name)).await;
    let mut tx = world.tx().await;
    let after = Lead {
        owner_id: Some(owner),
        ..lead.clone()
    };
    let change = Change::new(&world.admin, world.now, "assigned");
    let lead = write::update(&mut tx, &lead, after, change).await.unwrap();
    tx.commit().await.unwrap();
    lead
}

async fn hand_over(world: &World, from: Uuid, to: Uuid) {
    let event = RecordsHandedOver {
        from_user_id: from.to_string(),
        to_user_id: to.to_string(),
        by: world.admin.user_id().unwrap().to_string(),
    };
    let timer = Timer {
        id: Uuid::now_v7(),
        due_at: world.now,
        company: world.company,
        payload: event.encode_to_vec(),
    };
    let mut tx = world.db.begin(&Caller::system(world.company)).await.unwrap();
    HandOver::<Lead>::default().due(&mut tx, &timer).await.unwrap();
    tx.commit().await.unwrap();
}

async fn owner(world: &World, lead: &Lead) -> Option<Uuid> {
    let mut tx = world.tx().await;
    let found = write::find::<Lead>(&mut tx, &world.admin, lead.id(), Which::Any).await;
    found.unwrap().unwrap().owner_id()
}

#[tokio::test]
async fn what_somebody_owned_is_the_heirs_also_what_was_deleted_and_nothing_else_is() {
    let world = World::new().await;
    let stranger = World::new().await;
    let (from, to, other) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let present = owned(&world, "Present", from).await;
    let deleted = owned(&world, "Deleted", from).await;
    let mut tx = world.tx().await;
    let change = Change::new(&world.admin, world.now, "deleted");
    write::delete(&mut tx, &deleted, change).await.unwrap();
    tx.commit().await.unwrap();
    let others = owned(&world, "Other's", other).await;
    let theirs = owned(&stranger, "Another company's", from).await;

    hand_over(&world, from, to).await;
    for lead in [&present, &deleted] {
        assert_eq!(owner(&world, lead).await, Some(to));
    }
    assert_eq!(owner(&world, &others).await, Some(other));
    assert_eq!(owner(&stranger, &theirs).await, Some(from));
}

#[tokio::test]
async fn the_history_tells_who_decided_it() {
    let world = World::new().await;
    let (from, to) = (Uuid::now_v7(), Uuid::now_v7());
    let lead = owned(&world, "Present", from).await;
    hand_over(&world, from, to).await;
    let mut tx = world.tx().await;
    let page = history::list::<Lead>(&mut tx, &world.admin, lead.id(), 1, "")
        .await
        .unwrap();
    let change = page.changes[0].clone();
    assert_eq!(
        (change.action.as_str(), change.field.as_deref(), change.by),
        (
            "assigned",
            Some("owner_id"),
            world.admin.user_id().map(|id| id.to_string())
        )
    );
    assert_eq!(
        (change.old, change.new),
        (Some(from.to_string()), Some(to.to_string()))
    );
}

#[tokio::test]
async fn more_than_a_batch_is_handed_over_batch_by_batch() {
    let world = World::new().await;
    let (from, to) = (Uuid::now_v7(), Uuid::now_v7());
    let lead = owned(&world, "First", from).await;
    // Copies of one, as fast as the database makes them.
    let mut tx = world.tx().await;
    let columns: Vec<&str> = Lead::description()
        .leaves
        .iter()
        .filter(|leaf| !leaf.generated && leaf.column != "id")
        .map(|leaf| leaf.column)
        .chain(["search"])
        .collect();
    let columns = columns.join(", ");
    let copies = format!(
        "insert into leads.leads (id, {columns})
         select gen_random_uuid(), {columns} from leads.leads, generate_series(1, 1100) where id = $1"
    );
    sqlx::query(sqlx::AssertSqlSafe(copies))
        .bind(lead.id())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let left = async || -> (i64, i64) {
        let mut tx = world.tx().await;
        sqlx::query_as(
            "select count(*) filter (where owner_id = $1), (select count(*) from leads.timers where kind = 'hand_over')
             from leads.leads
             where company_id = $2",
        )
        .bind(from)
        .bind(world.company)
        .fetch_one(&mut *tx)
        .await
        .unwrap()
    };
    hand_over(&world, from, to).await;
    assert_eq!(left().await, (101, 1), "a batch is done, and the next is due");
    hand_over(&world, from, to).await;
    assert_eq!(left().await.0, 0);
}
