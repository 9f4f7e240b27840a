//! Making, changing and deleting pipelines.

use std::collections::HashMap;

use kontor_chassis::{Error, Kind};
use kontor_proto::deals::v1::{
    self, DealsChanged, deal_history_service_server::DealHistoryService,
    pipeline_service_server::PipelineService,
};
use prost_types::FieldMask;
use uuid::Uuid;

use crate::{
    records::{sales, stage_id},
    world::{World, answer, fields, named},
};

pub(crate) async fn create(world: &World, pipeline: v1::Pipeline) -> Result<v1::Pipeline, Error> {
    let request = world.asks(v1::CreatePipelineRequest {
        pipeline: Some(pipeline),
    });
    let made = answer(world.grpc.create_pipeline(request).await)?;
    Ok(made.pipeline.unwrap())
}

pub(crate) async fn update(
    world: &World,
    id: &str,
    pipeline: v1::Pipeline,
    paths: &[&str],
    etag: &str,
) -> Result<v1::Pipeline, Error> {
    let request = world.asks(v1::UpdatePipelineRequest {
        id: id.to_owned(),
        pipeline: Some(pipeline),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        }),
        etag: etag.to_owned(),
    });
    let changed = answer(world.grpc.update_pipeline(request).await)?;
    Ok(changed.pipeline.unwrap())
}

async fn delete(world: &World, id: &str, etag: &str) -> Result<(), Error> {
    let request = world.asks(v1::DeletePipelineRequest {
        id: id.to_owned(),
        etag: etag.to_owned(),
    });
    answer(world.grpc.delete_pipeline(request).await)
}

pub(crate) fn stage(name: &str, probability: i32) -> v1::Stage {
    v1::Stage {
        name: name.to_owned(),
        probability,
        ..v1::Stage::default()
    }
}

fn renewals() -> v1::Pipeline {
    v1::Pipeline {
        name: "Renewals".to_owned(),
        stages: vec![stage("Due", 60), stage("Talking", 80)],
        ..v1::Pipeline::default()
    }
}

fn listed(pipeline: &v1::Pipeline) -> Vec<(&str, i32)> {
    pipeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.probability))
        .collect()
}

async fn all(world: &World) -> Vec<v1::Pipeline> {
    let request = world.asks(v1::ListPipelinesRequest {});
    answer(world.grpc.list_pipelines(request).await)
        .unwrap()
        .pipelines
}

#[tokio::test]
async fn a_pipeline_is_made_beside_sales_and_deals_come_into_its_first_stage() {
    let world = World::new().await;
    let made = create(&world, renewals()).await.unwrap();
    assert_eq!(listed(&made), [("Due", 60), ("Talking", 80)]);
    let maker = Some(world.user.to_string());
    assert_eq!((&made.created_by, &made.updated_by), (&maker, &maker));
    let sales = all(&world).await.swap_remove(0);
    assert_eq!(sales.created_by, None, "every company begins with it");
    let selling = v1::Pipeline {
        name: "Selling".to_owned(),
        ..v1::Pipeline::default()
    };
    let renamed = update(&world, &sales.id, selling, &["name"], "").await.unwrap();
    assert_eq!((renamed.created_by, renamed.updated_by), (None, maker));
    let names: Vec<_> = all(&world).await.into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["Selling", "Renewals"]);
    let deal = world
        .create(v1::Deal {
            pipeline_id: Some(made.id.clone()),
            ..named("Renew")
        })
        .await
        .unwrap();
    assert_eq!(
        (deal.stage_id.clone(), deal.probability),
        (stage_id(&made, 0), Some(60))
    );
    let read = world.asks(v1::GetPipelineRequest { id: made.id.clone() });
    assert_eq!(
        answer(world.grpc.get_pipeline(read).await).unwrap().pipeline,
        Some(made.clone())
    );
    let theirs = world.elsewhere();
    let change = update(&theirs, &made.id, renewals(), &["name"], "").await;
    assert_eq!(change.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(
        delete(&theirs, &made.id, "").await.unwrap_err().kind(),
        Kind::NotFound
    );
}

#[tokio::test]
async fn every_bad_field_of_a_pipeline_is_told_at_once() {
    let world = World::new().await;
    let bad = v1::Pipeline {
        stages: vec![stage("", 120)],
        ..v1::Pipeline::default()
    };
    let error = create(&world, bad).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("name", "required"),
            ("stages[0].name", "required"),
            ("stages[0].probability", "out_of_range")
        ]
    );
    let made = create(&world, renewals()).await.unwrap();
    let error = update(&world, &made.id, renewals(), &["id", "colour"], "")
        .await
        .unwrap_err();
    assert_eq!(fields(&error), [("id", "read_only"), ("colour", "unknown_field")]);
}

#[tokio::test]
async fn the_default_pipeline_steps_down_for_another_and_is_never_deleted() {
    let world = World::new().await;
    let first = sales(&world).await;
    let keep = delete(&world, &first.id, "").await.unwrap_err();
    assert_eq!((keep.kind(), keep.code()), (Kind::Conflict, "default_pipeline"));
    let made = create(
        &world,
        v1::Pipeline {
            is_default: true,
            ..renewals()
        },
    )
    .await
    .unwrap();
    let defaults: Vec<_> = all(&world)
        .await
        .into_iter()
        .map(|pipeline| (pipeline.name, pipeline.is_default))
        .collect();
    assert_eq!(
        defaults,
        [("Renewals".to_owned(), true), ("Sales".to_owned(), false)]
    );
    let no_default = update(&world, &made.id, v1::Pipeline::default(), &["is_default"], "").await;
    assert_eq!(no_default.unwrap_err().code(), "default_pipeline");
    let deal = world.create(named("New")).await.unwrap();
    assert_eq!(deal.pipeline_id, Some(made.id));
    delete(&world, &first.id, "").await.unwrap();
    assert_eq!(
        delete(&world, &first.id, "").await.unwrap_err().kind(),
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let world = World::new().await;
    let made = create(&world, renewals()).await.unwrap();
    let change = v1::Pipeline {
        name: "Again".to_owned(),
        ..v1::Pipeline::default()
    };
    let changed = update(&world, &made.id, change.clone(), &["name"], &made.etag)
        .await
        .unwrap();
    assert_eq!((changed.name.as_str(), changed.stages.len()), ("Again", 2));
    assert_ne!(changed.etag, made.etag);
    let stale = update(&world, &made.id, change, &["name"], &made.etag).await;
    assert_eq!(stale.unwrap_err().kind(), Kind::Stale);
    let stale = delete(&world, &made.id, &made.etag).await;
    assert_eq!(stale.unwrap_err().kind(), Kind::Stale);
    delete(&world, &made.id, &changed.etag).await.unwrap();
}

#[tokio::test]
async fn a_stage_that_holds_deals_is_left_out_only_when_they_know_where_to_go() {
    let world = World::new().await;
    let pipeline = sales(&world).await;
    let into = |name: &str, place: usize| v1::Deal {
        stage_id: stage_id(&pipeline, place),
        ..named(name)
    };
    let open = world.create(into("Open", 1)).await.unwrap();
    let by_hand = world
        .create(v1::Deal {
            probability: Some(33),
            ..into("By hand", 1)
        })
        .await
        .unwrap();
    let mut stages = pipeline.stages.clone();
    let gone = stages.remove(1);
    let without = v1::Pipeline {
        stages: stages.clone(),
        ..v1::Pipeline::default()
    };
    let refused = update(&world, &pipeline.id, without.clone(), &["stages"], "")
        .await
        .unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Conflict, "stage_in_use"));
    assert!(refused.detail().contains("Qualification"), "{}", refused.detail());

    let goal = stages[1].id.clone().unwrap();
    let moves = HashMap::from([(gone.id.clone().unwrap(), goal.clone())]);
    let with = v1::Pipeline {
        move_deals: moves,
        ..without
    };
    let changed = update(&world, &pipeline.id, with, &["stages", "move_deals"], "")
        .await
        .unwrap();
    assert_eq!(
        listed(&changed),
        [("Prospecting", 10), ("Proposal", 50), ("Negotiation", 75)]
    );
    let open = world.get(&open.id).await.unwrap();
    let by_hand = world.get(&by_hand.id).await.unwrap();
    assert_eq!(
        (open.stage_id.as_ref(), open.probability),
        (Some(&goal), Some(50))
    );
    assert_eq!(
        (by_hand.stage_id.as_ref(), by_hand.probability),
        (Some(&goal), Some(33))
    );
    assert!(open.position < by_hand.position, "the order of the board is kept");
    let history = world.asks(v1::ListDealHistoryRequest {
        id: open.id.clone(),
        ..v1::ListDealHistoryRequest::default()
    });
    let changes = answer(world.grpc.list_deal_history(history).await)
        .unwrap()
        .changes;
    assert!(
        changes
            .iter()
            .any(|change| change.action == "moved" && change.field.as_deref() == Some("stage_id"))
    );
    let told = world.told::<DealsChanged>().await;
    let last = told.last().unwrap();
    assert_eq!(
        (last.changes.len(), last.changes[0].action.as_str()),
        (2, "moved")
    );
}

#[tokio::test]
async fn open_deals_become_as_likely_as_their_stage_is_made() {
    let world = World::new().await;
    let pipeline = sales(&world).await;
    let deal = world.create(named("Follows")).await.unwrap();
    let mut stages = pipeline.stages.clone();
    stages[0].probability = 15;
    let change = v1::Pipeline {
        stages,
        ..v1::Pipeline::default()
    };
    update(&world, &pipeline.id, change, &["stages"], "")
        .await
        .unwrap();
    let after = world.get(&deal.id).await.unwrap();
    assert_eq!(after.probability, Some(15));
    assert_eq!((after.stage_id, after.position), (deal.stage_id, deal.position));
}

#[tokio::test]
async fn a_pipeline_with_deals_is_not_deleted_and_a_deleted_deal_finds_a_home() {
    let world = World::new().await;
    let made = create(&world, renewals()).await.unwrap();
    let deal = world
        .create(v1::Deal {
            pipeline_id: Some(made.id.clone()),
            ..named("Here")
        })
        .await
        .unwrap();
    let refused = delete(&world, &made.id, "").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (Kind::Conflict, "pipeline_in_use")
    );
    world.delete(&deal.id).await.unwrap();
    delete(&world, &made.id, "").await.unwrap();
    let back = world.restore(&deal.id).await.unwrap();
    assert_eq!(back.pipeline_id, Some(sales(&world).await.id));
}

#[tokio::test]
async fn deals_that_are_made_while_their_stage_is_left_out_are_in_a_stage_or_refused() {
    let world = World::new().await;
    for round in 0..5 {
        let made = create(&world, renewals()).await.unwrap();
        let keep = made.stages[0].clone();
        let gone = made.stages[1].id.clone().unwrap();
        let deal = |n: usize| v1::Deal {
            stage_id: Some(gone.clone()),
            ..named(&format!("Racing {round}.{n}"))
        };
        let change = v1::Pipeline {
            stages: vec![keep.clone()],
            move_deals: HashMap::from([(gone.clone(), keep.id.clone().unwrap())]),
            ..v1::Pipeline::default()
        };
        let (changed, first, second, third) = tokio::join!(
            update(&world, &made.id, change, &["stages", "move_deals"], ""),
            world.create(deal(1)),
            world.create(deal(2)),
            world.create(deal(3)),
        );
        assert_eq!(changed.unwrap().stages.len(), 1);
        for made in [first, second, third] {
            match made {
                Ok(deal) => assert_eq!(world.get(&deal.id).await.unwrap().stage_id, keep.id),
                Err(error) => assert_eq!(fields(&error), [("stage_id", "unknown_reference")]),
            }
        }
    }
}

#[tokio::test]
async fn a_stage_that_is_not_the_pipelines_is_not_there() {
    let world = World::new().await;
    let pipeline = sales(&world).await;
    let foreign = v1::Stage {
        id: Some(Uuid::now_v7().to_string()),
        ..stage("Foreign", 1)
    };
    let change = v1::Pipeline {
        stages: vec![foreign],
        ..v1::Pipeline::default()
    };
    let error = update(&world, &pipeline.id, change, &["stages"], "")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(fields(&error), [("stages[0].id", "unknown_reference")]);
}
