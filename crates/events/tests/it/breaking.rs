//! The broker dies, a consumer dies, a stranger writes: nothing is lost, nothing is doubled.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use kontor_chassis::{Error, db::TenantTx};
use kontor_events::{Delivery, Handle};
use lapin::{
    BasicProperties,
    options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions},
    types::FieldTable,
};
use tokio::sync::Notify;

use crate::world::{Keep, World, Written, broker, channel, keep, rabbit, texts, written_down};

/// A dead message.
pub(crate) struct Dead {
    pub(crate) kind: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Takes the next message of a queue.
pub(crate) async fn next_of(queue: &str) -> Dead {
    let (_connection, channel) = channel().await;
    let mut consumer = channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let next = tokio::time::timeout(Duration::from_secs(60), consumer.next())
        .await
        .unwrap();
    let delivery = next.unwrap().unwrap();
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    Dead {
        kind: delivery.properties.kind().as_ref().map(ToString::to_string),
        body: delivery.data,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_message_without_type_or_id_goes_to_the_dead_queue() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    writer.relay(&bus);
    // The queue is there once something came through it.
    writer.write(&texts(1)).await;
    reader.until("select count(*) from effects", 1).await;

    let (_connection, channel) = channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let kind = "kontor.writer.v1.Written";
    let no_type = BasicProperties::default().with_message_id("1".into());
    let no_id = BasicProperties::default().with_type(kind.into());
    let nonsense = BasicProperties::default()
        .with_type(kind.into())
        .with_message_id("2".into());
    for (properties, body) in [
        (no_type, b"no type".as_slice()),
        (no_id, b"no id"),
        (nonsense, b"\xff\xff\xff"),
    ] {
        let queue = format!("{}.events", world.reader);
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("".into(), queue.as_str().into(), options, body, properties)
            .await
            .unwrap()
            .await
            .unwrap();
        let dead = next_of(&format!("{}.events.dead", world.reader)).await;
        assert_eq!(dead.body, body);
    }
    assert_eq!(reader.count("select count(*) from effects").await, 1);
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    reader.listen(&bus, Keep).await;
    writer.relay(&bus);
    writer.write(&texts(1)).await;
    reader.until("select count(*) from effects", 1).await;
    written_down(&format!("{}.events", world.reader)).await;

    let all = texts(2000);
    let (early, late) = all.split_at(1000);
    writer.write(early).await;
    {
        let mut server = broker().await.lock().await;
        server.crash().await.unwrap();
        writer.write(late).await;
        server.restart().await.unwrap();
    }
    reader
        .until("select count(distinct text) from effects", 2000)
        .await;
    writer.until("select count(*) from outbox", 0).await;
    // "note 0" was written twice on purpose, by two messages.
    assert_eq!(reader.count("select count(*) from effects").await, 2001);
    writer.stop().await;
    reader.stop().await;
}

/// Commits its effect, and never comes to acknowledge: as a process killed between commit and acknowledgement.
struct DiesAfterCommit(Arc<Notify>);

impl Handle<Written> for DiesAfterCommit {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Written) -> Result<(), Error> {
        keep(tx, &event.text).await?;
        self.0.notify_one();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_committed_but_not_acknowledged_has_its_effect_once() {
    let (bus, _alone) = rabbit().await;
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let handled = Arc::new(Notify::new());
    reader.listen(&bus, DiesAfterCommit(handled.clone())).await;
    writer.relay(&bus);
    writer.write(&texts(1)).await;
    handled.notified().await;
    reader.until("select count(*) from effects", 1).await;

    // The same message again, as the broker delivers what was never acknowledged.
    let id: String = {
        let mut tx = reader.host.db.unscoped().await.unwrap();
        sqlx::query_scalar("select message_id from inbox")
            .fetch_one(&mut *tx)
            .await
            .unwrap()
    };
    let (_connection, channel) = channel().await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let properties = BasicProperties::default()
        .with_message_id(id.as_str().into())
        .with_type("kontor.writer.v1.Written".into());
    let body = prost::Message::encode_to_vec(&Written {
        text: "note 0".into(),
    });
    let queue = format!("{}.events", world.reader);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("".into(), queue.as_str().into(), options, &body, properties)
        .await
        .unwrap()
        .await
        .unwrap();
    // What comes behind it shows that it was taken.
    writer.write(&["behind".into()]).await;
    reader
        .until("select count(*) from effects where text = 'behind'", 1)
        .await;
    reader.until("select count(*) from inbox", 2).await;
    assert_eq!(reader.count("select count(*) from effects").await, 2);
    writer.stop().await;
    reader.stop().await;
}
