//! Stages that are removed while deals move between them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use kontor_chassis::Error;
use kontor_proto::{
    deals::v1::{self, deal_service_server::DealService, pipeline_service_server::PipelineService},
    records::v1::{BulkAction, BulkParams},
};

use crate::{
    pipelines::{create, stage, update},
    world::{World, answer, fields, named},
};

/// Deals, of which the first eight are moved; those that nobody moves stay where they are until their stage goes.
const DEALS: usize = 24;
/// Times that two stages are removed.
const ROUNDS: usize = 8;

async fn read(world: &World, id: &str) -> v1::Pipeline {
    let request = world.asks(v1::GetPipelineRequest { id: id.to_owned() });
    let read = answer(world.grpc.get_pipeline(request).await).unwrap();
    read.pipeline.unwrap()
}

/// Moves a deal there: with its card, or by changing its stage.
async fn put(world: &World, id: &str, stage: &str, by_card: bool) -> Result<(), Error> {
    if by_card {
        let request = world.asks(v1::MoveDealRequest {
            id: id.to_owned(),
            stage_id: stage.to_owned(),
            after_id: None,
            etag: String::new(),
        });
        return answer(world.grpc.move_deal(request).await).map(drop);
    }
    let deal = v1::Deal {
        stage_id: Some(stage.to_owned()),
        ..v1::Deal::default()
    };
    world.update(id, deal, &["stage_id"], "").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stages_are_removed_while_eight_move_deals_between_them_and_none_is_lost_or_refused_in_vain() {
    let world = World::new().await;
    let made = create(
        &world,
        v1::Pipeline {
            name: "Shaky".to_owned(),
            stages: vec![stage("Keep", 10)],
            ..v1::Pipeline::default()
        },
    )
    .await
    .unwrap();
    let keep = made.stages[0].clone();
    let mut ids = Vec::new();
    for n in 0..DEALS {
        let deal = v1::Deal {
            pipeline_id: Some(made.id.clone()),
            ..named(&format!("card {n}"))
        };
        ids.push(world.create(deal).await.unwrap().id);
    }
    for round in 0..ROUNDS {
        let with = v1::Pipeline {
            stages: vec![keep.clone(), stage("One", 20), stage("Two", 30)],
            ..v1::Pipeline::default()
        };
        let grown = update(&world, &made.id, with, &["stages"], "").await.unwrap();
        let shaky: Vec<String> = grown.stages[1..]
            .iter()
            .map(|stage| stage.id.clone().unwrap())
            .collect();
        for (n, id) in ids.iter().enumerate() {
            put(&world, id, &shaky[(n + 1) % 2], true).await.unwrap();
        }
        let over = AtomicBool::new(false);
        let mover = async |who: usize| {
            let mut step = who;
            while !over.load(Ordering::Relaxed) {
                step += 1;
                if let Err(error) = put(
                    &world,
                    &ids[who],
                    &shaky[step % 2],
                    (who + round).is_multiple_of(4),
                )
                .await
                {
                    assert_eq!(fields(&error), [("stage_id", "unknown_reference")], "{error:?}");
                    return;
                }
            }
        };
        let remover = async {
            // The movers are on their way.
            for _ in 0..round % 4 {
                world.get(&ids[0]).await.unwrap();
            }
            let without = v1::Pipeline {
                stages: vec![keep.clone()],
                move_deals: shaky
                    .iter()
                    .map(|gone| (gone.clone(), keep.id.clone().unwrap()))
                    .collect::<HashMap<_, _>>(),
                ..v1::Pipeline::default()
            };
            let removed = update(&world, &made.id, without, &["stages", "move_deals"], "").await;
            over.store(true, Ordering::Relaxed);
            removed.unwrap();
        };
        // Who changes many deals locks them all at once.
        let tagger = async {
            while !over.load(Ordering::Relaxed) {
                for action in ["add_tags", "remove_tags"] {
                    let action = BulkAction {
                        action: action.to_owned(),
                        all: true,
                        params: Some(BulkParams {
                            tags: vec!["shaken".to_owned()],
                            ..BulkParams::default()
                        }),
                        ..BulkAction::default()
                    };
                    let request = world.asks(v1::BulkActionDealsRequest { action: Some(action) });
                    answer(world.grpc.bulk_action_deals(request).await).unwrap();
                }
            }
        };
        tokio::join!(
            remover,
            tagger,
            mover(0),
            mover(1),
            mover(2),
            mover(3),
            mover(4),
            mover(5),
            mover(6),
            mover(7)
        );
        assert_eq!(read(&world, &made.id).await.stages.len(), 1);
        let mut places = HashSet::new();
        for id in &ids {
            let deal = world.get(id).await.unwrap();
            assert_eq!(deal.stage_id, keep.id);
            places.insert(deal.position);
        }
        assert_eq!(places.len(), DEALS, "no two cards share a place");
    }
}
