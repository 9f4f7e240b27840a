//! Making, reading and changing deals.

use kontor_chassis::Kind;
use kontor_proto::{
    deals::v1::{
        self, DealsChanged, deal_service_server::DealService, pipeline_service_server::PipelineService,
    },
    records::v1::Money,
};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

pub(crate) async fn sales(world: &World) -> v1::Pipeline {
    let request = world.asks(v1::ListPipelinesRequest {});
    let mut pipelines = answer(world.grpc.list_pipelines(request).await)
        .unwrap()
        .pipelines;
    assert_eq!(pipelines.len(), 1);
    pipelines.remove(0)
}

pub(crate) fn stage_id(pipeline: &v1::Pipeline, place: usize) -> Option<String> {
    pipeline.stages[place].id.clone()
}

fn usd(amount: &str) -> Option<Money> {
    Some(Money {
        amount: amount.to_owned(),
        currency: "USD".to_owned(),
    })
}

#[tokio::test]
async fn a_company_begins_with_the_pipeline_sales() {
    let world = World::new().await;
    let (first, second) = tokio::join!(sales(&world), sales(&world));
    assert_eq!(first.id, second.id);
    let stages: Vec<_> = first
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.probability))
        .collect();
    assert_eq!(first.name, "Sales");
    assert_eq!(
        stages,
        [
            ("Prospecting", 10),
            ("Qualification", 25),
            ("Proposal", 50),
            ("Negotiation", 75)
        ]
    );
    assert_ne!(sales(&world.elsewhere()).await.id, first.id);
}

#[tokio::test]
async fn a_new_deal_is_open_in_the_first_stage_and_weighted_by_it() {
    let world = World::new().await;
    let made = world
        .create(v1::Deal {
            amount: usd("1000"),
            ..named("Big")
        })
        .await
        .unwrap();
    let pipeline = sales(&world).await;
    assert_eq!(made.status(), v1::DealStatus::Open);
    assert_eq!(made.forecast_category(), v1::ForecastCategory::Pipeline);
    assert_eq!(
        (made.pipeline_id.as_ref(), made.stage_id.clone()),
        (Some(&pipeline.id), stage_id(&pipeline, 0))
    );
    assert_eq!(
        (made.probability, made.weighted_amount.clone()),
        (Some(10), usd("100.00"))
    );
    assert_eq!((made.days_in_stage, made.is_rotting), (0, false));
    assert_eq!(world.get(&made.id).await.unwrap(), made);
    assert_eq!(world.told::<DealsChanged>().await[0].changes[0].action, "created");
}

#[tokio::test]
async fn a_probability_follows_the_stage_unless_a_person_set_it() {
    let world = World::new().await;
    let deal = world.create(named("Follows")).await.unwrap();
    let pipeline = sales(&world).await;
    let into = |place| v1::Deal {
        stage_id: stage_id(&pipeline, place),
        ..v1::Deal::default()
    };
    let moved = world.update(&deal.id, into(2), &["stage_id"], "").await.unwrap();
    assert_eq!(moved.probability, Some(50));
    let set = v1::Deal {
        probability: Some(66),
        ..v1::Deal::default()
    };
    assert_eq!(
        world
            .update(&deal.id, set, &["probability"], "")
            .await
            .unwrap()
            .probability,
        Some(66)
    );
    let moved = world.update(&deal.id, into(3), &["stage_id"], "").await.unwrap();
    assert_eq!(moved.probability, Some(66));
    let handed_back = world
        .update(&deal.id, v1::Deal::default(), &["probability"], "")
        .await
        .unwrap();
    assert_eq!(handed_back.probability, Some(75));
}

#[tokio::test]
async fn a_deal_is_won_or_lost_once_and_reopened() {
    let world = World::new().await;
    let deal = world.create(named("Fate")).await.unwrap();
    let win = || {
        world.asks(v1::WinDealRequest {
            id: deal.id.clone(),
            etag: String::new(),
        })
    };
    let lose = |reason: &str| {
        world.asks(v1::LoseDealRequest {
            id: deal.id.clone(),
            reason: reason.to_owned(),
            etag: String::new(),
        })
    };
    let reopen = || {
        world.asks(v1::ReopenDealRequest {
            id: deal.id.clone(),
            etag: String::new(),
        })
    };
    let error = answer(world.grpc.reopen_deal(reopen()).await).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));

    let won = answer(world.grpc.win_deal(win()).await).unwrap().deal.unwrap();
    assert_eq!((won.status(), won.probability), (v1::DealStatus::Won, Some(100)));
    assert_eq!(won.forecast_category(), v1::ForecastCategory::Closed);
    assert!(won.closed_at.is_some());
    assert_eq!(
        answer(world.grpc.lose_deal(lose("Price")).await)
            .unwrap_err()
            .kind(),
        Kind::Conflict
    );

    let open = answer(world.grpc.reopen_deal(reopen()).await)
        .unwrap()
        .deal
        .unwrap();
    assert_eq!(
        (open.status(), open.probability, open.closed_at),
        (v1::DealStatus::Open, Some(10), None)
    );
    let error = answer(world.grpc.lose_deal(lose(" ")).await).unwrap_err();
    assert_eq!(fields(&error), [("reason", "required")]);
    let lost = answer(world.grpc.lose_deal(lose("Price")).await)
        .unwrap()
        .deal
        .unwrap();
    assert_eq!(
        (lost.status(), lost.lost_reason.as_deref()),
        (v1::DealStatus::Lost, Some("Price"))
    );
    assert_eq!(lost.forecast_category(), v1::ForecastCategory::Omitted);
}

#[tokio::test]
async fn what_a_deal_refers_to_has_to_be_there() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await;
    let contact = world.heard_of("contact", "Ada").await;
    let known = v1::Deal {
        account_id: Some(account.to_string()),
        contact_ids: vec![contact.to_string()],
        ..named("Known")
    };
    let made = world.create(known).await.unwrap();
    let request = world.asks(v1::GetDealRequest {
        id: made.id,
        expand: "account,contacts,pipeline,stage".to_owned(),
    });
    let shown = answer(world.grpc.get_deal(request).await).unwrap().deal.unwrap();
    assert_eq!(
        (
            shown.account.unwrap().name.as_str(),
            shown.contacts[0].name.as_str()
        ),
        ("Engines", "Ada")
    );
    assert_eq!(
        (
            shown.pipeline.unwrap().name.as_str(),
            shown.stage.unwrap().name.as_str()
        ),
        ("Sales", "Prospecting")
    );

    let theirs = sales(&world.elsewhere()).await;
    for (deal, field) in [
        (
            v1::Deal {
                pipeline_id: Some(theirs.id.clone()),
                ..named("X")
            },
            "pipeline_id",
        ),
        (
            v1::Deal {
                pipeline_id: Some(Uuid::now_v7().to_string()),
                ..named("X")
            },
            "pipeline_id",
        ),
        (
            v1::Deal {
                stage_id: stage_id(&theirs, 0),
                ..named("X")
            },
            "stage_id",
        ),
    ] {
        let error = world.create(deal).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(fields(&error), [(field, "unknown_reference")]);
    }
}

#[tokio::test]
async fn another_company_s_deal_is_not_there() {
    let world = World::new().await;
    let made = world.create(named("Mine")).await.unwrap();
    let other = world.elsewhere();
    assert_eq!(other.get(&made.id).await.unwrap_err().kind(), Kind::NotFound);
    let win = other.asks(v1::WinDealRequest {
        id: made.id.clone(),
        etag: String::new(),
    });
    assert_eq!(
        answer(other.grpc.win_deal(win).await).unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(world.get(&made.id).await.unwrap(), made);
}

#[tokio::test]
async fn stats_sum_what_deals_are_worth() {
    let world = World::new().await;
    for amount in ["1000", "500"] {
        world
            .create(v1::Deal {
                amount: usd(amount),
                ..named("Worth")
            })
            .await
            .unwrap();
    }
    let deal = world
        .create(v1::Deal {
            amount: usd("100"),
            ..named("Won")
        })
        .await
        .unwrap();
    let win = world.asks(v1::WinDealRequest {
        id: deal.id,
        etag: String::new(),
    });
    answer(world.grpc.win_deal(win).await).unwrap();
    let request = world.asks(v1::GetDealStatsRequest::default());
    let stats = answer(world.grpc.get_deal_stats(request).await).unwrap();
    assert_eq!(stats.total, 3);
    assert_eq!(Some(stats.amount_sum[0].clone()), usd("1600.00"));
    assert_eq!(Some(stats.weighted_sum[0].clone()), usd("150.00"));
}
