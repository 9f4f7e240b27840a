//! Facts that come at the same time are handled together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kontor_chassis::{Error, db::TenantTx};
use kontor_events::{Bus, Consumer, Delivery, HandleTogether};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use uuid::Uuid;

use crate::world::{World, Written, channel, keep, rabbit, texts};

/// Writes each text down as an effect, counts how often it was called, and fails with poison among them.
#[derive(Default)]
struct Batches(Arc<AtomicUsize>);

impl HandleTogether<Written> for Batches {
    async fn handle_together(
        &self,
        tx: &mut TenantTx,
        _: Uuid,
        told: Vec<(Delivery, Written)>,
    ) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        for (_, Written { text }) in told {
            keep(tx, &text).await?;
            if text == "poison" {
                return Err(Error::internal("it is poison"));
            }
        }
        Ok(())
    }
}

async fn facts_share_transactions_and_each_is_heard_once(bus: Bus) {
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let calls = Arc::new(AtomicUsize::new(0));
    let consumer = Consumer::new(&reader.host, &bus).together(Batches(calls.clone()));
    reader.hear(&bus, consumer).await;
    writer.relay(&bus);
    writer.write(&texts(1000)).await;
    reader
        .until("select count(distinct text) from effects", 1000)
        .await;
    writer.until("select count(*) from outbox", 0).await;
    assert_eq!(reader.count("select count(*) from effects").await, 1000);
    assert_eq!(reader.count("select count(*) from inbox").await, 1000);
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls < 500, "{calls} transactions for 1000 messages");
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_share_transactions_over_the_broker() {
    let (bus, _alone) = rabbit().await;
    facts_share_transactions_and_each_is_heard_once(bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_share_transactions_in_one_process() {
    facts_share_transactions_and_each_is_heard_once(Bus::connect("in-process").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_among_facts_dies_alone() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let consumer = Consumer::new(&reader.host, &bus).together(Batches::default());
    reader.hear(&bus, consumer).await;
    writer.relay(&bus);
    let mut all = texts(40);
    all.insert(20, "poison".into());
    writer.write(&all).await;
    reader.until("select count(*) from effects", 40).await;
    let dead = crate::breaking::next_of(&format!("{}.events.dead", world.reader)).await;
    assert_eq!(dead.kind.as_deref(), Some("kontor.writer.v1.Written"));
    assert_eq!(
        reader
            .count("select count(*) from effects where text = 'poison'")
            .await,
        0
    );
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_comes_several_times_at_once_has_its_effect_once() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let consumer = Consumer::new(&reader.host, &bus).together(Batches::default());
    reader.hear(&bus, consumer).await;
    writer.relay(&bus);

    let (_connection, channel) = channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mut headers = FieldTable::default();
    headers.insert(
        "company".into(),
        AMQPValue::LongString(world.company.to_string().into()),
    );
    let properties = BasicProperties::default()
        .with_message_id("the same".into())
        .with_type("kontor.writer.v1.Written".into())
        .with_headers(headers);
    let body = prost::Message::encode_to_vec(&Written { text: "again".into() });
    let queue = format!("{}.events", world.reader);
    let mut confirms = Vec::new();
    for _ in 0..20 {
        let confirm = channel
            .basic_publish(
                "".into(),
                queue.as_str().into(),
                BasicPublishOptions::default(),
                &body,
                properties.clone(),
            )
            .await
            .unwrap();
        confirms.push(confirm);
    }
    for confirm in confirms {
        confirm.await.unwrap();
    }
    // What comes behind them shows that they were taken.
    writer.write(&["behind".into()]).await;
    reader
        .until("select count(*) from effects where text = 'behind'", 1)
        .await;
    assert_eq!(reader.count("select count(*) from effects").await, 2);
    writer.stop().await;
    reader.stop().await;
}
