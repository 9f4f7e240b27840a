//! Timers: done when due, once, and again when they failed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kontor_chassis::{Caller, Error, db::TenantTx};
use kontor_events::timers::{self, Due, Timer, Timers};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::world::{Service, World, keep};

struct Ring {
    failures: AtomicUsize,
    rings: Arc<AtomicUsize>,
}

impl Due for Ring {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        keep(tx, &timer.id.to_string()).await?;
        self.rings.fetch_add(1, Ordering::SeqCst);
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            Err(Error::internal("the bell is stuck"))
        } else {
            Ok(())
        }
    }
}

async fn set(service: &Service, id: Uuid, due_at: OffsetDateTime) {
    let mut tx = service
        .host
        .db
        .begin(&Caller::system(service.company))
        .await
        .unwrap();
    timers::set(&mut tx, id, "ring", due_at, service.company, &7_u32)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn begin(service: &Service, failures: usize) -> Arc<AtomicUsize> {
    let rings = Arc::new(AtomicUsize::new(0));
    let ring = Ring {
        failures: AtomicUsize::new(failures),
        rings: rings.clone(),
    };
    Timers::new(&service.host).on("ring", ring).spawn();
    rings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_is_done_once_by_one_of_two_replicas_when_it_is_due() {
    let world = World::new().await;
    let (one, other) = (world.start(world.writer), world.start(world.writer));
    let rings = [begin(&one, 0), begin(&other, 0)];
    let now = OffsetDateTime::now_utc();
    for _ in 0..50 {
        set(&one, Uuid::now_v7(), now + Duration::milliseconds(500)).await;
    }
    let later = Uuid::now_v7();
    set(&one, later, now + Duration::hours(1)).await;
    let cancelled = Uuid::now_v7();
    set(&one, cancelled, now + Duration::milliseconds(500)).await;
    let mut tx = one.host.db.begin(&Caller::system(world.company)).await.unwrap();
    timers::cancel(&mut tx, cancelled).await.unwrap();
    tx.commit().await.unwrap();

    one.until("select count(*) from effects", 50).await;
    one.until("select count(*) from timers", 1).await;
    assert_eq!(
        rings
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .sum::<usize>(),
        50
    );
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_fails_is_done_later() {
    let world = World::new().await;
    let service = world.start(world.writer);
    let rings = begin(&service, 2);
    set(&service, Uuid::now_v7(), OffsetDateTime::now_utc()).await;
    service.until("select count(*) from effects", 1).await;
    assert_eq!(rings.load(Ordering::SeqCst), 3);
    assert_eq!(service.count("select count(*) from timers").await, 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_moves_to_an_earlier_time_and_not_to_a_later_one() {
    let world = World::new().await;
    let service = world.start(world.writer);
    let (id, now) = (Uuid::now_v7(), OffsetDateTime::now_utc());
    for hours in [5, 3, 4] {
        let mut tx = service
            .host
            .db
            .begin(&Caller::system(world.company))
            .await
            .unwrap();
        let due_at = now + Duration::hours(hours);
        timers::no_later_than(&mut tx, id, "ring", due_at, world.company, &0_u32)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let hours = "select round(extract(epoch from max(due_at) - now()) / 3600)::bigint from timers";
    assert_eq!(service.count(hours).await, 3);
    service.stop().await;
}
