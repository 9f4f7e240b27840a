//! The states of a lead.

use kontor_chassis::{Error, Kind};
use kontor_proto::leads::v1::{self, lead_service_server::LeadService};

use crate::world::{World, answer, fields, named};

async fn qualify(world: &World, id: &str) -> Result<v1::Lead, Error> {
    let request = v1::QualifyLeadRequest {
        id: id.to_owned(),
        etag: String::new(),
    };
    Ok(answer(world.grpc.qualify_lead(world.asks(request)).await)?
        .lead
        .unwrap())
}

async fn disqualify(world: &World, id: &str, reason: &str) -> Result<v1::Lead, Error> {
    let request = v1::DisqualifyLeadRequest {
        id: id.to_owned(),
        reason: reason.to_owned(),
        etag: String::new(),
    };
    Ok(answer(world.grpc.disqualify_lead(world.asks(request)).await)?
        .lead
        .unwrap())
}

async fn reopen(world: &World, id: &str) -> Result<v1::Lead, Error> {
    let request = v1::ReopenLeadRequest {
        id: id.to_owned(),
        etag: String::new(),
    };
    Ok(answer(world.grpc.reopen_lead(world.asks(request)).await)?
        .lead
        .unwrap())
}

#[tokio::test]
async fn a_lead_is_disqualified_for_a_reason_and_reopened_without_it() {
    let world = World::new().await;
    let lead = world.create(named("Perhaps")).await.unwrap();
    let lost = disqualify(&world, &lead.id, " no money ").await.unwrap();
    assert_eq!(
        (lost.status(), lost.disqualified_reason.as_deref()),
        (v1::LeadStatus::Disqualified, Some("no money"))
    );
    let back = reopen(&world, &lead.id).await.unwrap();
    assert_eq!(
        (back.status(), back.disqualified_reason),
        (v1::LeadStatus::Working, None)
    );
    assert_eq!(
        qualify(&world, &lead.id).await.unwrap().status(),
        v1::LeadStatus::Qualified
    );
}

#[tokio::test]
async fn without_a_reason_no_lead_is_disqualified() {
    let world = World::new().await;
    let lead = world.create(named("Kept")).await.unwrap();
    let error = disqualify(&world, &lead.id, "  ").await.unwrap_err();
    assert_eq!(fields(&error), [("reason", "required")]);
    let error = disqualify(&world, &lead.id, &"x".repeat(501)).await.unwrap_err();
    assert_eq!(fields(&error), [("reason", "too_long")]);
    assert_eq!(world.get(&lead.id).await.unwrap().status(), v1::LeadStatus::New);
}

#[tokio::test]
async fn a_step_that_the_state_does_not_allow_names_the_state() {
    let world = World::new().await;
    let lead = world.create(named("New")).await.unwrap();
    let error = reopen(&world, &lead.id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));
    assert!(error.detail().contains("new"));
    assert!(error.members().any(|member| member == ("state", "new")));
    let request = v1::StartLeadRequest {
        id: lead.id.clone(),
        etag: String::new(),
    };
    answer(world.grpc.start_lead(world.asks(request.clone())).await).unwrap();
    let error = answer(world.grpc.start_lead(world.asks(request)).await).unwrap_err();
    assert!(error.members().any(|member| member == ("state", "working")));
}
