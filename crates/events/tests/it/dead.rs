//! Messages that were given up, in the hands of a person.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kontor_chassis::{Error, db::TenantTx};
use kontor_events::{Bus, DeadLetters, Delivery, Handle};

use crate::world::{World, Written, keep, rabbit, texts};

/// Fails until its fault is mended.
struct Faulty(Arc<AtomicBool>);

impl Handle<Written> for Faulty {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Written) -> Result<(), Error> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Error::internal("it is faulty"));
        }
        keep(tx, &event.text).await
    }
}

async fn a_dead_message_has_its_effect_once_it_is_tried_again(bus: Bus) {
    let world = World::new().await;
    let (writer, reader) = (world.start(world.writer), world.start(world.reader));
    let faulty = Arc::new(AtomicBool::new(true));
    reader.listen(&bus, Faulty(faulty.clone())).await;
    writer.relay(&bus);
    // In one process a revived message goes out by the relay of its consumer.
    reader.relay(&bus);
    writer.write(&texts(2)).await;

    let dead = DeadLetters::of(world.reader, &reader.host.db, Some(&bus));
    let died = async {
        loop {
            let found = dead.list(10).await.unwrap();
            if found.len() == 2 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(90), died)
        .await
        .unwrap();
    assert!(
        found
            .iter()
            .all(|letter| letter.kind == "kontor.writer.v1.Written")
    );
    assert!(
        found
            .iter()
            .all(|letter| letter.headers.company == Some(world.company))
    );
    let id = &found[0].id;
    assert_eq!(dead.list(1).await.unwrap().len(), 1, "looking takes nothing out");

    faulty.store(false, Ordering::SeqCst);
    assert!(!dead.retry("01890000-0000-7000-8000-000000000000").await.unwrap());
    assert!(dead.retry(id).await.unwrap());
    reader.until("select count(*) from effects", 1).await;
    let left = dead.list(10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].id, *id);
    assert!(!dead.retry(id).await.unwrap(), "it is not dead any more");
    writer.stop().await;
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_message_has_its_effect_once_it_is_tried_again_over_the_broker() {
    let (bus, _alone) = rabbit().await;
    a_dead_message_has_its_effect_once_it_is_tried_again(bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_message_has_its_effect_once_it_is_tried_again_in_one_process() {
    let bus = Bus::connect("in-process").unwrap();
    a_dead_message_has_its_effect_once_it_is_tried_again(bus).await;
}
