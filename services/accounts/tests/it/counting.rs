//! How many contacts and open deals an account has, as contacts and deals tell.

use std::collections::HashMap;

use kontor_accounts::service::counting;
use kontor_proto::{accounts::v1, records::v1::RecordChange};
use uuid::Uuid;

use crate::world::{World, named};

/// A contact or an open deal of an account.
fn of(account: &v1::Account, record: Uuid, version: i64) -> RecordChange {
    RecordChange {
        id: record.to_string(),
        version,
        told: HashMap::from([
            ("account_id".to_owned(), account.id.clone()),
            ("status".to_owned(), "open".to_owned()),
        ]),
        ..RecordChange::default()
    }
}

fn deleted(change: RecordChange) -> RecordChange {
    RecordChange {
        deleted: true,
        ..change
    }
}

impl World {
    async fn hears_of_contacts(&self, changes: &[RecordChange]) {
        let mut tx = self.begin().await;
        counting::contacts(&mut tx, self.company, changes).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn hears_of_deals(&self, changes: &[RecordChange]) {
        let mut tx = self.begin().await;
        counting::deals(&mut tx, self.company, changes).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn counts(&self, account: &v1::Account) -> (i32, i32) {
        let account = self.get(&account.id).await.unwrap();
        (account.contact_count, account.open_deal_count)
    }
}

#[tokio::test]
async fn contacts_and_open_deals_are_counted_through_moves_deletions_and_restores() {
    let world = World::new().await;
    let acme = world.create(named("Acme")).await.unwrap();
    let beta = world.create(named("Beta")).await.unwrap();
    let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
    world
        .hears_of_contacts(&[of(&acme, ids[0], 1), of(&acme, ids[1], 1), of(&beta, ids[2], 1)])
        .await;
    world.hears_of_deals(&[of(&acme, ids[0], 1)]).await;
    assert_eq!(
        (world.counts(&acme).await, world.counts(&beta).await),
        ((2, 1), (1, 0))
    );

    world.hears_of_contacts(&[of(&beta, ids[0], 2)]).await;
    assert_eq!(
        (world.counts(&acme).await, world.counts(&beta).await),
        ((1, 1), (2, 0)),
        "moved"
    );
    world.hears_of_contacts(&[deleted(of(&beta, ids[0], 3))]).await;
    assert_eq!(world.counts(&beta).await, (1, 0), "deleted");
    world.hears_of_contacts(&[of(&beta, ids[0], 4)]).await;
    assert_eq!(world.counts(&beta).await, (2, 0), "restored");

    let mut won = of(&acme, ids[0], 2);
    won.told.insert("status".into(), "won".into());
    world.hears_of_deals(&[won]).await;
    assert_eq!(world.counts(&acme).await, (1, 0), "won");
    let mut alone = of(&acme, ids[1], 2);
    alone.told.insert("account_id".into(), String::new());
    world.hears_of_contacts(&[alone]).await;
    assert_eq!(world.counts(&acme).await, (0, 0), "of no account any more");
    let mut silent = of(&beta, ids[0], 9);
    silent.told.clear();
    world.hears_of_contacts(&[silent]).await;
    assert_eq!(
        world.counts(&beta).await,
        (2, 0),
        "a change that says nothing of it"
    );
    let version = world.get(&acme.id).await.unwrap().etag;
    assert_eq!(version, acme.etag, "that is no change of the account");
}

#[tokio::test]
async fn what_is_told_twice_late_or_all_at_once_counts_the_same() {
    let world = World::new().await;
    let acme = world.create(named("Acme")).await.unwrap();
    let beta = world.create(named("Beta")).await.unwrap();
    let id = Uuid::now_v7();
    let life = [
        of(&acme, id, 1),
        of(&beta, id, 2),
        deleted(of(&beta, id, 3)),
        of(&acme, id, 4),
    ];
    for order in [[3, 2, 1, 0], [1, 0, 3, 3], [0, 3, 2, 1]] {
        for at in order {
            world.hears_of_contacts(&life[at..=at]).await;
        }
        assert_eq!(
            (world.counts(&acme).await, world.counts(&beta).await),
            ((1, 0), (0, 0)),
            "{order:?}"
        );
    }
    world.hears_of_contacts(&life).await;
    assert_eq!(
        (world.counts(&acme).await, world.counts(&beta).await),
        ((1, 0), (0, 0))
    );
}

#[tokio::test]
async fn eight_messages_at_once_miss_no_record() {
    let world = World::new().await;
    let acme = world.create(named("Acme")).await.unwrap();
    let beta = world.create(named("Beta")).await.unwrap();
    let ids: Vec<Uuid> = (0..10).map(|_| Uuid::now_v7()).collect();
    let (world, acme, beta, ids) = (&world, &acme, &beta, &ids);
    futures_util::future::join_all((0..8).map(|n| async move {
        world.hears_of_contacts(&[of(acme, Uuid::now_v7(), 1)]).await;
        // The same records move to and fro, told in any order.
        let moved: Vec<RecordChange> = ids
            .iter()
            .map(|id| of(if n % 2 == 0 { acme } else { beta }, *id, n))
            .collect();
        world.hears_of_contacts(&moved).await;
    }))
    .await;
    assert_eq!(
        (world.counts(acme).await, world.counts(beta).await),
        ((8, 0), (10, 0))
    );
}
