//! How deals follow the merging of accounts, contacts and leads.

use kontor_deals::{model::Deal, service::convert::Step};
use kontor_proto::deals::v1;
use kontor_proto::leads::v1::{ConversionContext, DealStepRequested, Lead};
use kontor_proto::records::v1::{Merging, RecordChange};
use kontor_records::{merge, saga};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::{World, named};

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

async fn hear(world: &World, kind: &'static str, merging: &Merging) {
    let mut tx = world.begin().await;
    let now = OffsetDateTime::now_utc();
    merge::follow::<Deal>(&mut tx, world.company, kind, merging, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_deal_refers_to_what_its_account_contacts_and_lead_were_merged_into_and_back() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for kind in ["account", "account", "contact", "contact", "lead", "lead"] {
        ids.push(world.heard_of(kind, kind).await);
    }
    let [account, account_after, contact, contact_after, lead, lead_after] = ids[..] else {
        panic!("six of them")
    };
    let text = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect::<Vec<_>>();
    let deal = world
        .create(v1::Deal {
            account_id: Some(account.to_string()),
            contact_ids: text(&[contact, contact_after]),
            lead_id: Some(lead.to_string()),
            ..named("Engine")
        })
        .await
        .unwrap();
    let merges = [
        ("account", Uuid::now_v7(), account, account_after),
        ("contact", Uuid::now_v7(), contact, contact_after),
        ("lead", Uuid::now_v7(), lead, lead_after),
    ];
    for (kind, merge, source, winner) in merges {
        hear(&world, kind, &merging(merge, source, winner, false)).await;
    }
    let moved = world.get(&deal.id).await.unwrap();
    assert_eq!(moved.account_id, Some(account_after.to_string()));
    assert_eq!(moved.contact_ids, text(&[contact_after]), "each once");
    assert_eq!(moved.lead_id, Some(lead_after.to_string()));
    assert_eq!((&moved.stage_id, moved.position), (&deal.stage_id, deal.position));
    for (kind, merge, source, winner) in merges {
        hear(&world, kind, &merging(merge, source, winner, true)).await;
    }
    let back = world.get(&deal.id).await.unwrap();
    assert_eq!(back.account_id, deal.account_id);
    assert_eq!(back.lead_id, deal.lead_id);
    let mut contacts = back.contact_ids;
    contacts.sort();
    assert_eq!(contacts, text(&[contact, contact_after]));
}

#[tokio::test]
async fn a_deleted_deal_follows_too() {
    let world = World::new().await;
    let source = world.heard_of("account", "Source").await;
    let winner = world.heard_of("account", "Winner").await;
    let deal = world
        .create(v1::Deal {
            account_id: Some(source.to_string()),
            ..named("Engine")
        })
        .await
        .unwrap();
    world.delete(&deal.id).await.unwrap();
    hear(&world, "account", &merging(Uuid::now_v7(), source, winner, false)).await;
    let deal = world.restore(&deal.id).await.unwrap();
    assert_eq!(deal.account_id, Some(winner.to_string()));
}

#[tokio::test]
async fn the_deal_of_a_conversion_is_made_with_what_its_account_and_contact_were_merged_into() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for kind in ["account", "account", "contact", "contact"] {
        ids.push(world.heard_of(kind, kind).await);
    }
    let request = DealStepRequested {
        context: Some(ConversionContext {
            conversion_id: Uuid::now_v7().to_string(),
            lead: Some(Lead {
                id: Uuid::now_v7().to_string(),
                full_name: "Ada Lovelace".to_owned(),
                ..Lead::default()
            }),
            ..ConversionContext::default()
        }),
        given_deal_id: None,
        new_deal_id: Uuid::now_v7().to_string(),
        account_id: ids[0].to_string(),
        contact_id: ids[2].to_string(),
        deal: None,
    };
    hear(&world, "account", &merging(Uuid::now_v7(), ids[0], ids[1], false)).await;
    hear(&world, "contact", &merging(Uuid::now_v7(), ids[2], ids[3], false)).await;
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
    let deal = world.get(&request.new_deal_id).await.unwrap();
    assert_eq!(deal.account_id, Some(ids[1].to_string()));
    assert_eq!(deal.contact_ids, [ids[3].to_string()]);
}
