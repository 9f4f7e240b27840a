//! What is told by one service is heard by the other.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kontor_chassis::{Caller, Error, db::TenantTx};
use kontor_events::{Bus, Delivery, Handle, Outgoing, name_of, outbox};
use uuid::Uuid;

use crate::world::{Keep, World, Written, cut_connections, keep, rabbit, texts};

fn in_process() -> Bus {
    Bus::connect("in-process").unwrap()
}

async fn everything_told_is_heard_once(bus: Bus) {
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    writer.relay(&bus);
    writer.write(&texts(1000)).await;
    reader
        .until("select count(distinct text) from effects", 1000)
        .await;
    writer.until("select count(*) from outbox", 0).await;
    assert_eq!(reader.count("select count(*) from effects").await, 1000);
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_told_is_heard_once_over_the_broker() {
    let (bus, _alone) = rabbit().await;
    everything_told_is_heard_once(bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_told_is_heard_once_in_one_process() {
    everything_told_is_heard_once(in_process()).await;
}

async fn what_is_rolled_back_is_not_told(bus: Bus) {
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    writer.relay(&bus);
    let mut tx = writer
        .host
        .db
        .begin(&Caller::system(world.company))
        .await
        .unwrap();
    let regretted = Outgoing::new(
        world.company,
        None,
        &Written {
            text: "regretted".into(),
        },
    );
    outbox::put(&mut tx, &[regretted]).await.unwrap();
    drop(tx);
    writer.write(&texts(1)).await;
    reader.until("select count(*) from effects", 1).await;
    assert_eq!(
        reader
            .count("select count(*) from effects where text = 'regretted'")
            .await,
        0
    );
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_is_not_told_over_the_broker() {
    let (bus, _alone) = rabbit().await;
    what_is_rolled_back_is_not_told(bus).await;
}

/// Fails always.
struct Poisoned;

impl Handle<Written> for Poisoned {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Written) -> Result<(), Error> {
        keep(tx, &event.text).await?;
        if event.text == "poison" {
            Err(Error::internal("it is poison"))
        } else {
            Ok(())
        }
    }
}

async fn poison_dies_and_the_others_live(bus: &Bus) -> (World, crate::world::Service) {
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(bus, Poisoned).await;
    writer.relay(bus);
    let mut all = texts(20);
    all.insert(10, "poison".into());
    writer.write(&all).await;
    reader.until("select count(*) from effects", 20).await;
    writer.until("select count(*) from outbox", 0).await;
    assert_eq!(
        reader
            .count("select count(*) from effects where text = 'poison'")
            .await,
        0
    );
    writer.stop().await;
    (world, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_queue() {
    let (bus, _alone) = rabbit().await;
    let (world, reader) = poison_dies_and_the_others_live(&bus).await;
    let dead = crate::breaking::next_of(&format!("{}.events.dead", world.reader)).await;
    assert_eq!(dead.kind.as_deref(), Some("kontor.writer.v1.Written"));
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_kept_with_the_dead_of_one_process() {
    let bus = in_process();
    let (_world, reader) = poison_dies_and_the_others_live(&bus).await;
    reader
        .until(
            "select count(*) from dead_letters where reason like '%poison%'",
            1,
        )
        .await;
    reader.stop().await;
}

/// Unavailable more often than the delivery limit allows failures.
struct Away(Arc<AtomicUsize>);

impl Handle<Written> for Away {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Written) -> Result<(), Error> {
        keep(tx, &event.text).await?;
        if self.0.fetch_add(1, Ordering::SeqCst) < 12 {
            Err(Error::unavailable("the neighbour"))
        } else {
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_what_is_away_does_not_count_towards_death() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let tries = Arc::new(AtomicUsize::new(0));
    reader.listen(&bus, Away(tries.clone())).await;
    writer.relay(&bus);
    writer.write(&texts(1)).await;
    reader.until("select count(*) from effects", 1).await;
    assert_eq!(tries.load(Ordering::SeqCst), 13);
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_the_queue_that_takes_it() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    writer.relay(&bus);
    let asked = Outgoing::new(
        world.company,
        None,
        &Asked {
            text: "who is there?".into(),
        },
    )
    .addressed();
    let mut tx = writer
        .host
        .db
        .begin(&Caller::system(world.company))
        .await
        .unwrap();
    outbox::put(&mut tx, &[asked]).await.unwrap();
    tx.commit().await.unwrap();
    writer
        .until("select count(*) from outbox where held_until is not null", 1)
        .await;
    kontor_events::Consumer::new(&reader.host, &bus)
        .on::<Asked>(Answer)
        .spawn();
    reader.until("select count(*) from effects", 1).await;
    writer.until("select count(*) from outbox", 0).await;
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_whether_it_is_a_request_is_told_as_a_fact() {
    let (world, bus) = (World::new().await, in_process());
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    let mut tx = writer.host.db.unscoped().await.unwrap();
    outbox::put(
        &mut tx,
        &[Outgoing::new(
            world.company,
            None,
            &Written { text: "plain".into() },
        )],
    )
    .await
    .unwrap();
    sqlx::query("update outbox set headers = headers - 'addressed'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    writer.relay(&bus);
    reader.until("select count(*) from effects", 1).await;
    writer.until("select count(*) from outbox", 0).await;
    writer.stop().await;
    reader.stop().await;
}

async fn a_fact_told_before_its_hearer_first_starts_is_heard(bus: Bus) {
    let world = World::new().await;
    let (writer, early, late) = (
        world.start(world.writer),
        world.start(world.writer),
        world.start(world.reader),
    );
    for service in [world.writer, world.reader] {
        bus.announce(service, vec![name_of::<Happened>()]);
    }
    kontor_events::Consumer::new(&early.host, &bus)
        .on::<Happened>(Answer)
        .spawn();
    writer.relay(&bus);
    let fact = Happened {
        text: "it is so".into(),
    };
    let mut tx = writer
        .host
        .db
        .begin(&Caller::system(world.company))
        .await
        .unwrap();
    outbox::put(&mut tx, &[Outgoing::new(world.company, None, &fact)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    if format!("{bus:?}").contains("in-process") {
        writer
            .until("select count(*) from outbox where held_until is not null", 1)
            .await;
    } else {
        writer.until("select count(*) from outbox", 0).await;
        early.until("select count(*) from effects", 1).await;
    }
    assert_eq!(late.count("select count(*) from effects").await, 0);
    kontor_events::Consumer::new(&late.host, &bus)
        .on::<Happened>(Answer)
        .spawn();
    for service in [&early, &late] {
        service.until("select count(*) from effects", 1).await;
    }
    for service in [writer, early, late] {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_told_before_its_hearer_first_starts_is_heard_over_the_broker() {
    let (bus, _alone) = rabbit().await;
    a_fact_told_before_its_hearer_first_starts_is_heard(bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_told_before_its_hearer_first_starts_is_heard_in_one_process() {
    a_fact_told_before_its_hearer_first_starts_is_heard(in_process()).await;
}

/// A request.
#[derive(Clone, PartialEq, prost::Message)]
struct Asked {
    #[prost(string, tag = "1")]
    text: String,
}

impl prost::Name for Asked {
    const NAME: &'static str = "Asked";
    const PACKAGE: &'static str = "kontor.writer.v1";
}

/// A fact, of a type of its own: the queues that hear it stay bound, and would take the other tests' requests.
#[derive(Clone, PartialEq, prost::Message)]
struct Happened {
    #[prost(string, tag = "1")]
    text: String,
}

impl prost::Name for Happened {
    const NAME: &'static str = "Happened";
    const PACKAGE: &'static str = "kontor.writer.v1";
}

impl Handle<Happened> for Answer {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Happened) -> Result<(), Error> {
        keep(tx, &event.text).await
    }
}

struct Answer;

impl Handle<Asked> for Answer {
    async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: Asked) -> Result<(), Error> {
        assert!(Uuid::parse_str(&delivery.id).is_ok());
        keep(tx, &event.text).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_database_connections_lose_no_message() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    writer.relay(&bus);
    writer.write(&texts(400)).await;
    for _ in 0..5 {
        cut_connections(world.reader).await;
        cut_connections(world.writer).await;
    }
    reader
        .until("select count(distinct text) from effects", 400)
        .await;
    writer.until("select count(*) from outbox", 0).await;
    assert_eq!(reader.count("select count(*) from effects").await, 400);
    writer.stop().await;
    reader.stop().await;
}
