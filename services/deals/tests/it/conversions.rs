//! The deal of a conversion.

use kontor_deals::service::convert::Step;
use kontor_proto::{
    deals::v1::{
        self, DealStepCompleted, DealStepFailed, deal_conversion_service_server::DealConversionService,
        deal_service_server::DealService,
    },
    leads::v1::{ConversionContext, ConvertLeadDeal, DealStepRequested, Lead},
    records::v1::{Money, SagaPlan},
};
use kontor_records::saga;
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use crate::{
    records::{sales, stage_id},
    world::{World, answer, named},
};

fn request(deal: ConvertLeadDeal) -> DealStepRequested {
    DealStepRequested {
        context: Some(ConversionContext {
            conversion_id: Uuid::now_v7().to_string(),
            lead: Some(Lead {
                id: Uuid::now_v7().to_string(),
                full_name: "Ada Lovelace".to_owned(),
                company_name: Some("Engines".to_owned()),
                budget: Some(Money {
                    amount: "500".to_owned(),
                    currency: "EUR".to_owned(),
                }),
                ..Lead::default()
            }),
            ..ConversionContext::default()
        }),
        given_deal_id: None,
        new_deal_id: Uuid::now_v7().to_string(),
        account_id: Uuid::now_v7().to_string(),
        contact_id: Uuid::now_v7().to_string(),
        deal: Some(deal),
    }
}

async fn step(world: &World, request: &DealStepRequested) {
    let mut tx = world.begin().await;
    let (step, now) = (Step::of(request.clone()), OffsetDateTime::now_utc());
    Box::pin(saga::step(&mut tx, world.company, &step, now))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn undo(world: &World, request: &DealStepRequested) {
    let conversion_id = request.context.as_ref().unwrap().conversion_id.clone();
    let mut tx = world.begin().await;
    saga::undo::<Step>(&mut tx, world.company, &conversion_id, OffsetDateTime::now_utc())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn plan(world: &World, asked: Request<()>, step: DealStepRequested) -> SagaPlan {
    let request = asked.map(|()| v1::PlanDealStepRequest { step: Some(step) });
    answer(world.grpc.plan_deal_step(request).await)
        .unwrap()
        .plan
        .unwrap()
}

async fn total(world: &World) -> Option<i64> {
    let request = world.asks(v1::ListDealsRequest::default());
    answer(world.grpc.list_deals(request).await).unwrap().total_size
}

#[tokio::test]
async fn a_conversion_makes_the_deal_in_the_first_stage_once() {
    let world = World::new().await;
    let request = request(ConvertLeadDeal::default());
    step(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(1));
    let deal = world.get(&request.new_deal_id).await.unwrap();
    assert_eq!(
        (deal.name.as_str(), deal.amount.unwrap().amount.as_str()),
        ("Engines", "500.00")
    );
    assert_eq!(
        (deal.account_id, deal.contact_ids),
        (Some(request.account_id), vec![request.contact_id])
    );
    assert_eq!(deal.lead_id, Some(request.context.unwrap().lead.unwrap().id));
    assert_eq!(deal.stage_id, stage_id(&sales(&world).await, 0));
    let told = world.told::<DealStepCompleted>().await;
    assert_eq!(
        (told.len(), told[0].deal_name.as_str(), told[0].matched_existing),
        (2, "Engines", false)
    );
}

#[tokio::test]
async fn the_caller_s_wishes_for_the_deal_are_kept() {
    let world = World::new().await;
    let stage = stage_id(&sales(&world).await, 2);
    let wanted = ConvertLeadDeal {
        name: Some("Big one".to_owned()),
        expected_close_date: Some("2027-01-31".to_owned()),
        stage_id: stage.clone(),
        ..ConvertLeadDeal::default()
    };
    let request = request(wanted);
    step(&world, &request).await;
    let deal = world.get(&request.new_deal_id).await.unwrap();
    assert_eq!(
        (deal.name.as_str(), deal.stage_id, deal.probability),
        ("Big one", stage, Some(50))
    );
    assert_eq!(deal.expected_close_date.as_deref(), Some("2027-01-31"));
}

#[tokio::test]
async fn a_stage_that_is_not_there_fails_the_step_with_a_reason() {
    let world = World::new().await;
    let theirs = stage_id(&sales(&world.elsewhere()).await, 0);
    step(
        &world,
        &request(ConvertLeadDeal {
            stage_id: theirs,
            ..ConvertLeadDeal::default()
        }),
    )
    .await;
    let told = world.told::<DealStepFailed>().await;
    assert_eq!(told[0].reason, "There is no such stage in the pipeline.");
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn a_linked_deal_gets_what_it_lacks_and_gives_it_back() {
    let world = World::new().await;
    let deal = world.create(named("Mine")).await.unwrap();
    let mut request = request(ConvertLeadDeal::default());
    request.given_deal_id = Some(deal.id.clone());
    step(&world, &request).await;
    let linked = world.get(&deal.id).await.unwrap();
    assert_eq!(
        (linked.name.as_str(), linked.account_id),
        ("Mine", Some(request.account_id.clone()))
    );
    assert_eq!(linked.contact_ids, std::slice::from_ref(&request.contact_id));
    undo(&world, &request).await;
    let back = world.get(&deal.id).await.unwrap();
    assert_eq!(
        (back.account_id, back.contact_ids.len(), back.amount),
        (None, 0, None)
    );
}

#[tokio::test]
async fn what_a_conversion_made_is_taken_back_and_a_late_request_does_nothing() {
    let world = World::new().await;
    let request = request(ConvertLeadDeal::default());
    step(&world, &request).await;
    undo(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn a_plan_shows_what_a_new_deal_would_hold_and_saves_nothing() {
    let world = World::new().await;
    let mut request = request(ConvertLeadDeal::default());
    // Neither is made yet.
    request.account_id.clear();
    request.contact_id.clear();
    let plan = plan(&world, world.asks(()), request).await;
    assert_eq!(plan.id, None);
    let to = |field: &str| {
        let write = plan.writes.iter().find(|write| write.field == field);
        write.and_then(|write| write.to.as_deref())
    };
    assert_eq!((to("name"), to("amount")), (Some("Engines"), Some("500")));
    assert!(to("stage_id").is_some());
    assert_eq!(to("account_id"), None);
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn a_deal_with_the_same_contact_stands_in_the_way() {
    let world = World::new().await;
    let request = request(ConvertLeadDeal::default());
    step(&world, &request).await;
    let mut other = self::request(ConvertLeadDeal::default());
    other.contact_id = request.contact_id.clone();
    step(&world, &other).await;
    let asked = v1::ListDealTouchesRequest {
        conversion_id: request.context.unwrap().conversion_id,
        account_id: None,
        contact_id: Some(request.contact_id),
    };
    let touches = answer(world.grpc.list_deal_touches(world.asks(asked)).await)
        .unwrap()
        .touches;
    assert_eq!(touches.len(), 1);
    assert_eq!(touches[0].id, other.new_deal_id);
}
