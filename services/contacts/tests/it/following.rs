//! How contacts follow the merging of accounts.

use kontor_contacts::{model::Contact, service::convert::Step, store};
use kontor_proto::contacts::v1;
use kontor_proto::leads::v1::{ContactStepRequested, ConversionContext, Lead};
use kontor_proto::records::v1::{Merging, RecordChange};
use kontor_records::{merge, saga};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::World;

/// A merge of one account into another, or its end, as accounts tells it.
fn merging(merge: Uuid, source: Uuid, winner: Uuid, undone: bool) -> Merging {
    let source = RecordChange {
        id: source.to_string(),
        name: "Known".into(),
        deleted: !undone,
        version: if undone { 3 } else { 2 },
        ..RecordChange::default()
    };
    Merging {
        merge_id: merge.to_string(),
        winner_id: winner.to_string(),
        sources: vec![source],
        undone,
        by: None,
    }
}

async fn hear(world: &World, merging: &Merging) {
    let mut tx = world.begin().await;
    store::lock_primaries(&mut tx, world.company).await.unwrap();
    let now = OffsetDateTime::now_utc();
    merge::follow::<Contact>(&mut tx, world.company, "account", merging, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn at(account: Uuid, primary: bool) -> v1::Contact {
    v1::Contact {
        last_name: "A".into(),
        account_id: Some(account.to_string()),
        is_primary: primary,
        ..v1::Contact::default()
    }
}

/// Where a contact is, and whether it is the primary one there.
async fn place(world: &World, contact: &v1::Contact) -> (Uuid, bool) {
    let contact = world.get(&contact.id).await.unwrap();
    (contact.account_id.unwrap().parse().unwrap(), contact.is_primary)
}

#[tokio::test]
async fn contacts_of_a_merged_account_move_to_the_winner_and_back_however_often_it_is_told() {
    let world = World::new().await;
    let winner = world.heard_of("account", "Winner").await;
    let source = world.heard_of("account", "Source").await;
    let other = world.heard_of("account", "Other").await;
    let boss = world.create(at(winner, true)).await.unwrap();
    let one = world.create(at(source, true)).await.unwrap();
    let two = world.create(at(source, false)).await.unwrap();
    let merge = Uuid::now_v7();
    for _ in 0..2 {
        hear(&world, &merging(merge, source, winner, false)).await;
    }
    assert_eq!(place(&world, &one).await, (winner, false));
    assert_eq!(place(&world, &two).await, (winner, false));
    assert_eq!(place(&world, &boss).await, (winner, true), "it keeps its rank");
    let moved = world.get(&one.id).await.unwrap();
    assert_eq!(moved.account_name.as_deref(), Some("Winner"));
    let error = world.create(at(source, false)).await.unwrap_err();
    assert_eq!(
        error.code(),
        "unknown_reference",
        "nobody can be put there any more"
    );

    world
        .update(&two.id, at(other, false), &["account_id"], "")
        .await
        .unwrap();
    for _ in 0..2 {
        hear(&world, &merging(merge, source, winner, true)).await;
    }
    assert_eq!(place(&world, &one).await, (source, true), "with its rank");
    let (account, _) = place(&world, &two).await;
    assert_eq!(account, other, "it was given to somebody else meanwhile");
    world.create(at(source, false)).await.unwrap();
}

#[tokio::test]
async fn the_primary_contact_of_a_merged_account_is_that_of_a_winner_without_one() {
    let world = World::new().await;
    let winner = world.heard_of("account", "Winner").await;
    let source = world.heard_of("account", "Source").await;
    let contact = world.create(at(source, true)).await.unwrap();
    hear(&world, &merging(Uuid::now_v7(), source, winner, false)).await;
    assert_eq!(place(&world, &contact).await, (winner, true));
}

#[tokio::test]
async fn the_end_of_a_merge_may_be_heard_before_the_merge() {
    let world = World::new().await;
    let winner = world.heard_of("account", "Winner").await;
    let source = world.heard_of("account", "Source").await;
    let contact = world.create(at(source, false)).await.unwrap();
    let merge = Uuid::now_v7();
    hear(&world, &merging(merge, source, winner, true)).await;
    hear(&world, &merging(merge, source, winner, false)).await;
    assert_eq!(place(&world, &contact).await.0, source);
    world.create(at(source, false)).await.unwrap();
}

#[tokio::test]
async fn merges_on_top_of_each_other_may_be_heard_in_any_order() {
    let world = World::new().await;
    let a = world.heard_of("account", "A").await;
    let b = world.heard_of("account", "B").await;
    let c = world.heard_of("account", "C").await;
    let contact = world.create(at(a, false)).await.unwrap();
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    hear(&world, &merging(second, b, c, false)).await;
    hear(&world, &merging(first, a, b, false)).await;
    assert_eq!(
        place(&world, &contact).await.0,
        c,
        "it goes on with what it came to"
    );
    // Taken back in the order of their ends, the upper one first; heard the other way about.
    hear(&world, &merging(first, a, b, true)).await;
    assert_eq!(place(&world, &contact).await.0, c, "it waits");
    hear(&world, &merging(second, b, c, true)).await;
    assert_eq!(place(&world, &contact).await.0, a);
}

#[tokio::test]
async fn a_contact_that_is_made_while_its_account_is_merged_moves_or_is_refused() {
    let world = World::new().await;
    for _ in 0..8 {
        let winner = world.heard_of("account", "Winner").await;
        let source = world.heard_of("account", "Source").await;
        let merging = merging(Uuid::now_v7(), source, winner, false);
        let (made, ()) = tokio::join!(world.create(at(source, false)), hear(&world, &merging));
        match made {
            Ok(contact) => assert_eq!(place(&world, &contact).await.0, winner),
            Err(error) => assert_eq!(error.code(), "unknown_reference"),
        }
    }
}

#[tokio::test]
async fn the_contact_of_a_conversion_is_made_at_the_account_that_its_own_was_merged_into() {
    let world = World::new().await;
    let winner = world.heard_of("account", "Winner").await;
    let source = world.heard_of("account", "Source").await;
    let request = ContactStepRequested {
        context: Some(ConversionContext {
            conversion_id: Uuid::now_v7().to_string(),
            lead: Some(Lead {
                last_name: "Lovelace".to_owned(),
                full_name: "Lovelace".to_owned(),
                ..Lead::default()
            }),
            ..ConversionContext::default()
        }),
        given_contact_id: None,
        new_contact_id: Uuid::now_v7().to_string(),
        account_id: source.to_string(),
        account_name: "Source".to_owned(),
    };
    let merge = Uuid::now_v7();
    hear(&world, &merging(merge, source, winner, false)).await;
    let mut tx = world.begin().await;
    saga::step(
        &mut tx,
        world.company,
        &Step::of(request.clone()),
        OffsetDateTime::now_utc(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let made = world.get(&request.new_contact_id).await.unwrap();
    assert_eq!(place(&world, &made).await.0, winner);
    hear(&world, &merging(merge, source, winner, true)).await;
    assert_eq!(
        place(&world, &made).await.0,
        source,
        "and it goes back with the others"
    );
}
