//! Places on the board.

use kontor_chassis::{Error, Kind};
use kontor_proto::{
    deals::v1::{self, deal_service_server::DealService},
    records::v1::ListQuery,
};

use crate::{
    records::{sales, stage_id},
    world::{World, answer, fields, named},
};

async fn put(world: &World, id: &str, stage: Option<String>, after: Option<&str>) -> Result<v1::Deal, Error> {
    let request = world.asks(v1::MoveDealRequest {
        id: id.to_owned(),
        stage_id: stage.unwrap(),
        after_id: after.map(str::to_owned),
        etag: String::new(),
    });
    Ok(answer(world.grpc.move_deal(request).await)?.deal.unwrap())
}

/// Names of the deals of a stage in the order of the board.
async fn column(world: &World, stage: &Option<String>) -> Vec<String> {
    let query = ListQuery {
        order_by: "position".to_owned(),
        ..ListQuery::default()
    };
    let request = world.asks(v1::ListDealsRequest { query: Some(query) });
    let deals = answer(world.grpc.list_deals(request).await).unwrap().deals;
    deals
        .into_iter()
        .filter(|deal| deal.stage_id == *stage)
        .map(|deal| deal.name)
        .collect()
}

async fn cards(world: &World, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(world.create(named(name)).await.unwrap().id);
    }
    ids
}

#[tokio::test]
async fn a_new_card_comes_last_and_a_moved_one_where_it_is_put() {
    let world = World::new().await;
    let ids = cards(&world, &["a", "b", "c"]).await;
    let pipeline = sales(&world).await;
    let stage = stage_id(&pipeline, 0);
    assert_eq!(column(&world, &stage).await, ["a", "b", "c"]);
    put(&world, &ids[2], stage.clone(), None).await.unwrap();
    assert_eq!(column(&world, &stage).await, ["c", "a", "b"]);
    put(&world, &ids[2], stage.clone(), Some(&ids[0])).await.unwrap();
    assert_eq!(column(&world, &stage).await, ["a", "c", "b"]);
    put(&world, &ids[0], stage.clone(), Some(&ids[1])).await.unwrap();
    assert_eq!(column(&world, &stage).await, ["c", "b", "a"]);

    let proposal = stage_id(&pipeline, 2);
    let moved = put(&world, &ids[1], proposal.clone(), None).await.unwrap();
    assert_eq!(moved.probability, Some(50));
    assert_eq!(column(&world, &stage).await, ["c", "a"]);
    assert_eq!(column(&world, &proposal).await, ["b"]);
}

#[tokio::test]
async fn cards_find_room_however_often_they_are_moved_between_two() {
    let world = World::new().await;
    let ids = cards(&world, &["a", "b", "c"]).await;
    let stage = stage_id(&sales(&world).await, 0);
    for _ in 0..20 {
        put(&world, &ids[2], stage.clone(), Some(&ids[0])).await.unwrap();
        assert_eq!(column(&world, &stage).await, ["a", "c", "b"]);
        put(&world, &ids[1], stage.clone(), Some(&ids[0])).await.unwrap();
        assert_eq!(column(&world, &stage).await, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn cards_that_are_moved_and_made_at_the_same_moment_are_all_there_and_share_no_place() {
    let world = World::new().await;
    let ids = cards(&world, &["a", "b", "c", "d"]).await;
    let stage = stage_id(&sales(&world).await, 1);
    for round in 0..5 {
        let name = format!("new {round}");
        let made = v1::Deal {
            stage_id: stage.clone(),
            ..named(&name)
        };
        let (a, b, c, d, e) = tokio::join!(
            put(&world, &ids[0], stage.clone(), None),
            put(&world, &ids[1], stage.clone(), None),
            put(&world, &ids[2], stage.clone(), None),
            put(&world, &ids[3], stage.clone(), None),
            world.create(made),
        );
        for answer in [a, b, c, d, e] {
            answer.unwrap();
        }
        assert_eq!(column(&world, &stage).await.len(), 5 + round);
    }
}

#[tokio::test]
async fn a_card_is_put_behind_an_open_one_of_the_stage_only() {
    let world = World::new().await;
    let ids = cards(&world, &["a", "b"]).await;
    let pipeline = sales(&world).await;
    let elsewhere = put(&world, &ids[0], stage_id(&pipeline, 1), Some(&ids[1]))
        .await
        .unwrap_err();
    assert_eq!(fields(&elsewhere), [("after_id", "unknown_reference")]);
    let win = world.asks(v1::WinDealRequest {
        id: ids[0].clone(),
        etag: String::new(),
    });
    answer(world.grpc.win_deal(win).await).unwrap();
    let closed = put(&world, &ids[0], stage_id(&pipeline, 1), None)
        .await
        .unwrap_err();
    assert_eq!((closed.kind(), closed.code()), (Kind::Conflict, "wrong_state"));
    let behind_closed = put(&world, &ids[1], stage_id(&pipeline, 0), Some(&ids[0]))
        .await
        .unwrap_err();
    assert_eq!(fields(&behind_closed), [("after_id", "unknown_reference")]);
}

#[tokio::test]
async fn eight_who_move_cards_at_once_lose_none_and_put_no_two_on_one_place() {
    let world = World::new().await;
    let names: Vec<String> = (0..12).map(|n| format!("card {n}")).collect();
    let ids = cards(&world, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let pipeline = sales(&world).await;
    let mover = |who: usize| {
        let (world, ids, pipeline) = (&world, &ids, &pipeline);
        async move {
            for step in 0..12 {
                let at = |n: usize| ids[(who * 5 + step * n) % ids.len()].as_str();
                let after = (step % 3 != 0).then(|| at(11));
                match put(world, at(7), stage_id(pipeline, (who + step) % 4), after).await {
                    Ok(_) => {}
                    // Its neighbour has gone on to another stage, or is the card itself.
                    Err(error) => assert_eq!(fields(&error), [("after_id", "unknown_reference")]),
                }
            }
        }
    };
    tokio::join!(
        mover(0),
        mover(1),
        mover(2),
        mover(3),
        mover(4),
        mover(5),
        mover(6),
        mover(7)
    );
    let request = world.asks(v1::ListDealsRequest { query: None });
    let deals = answer(world.grpc.list_deals(request).await).unwrap().deals;
    let places: std::collections::HashSet<_> = deals
        .iter()
        .map(|deal| (deal.stage_id.clone(), deal.position))
        .collect();
    assert_eq!((deals.len(), places.len()), (12, 12));
}
