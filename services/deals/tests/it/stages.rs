//! How long deals are in their stages, and which they went through.

use kontor_chassis::Kind;
use kontor_proto::{
    deals::v1::{self, deal_history_service_server::DealHistoryService, deal_service_server::DealService},
    records::v1::{FieldFilter, ListQuery},
};

use crate::{
    pipelines::update,
    records::{sales, stage_id},
    world::{World, answer, named},
};

#[tokio::test]
async fn a_deal_rots_when_it_is_longer_in_its_stage_than_the_stage_allows() {
    let world = World::new().await;
    let pipeline = sales(&world).await;
    let mut stages = pipeline.stages.clone();
    stages[0].rotting_days = Some(14);
    let change = v1::Pipeline {
        stages,
        ..v1::Pipeline::default()
    };
    update(&world, &pipeline.id, change, &["stages"], "")
        .await
        .unwrap();
    for (name, days) in [("fresh", 3), ("at the limit", 14), ("rotten", 15), ("won", 90)] {
        let deal = world.create(named(name)).await.unwrap();
        assert_eq!((deal.days_in_stage, deal.is_rotting), (0, false));
        if name == "won" {
            let win = world.asks(v1::WinDealRequest {
                id: deal.id.clone(),
                etag: String::new(),
            });
            answer(world.grpc.win_deal(win).await).unwrap();
        }
        let mut tx = world.begin().await;
        sqlx::query(
            "update deals.deals
             set stage_entered_at = now() - $2 * interval '1 day', closed_at = closed_at - interval '79 days'
             where id = $1::uuid",
        )
        .bind(&deal.id)
        .bind(days)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let deal = world.get(&deal.id).await.unwrap();
        let expected = if name == "won" { 10 } else { days };
        assert_eq!(
            (deal.days_in_stage, deal.is_rotting),
            (expected, name == "rotten"),
            "{name}"
        );
    }
    let names = |parameter: &str, value: &str| {
        let query = ListQuery {
            order_by: "-days_in_stage".to_owned(),
            field_filters: vec![FieldFilter {
                parameter: parameter.to_owned(),
                values: vec![value.to_owned()],
            }],
            ..ListQuery::default()
        };
        let request = world.asks(v1::ListDealsRequest { query: Some(query) });
        async {
            let listed = answer(world.grpc.list_deals(request).await).unwrap().deals;
            listed.into_iter().map(|deal| deal.name).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("is_rotting", "true").await, ["rotten"]);
    assert_eq!(
        names("days_in_stage_min", "10").await,
        ["rotten", "at the limit", "won"]
    );
    // Moving it to another stage begins anew.
    let rotten = world.create(named("moved")).await.unwrap();
    let moved = world.asks(v1::MoveDealRequest {
        id: rotten.id.clone(),
        stage_id: stage_id(&pipeline, 1).unwrap(),
        ..v1::MoveDealRequest::default()
    });
    let moved = answer(world.grpc.move_deal(moved).await).unwrap().deal.unwrap();
    assert_eq!((moved.days_in_stage, moved.is_rotting), (0, false));
}

#[tokio::test]
async fn the_stages_that_a_deal_went_through_are_told() {
    let world = World::new().await;
    let pipeline = sales(&world).await;
    let deal = world.create(named("Travels")).await.unwrap();
    let stages = |id: String| {
        let request = world.asks(v1::ListDealStagesRequest { id });
        async { answer(world.grpc.list_deal_stages(request).await).map(|told| told.stages) }
    };
    let first = stages(deal.id.clone()).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(
        (
            Some(&first[0].stage_id),
            first[0].name.as_deref(),
            first[0].left_at
        ),
        (deal.stage_id.as_ref(), Some("Prospecting"), None)
    );
    for place in [2, 1] {
        let request = world.asks(v1::MoveDealRequest {
            id: deal.id.clone(),
            stage_id: stage_id(&pipeline, place).unwrap(),
            ..v1::MoveDealRequest::default()
        });
        answer(world.grpc.move_deal(request).await).unwrap();
    }
    let told = stages(deal.id.clone()).await.unwrap();
    let names: Vec<_> = told.iter().map(|stage| stage.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["Prospecting", "Proposal", "Qualification"]);
    assert_eq!(told[0].left_at, told[1].entered_at);
    assert_eq!(
        (told[1].by.as_deref(), told[2].left_at),
        (Some(world.user.to_string().as_str()), None)
    );
    let theirs = world.elsewhere();
    let request = theirs.asks(v1::ListDealStagesRequest { id: deal.id });
    let missing = answer(world.grpc.list_deal_stages(request).await).unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
}
