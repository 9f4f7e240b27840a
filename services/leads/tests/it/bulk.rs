//! Actions on many leads.

use kontor_chassis::{Error, Kind};
use kontor_proto::{
    leads::v1::{self, lead_service_server::LeadService},
    records::v1::{BulkAction, BulkParams, BulkResult, RecordChange},
};
use kontor_records::territories;
use uuid::Uuid;

use crate::world::{World, answer, named};

async fn run(world: &World, word: &str, ids: &[&str], params: BulkParams) -> Result<BulkResult, Error> {
    let action = BulkAction {
        action: word.to_owned(),
        ids: ids.iter().map(|&id| id.to_owned()).collect(),
        params: Some(params),
        ..BulkAction::default()
    };
    let request = v1::BulkActionLeadsRequest { action: Some(action) };
    Ok(answer(world.grpc.bulk_action_leads(world.asks(request)).await)?
        .result
        .unwrap())
}

async fn read(world: &World, id: &str) -> v1::Lead {
    let request = v1::GetLeadRequest {
        id: id.to_owned(),
        expand: String::new(),
    };
    answer(world.grpc.get_lead(world.asks(request)).await)
        .unwrap()
        .lead
        .unwrap()
}

fn status(word: &str, reason: Option<&str>) -> BulkParams {
    BulkParams {
        status: Some(word.to_owned()),
        reason: reason.map(str::to_owned),
        ..BulkParams::default()
    }
}

#[tokio::test]
async fn many_leads_take_a_step_and_those_that_can_not_are_named() {
    let world = World::new().await;
    let one = world.create(named("One")).await.unwrap().id;
    let two = world.create(named("Two")).await.unwrap().id;
    let reason = BulkParams {
        reason: Some("no money".to_owned()),
        ..BulkParams::default()
    };
    let lost = run(&world, "disqualify", &[&one], reason).await.unwrap();
    assert_eq!((lost.matched, lost.succeeded, lost.failed), (1, 1, 0));
    let result = run(&world, "qualify", &[&one, &two], BulkParams::default())
        .await
        .unwrap();
    assert_eq!(
        (result.succeeded, result.failures[0].code.as_str()),
        (1, "wrong_state")
    );
    assert_eq!(result.failures[0].id, one);
    assert!(result.failures[0].message.contains("disqualified"));
    assert_eq!(read(&world, &two).await.status(), v1::LeadStatus::Qualified);

    let back = run(&world, "set_status", &[&one, &two], status("working", None))
        .await
        .unwrap();
    assert_eq!((back.succeeded, back.failures[0].id.as_str()), (1, two.as_str()));
    let reopened = read(&world, &one).await;
    assert_eq!(
        (reopened.status(), reopened.disqualified_reason),
        (v1::LeadStatus::Working, None)
    );
    let same = run(&world, "set_status", &[&two], status("qualified", None))
        .await
        .unwrap();
    assert_eq!(same.succeeded, 1, "it is so already");
    let never = run(&world, "set_status", &[&two], status("converted", None))
        .await
        .unwrap();
    assert_eq!(never.failures[0].code, "wrong_state");
}

#[tokio::test]
async fn what_a_step_needs_is_asked_for() {
    let world = World::new().await;
    let one = world.create(named("One")).await.unwrap().id;
    for (word, params, field, code) in [
        ("disqualify", BulkParams::default(), "params.reason", "required"),
        (
            "set_status",
            status("lost", None),
            "params.status",
            "unknown_value",
        ),
        (
            "set_status",
            status("disqualified", None),
            "params.reason",
            "required",
        ),
        ("set_rating", BulkParams::default(), "params.rating", "required"),
    ] {
        let error = run(&world, word, &[&one], params).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, code), "{word}");
        assert_eq!(error.fields()[0].field, field);
    }
    let gone = RecordChange {
        id: Uuid::now_v7().to_string(),
        name: "Gone".to_owned(),
        deleted: true,
        version: 2,
        ..RecordChange::default()
    };
    world
        .told_of(territories::KIND, std::slice::from_ref(&gone))
        .await;
    let nowhere = BulkParams {
        territory_id: Some(gone.id),
        ..BulkParams::default()
    };
    let error = run(&world, "assign_territory", &[&one], nowhere)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Refused, "unknown_reference"));
    assert_eq!(error.fields()[0].field, "params.territory_id");
}

#[tokio::test]
async fn a_rating_scores_many_leads_anew() {
    let world = World::new().await;
    let one = world.create(named("One")).await.unwrap();
    let hot = BulkParams {
        rating: Some("hot".to_owned()),
        ..BulkParams::default()
    };
    let result = run(&world, "set_rating", &[&one.id], hot).await.unwrap();
    assert_eq!(result.succeeded, 1);
    let rated = read(&world, &one.id).await;
    assert_eq!(
        (rated.rating(), rated.score),
        (v1::LeadRating::Hot, one.score + 20)
    );
    let result = run(&world, "score", &[&one.id], BulkParams::default())
        .await
        .unwrap();
    assert_eq!(result.succeeded, 1);
    assert_eq!(
        read(&world, &one.id).await.etag,
        rated.etag,
        "a score is no change by anybody"
    );
    let by_rules = run(&world, "assign_territory", &[&one.id], BulkParams::default())
        .await
        .unwrap();
    assert_eq!(by_rules.succeeded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_convert_are_left_alone() {
    let world = World::new().await;
    let one = world.create(named("One")).await.unwrap().id;
    let two = world.create(named("Two")).await.unwrap().id;
    let request = v1::ConvertLeadRequest {
        id: two.clone(),
        wait_seconds: Some(0),
        ..v1::ConvertLeadRequest::default()
    };
    answer(
        v1::lead_conversion_service_server::LeadConversionService::convert_lead(
            &world.grpc,
            world.asks(request),
        )
        .await,
    )
    .unwrap();
    let tags = BulkParams {
        tags: vec!["x".to_owned()],
        ..BulkParams::default()
    };
    for (word, params) in [("add_tags", tags), ("delete", BulkParams::default())] {
        let result = run(&world, word, &[&two, &one], params).await.unwrap();
        assert_eq!((result.succeeded, result.failures.len()), (1, 1), "{word}");
        assert_eq!(result.failures[0].code, "lead_converting");
    }
    let result = run(&world, "restore", &[&one], BulkParams::default())
        .await
        .unwrap();
    assert_eq!(result.succeeded, 1);
    assert_eq!(read(&world, &one).await.tags, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_that_still_goes_on_has_not_succeeded() {
    let world = World::new().await;
    let one = world.create(named("One")).await.unwrap().id;
    // Nobody here does the other services' part, so it never ends.
    let result = run(&world, "convert", &[&one], BulkParams::default())
        .await
        .unwrap();
    assert_eq!((result.matched, result.succeeded, result.failed), (1, 0, 1));
    let failure = &result.failures[0];
    assert_eq!(
        (failure.id.as_str(), failure.code.as_str()),
        (one.as_str(), "conversion_running")
    );
    assert!(failure.message.contains("goes on"), "{failure:?}");
    assert_eq!(read(&world, &one).await.status(), v1::LeadStatus::Converting);
}
