//! The saga, with the answers of the other services as they tell them.

use kontor_chassis::{Error, Kind};
use kontor_events::timers::{Due, Timer};
use kontor_leads::{
    conversion::Part,
    service::saga::{self, Told, Watchdog},
};
use kontor_proto::leads::v1::{
    self, ConversionState, lead_conversion_service_server::LeadConversionService,
    lead_service_server::LeadService,
};
use kontor_proto::records::v1::Money;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

/// Asks for a conversion and does not wait for its end.
fn request(id: &str) -> v1::ConvertLeadRequest {
    v1::ConvertLeadRequest {
        id: id.to_owned(),
        wait_seconds: Some(0),
        ..v1::ConvertLeadRequest::default()
    }
}

async fn tell(world: &World, conversion: &str, part: Part, told: Told) -> Result<(), Error> {
    let mut tx = world.begin().await;
    saga::take(
        &mut tx,
        world.company,
        conversion,
        part,
        told,
        OffsetDateTime::now_utc(),
    )
    .await?;
    tx.commit().await
}

fn done(name: &str) -> Told {
    Told::Done {
        id: Uuid::now_v7().to_string(),
        name: name.to_owned(),
        matched_existing: false,
    }
}

#[tokio::test]
async fn a_lead_becomes_an_account_a_contact_and_a_deal_one_after_the_other() {
    let world = World::new().await;
    let lead = world.create(named("Convert")).await.unwrap();
    let begun = world.convert(request(&lead.id)).await.unwrap();
    let id = begun.conversion.as_ref().unwrap().id.clone();
    assert_eq!(begun.conversion.unwrap().state(), ConversionState::Running);
    assert_eq!(begun.lead.unwrap().status(), v1::LeadStatus::Converting);

    let asked = world.told::<v1::AccountStepRequested>().await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].context.as_ref().unwrap().conversion_id, id);
    tell(&world, &id, Part::Account, done("Acme")).await.unwrap();
    let asked = world.told::<v1::ContactStepRequested>().await;
    assert_eq!((asked.len(), asked[0].account_name.as_str()), (1, "Acme"));
    tell(&world, &id, Part::Contact, done("Convert")).await.unwrap();
    let asked = world.told::<v1::DealStepRequested>().await;
    assert_eq!(asked.len(), 1);
    tell(&world, &id, Part::Deal, done("Acme")).await.unwrap();

    let lead = world.get(&lead.id).await.unwrap();
    assert_eq!(lead.status(), v1::LeadStatus::Converted);
    let became = lead.conversion.unwrap();
    assert_eq!(
        (became.id, became.converted_by),
        (id.clone(), Some(world.user.to_string()))
    );
    let conversion = world.conversion(&lead.id).await.unwrap();
    assert_eq!(conversion.state(), ConversionState::Completed);
    assert_eq!(conversion.deal_id, became.deal_id);
    assert_eq!(world.told::<v1::LeadConverted>().await.len(), 1);
    let again = world.convert(request(&lead.id)).await.unwrap();
    assert_eq!(
        again.conversion.unwrap(),
        conversion,
        "calling again answers the same conversion"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_conversions_at_once_are_one() {
    let world = World::new().await;
    let lead = world.create(named("Twice")).await.unwrap();
    let all = futures_util::future::join_all((0..8).map(|_| world.convert(request(&lead.id)))).await;
    let mut ids: Vec<_> = all
        .into_iter()
        .map(|one| one.unwrap().conversion.unwrap().id)
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.told::<v1::AccountStepRequested>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_woken_by_the_end() {
    let world = World::new().await;
    let lead = world.create(named("Waits")).await.unwrap();
    let patient = v1::ConvertLeadRequest {
        wait_seconds: Some(30),
        create_deal: Some(false),
        ..request(&lead.id)
    };
    let answers = async {
        let begun = async {
            loop {
                if let Ok(conversion) = world.conversion(&lead.id).await {
                    return conversion.id;
                }
            }
        };
        let id = begun.await;
        tell(&world, &id, Part::Account, done("Acme")).await.unwrap();
        tell(&world, &id, Part::Contact, done("Waits")).await.unwrap();
    };
    let began = std::time::Instant::now();
    let (converted, ()) = tokio::join!(world.convert(patient), answers);
    let converted = converted.unwrap();
    assert_eq!(converted.conversion.unwrap().state(), ConversionState::Completed);
    assert_eq!(converted.lead.unwrap().status(), v1::LeadStatus::Converted);
    assert!(began.elapsed().as_secs() < 20, "it waited for the clock");
}

#[tokio::test]
async fn a_part_that_can_not_be_done_takes_the_others_back() {
    let world = World::new().await;
    let lead = world.create(named("Fails")).await.unwrap();
    let qualify = v1::QualifyLeadRequest {
        id: lead.id.clone(),
        etag: String::new(),
    };
    answer(world.grpc.qualify_lead(world.asks(qualify)).await).unwrap();
    let id = world
        .convert(request(&lead.id))
        .await
        .unwrap()
        .conversion
        .unwrap()
        .id;
    tell(&world, &id, Part::Account, done("Acme")).await.unwrap();
    tell(
        &world,
        &id,
        Part::Contact,
        Told::Failed("The contact is gone.".into()),
    )
    .await
    .unwrap();

    assert_eq!(
        world.get(&lead.id).await.unwrap().status(),
        v1::LeadStatus::Qualified
    );
    let conversion = world.conversion(&lead.id).await.unwrap();
    assert_eq!(conversion.state(), ConversionState::Failed);
    assert_eq!(conversion.failure.as_deref(), Some("The contact is gone."));
    assert_eq!(world.told::<v1::ConversionUndoRequested>().await.len(), 1);
    assert_eq!(world.told::<v1::LeadConversionFailed>().await.len(), 1);
    // What comes too late changes nothing.
    tell(&world, &id, Part::Contact, done("Late")).await.unwrap();
    assert_eq!(world.conversion(&lead.id).await.unwrap(), conversion);
    // It may be tried again.
    let again = world
        .convert(request(&lead.id))
        .await
        .unwrap()
        .conversion
        .unwrap();
    assert_ne!(again.id, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_learns_why_a_conversion_failed() {
    let world = World::new().await;
    let lead = world.create(named("Learns")).await.unwrap();
    let patient = v1::ConvertLeadRequest {
        wait_seconds: Some(30),
        ..request(&lead.id)
    };
    let fails = async {
        let id = loop {
            if let Ok(conversion) = world.conversion(&lead.id).await {
                break conversion.id;
            }
        };
        tell(
            &world,
            &id,
            Part::Account,
            Told::Failed("The account is gone.".into()),
        )
        .await
        .unwrap();
    };
    let (refused, ()) = tokio::join!(world.convert(patient), fails);
    let error = refused.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Conflict, "conversion_failed")
    );
    assert_eq!(error.detail(), "The account is gone.");
    assert!(error.members().any(|member| member == ("state", "failed")));
}

#[tokio::test]
async fn what_is_told_twice_has_its_effect_once() {
    let world = World::new().await;
    let lead = world.create(named("Echo")).await.unwrap();
    let id = world
        .convert(request(&lead.id))
        .await
        .unwrap()
        .conversion
        .unwrap()
        .id;
    for name in ["Acme", "Other"] {
        tell(&world, &id, Part::Account, done(name)).await.unwrap();
    }
    let asked = world.told::<v1::ContactStepRequested>().await;
    assert_eq!((asked.len(), asked[0].account_name.as_str()), (1, "Acme"));
}

#[tokio::test]
async fn the_watchdog_asks_a_silent_part_again_with_the_same_ids() {
    let world = World::new().await;
    let lead = world.create(named("Silent")).await.unwrap();
    let id = world
        .convert(request(&lead.id))
        .await
        .unwrap()
        .conversion
        .unwrap()
        .id;
    let timer = Timer {
        id: Uuid::parse_str(&id).unwrap(),
        due_at: OffsetDateTime::now_utc(),
        company: world.company,
        payload: prost::Message::encode_to_vec(&0_u32),
    };
    let mut tx = world.begin().await;
    Watchdog.due(&mut tx, &timer).await.unwrap();
    tx.commit().await.unwrap();
    let asked = world.told::<v1::AccountStepRequested>().await;
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn a_converting_lead_can_not_be_changed_and_a_converted_one_only_described() {
    let world = World::new().await;
    let lead = world.create(named("Fixed")).await.unwrap();
    let request = v1::ConvertLeadRequest {
        create_deal: Some(false),
        ..request(&lead.id)
    };
    let id = world.convert(request).await.unwrap().conversion.unwrap().id;
    let error = world
        .update(&lead.id, named("Moved"), &["last_name"])
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "lead_converting"));
    assert_eq!(world.delete(&lead.id).await.unwrap_err().kind(), Kind::Conflict);

    tell(&world, &id, Part::Account, done("Acme")).await.unwrap();
    tell(&world, &id, Part::Contact, done("Fixed")).await.unwrap();
    let error = world
        .update(&lead.id, named("Moved"), &["last_name"])
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "lead_converted"));
    let described = v1::Lead {
        description: Some("done".into()),
        tags: vec!["won".into()],
        ..v1::Lead::default()
    };
    let described = world
        .update(&lead.id, described, &["description", "tags"])
        .await
        .unwrap();
    assert_eq!(described.description.as_deref(), Some("done"));
}

#[tokio::test]
async fn a_disqualified_lead_can_not_be_converted() {
    let world = World::new().await;
    let lead = world.create(named("Lost")).await.unwrap();
    let disqualify = v1::DisqualifyLeadRequest {
        id: lead.id.clone(),
        reason: "no".into(),
        etag: String::new(),
    };
    answer(world.grpc.disqualify_lead(world.asks(disqualify)).await).unwrap();
    let error = world.convert(request(&lead.id)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));
    let error = world.conversion(&lead.id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn what_a_conversion_can_not_mean_is_named_at_its_field() {
    let world = World::new().await;
    let lead = world.create(named("Wrong")).await.unwrap();
    let deal = v1::ConvertLeadDeal {
        amount: Some(Money {
            amount: "much".into(),
            currency: "USD".into(),
        }),
        expected_close_date: Some("soon".into()),
        stage_id: Some("first".into()),
        ..v1::ConvertLeadDeal::default()
    };
    let wrong = v1::ConvertLeadRequest {
        account_id: Some("acme".into()),
        deal: Some(deal),
        ..request(&lead.id)
    };
    let error = world.convert(wrong).await.unwrap_err();
    let mut named: Vec<_> = fields(&error)
        .into_iter()
        .map(|(field, _)| field.to_owned())
        .collect();
    named.sort();
    assert_eq!(
        named,
        [
            "account_id",
            "deal.amount.amount",
            "deal.expected_close_date",
            "deal.stage_id"
        ]
    );
    let long = v1::ConvertLeadRequest {
        wait_seconds: Some(31),
        ..request(&lead.id)
    };
    assert_eq!(
        fields(&world.convert(long).await.unwrap_err()),
        [("wait_seconds", "out_of_range")]
    );
    assert_eq!(world.get(&lead.id).await.unwrap().status(), v1::LeadStatus::New);
}

#[tokio::test]
async fn only_a_converted_lead_is_taken_back_and_only_when_its_neighbours_can_be_asked() {
    let world = World::new().await;
    let lead = world.create(named("Back")).await.unwrap();
    let undo = || {
        world.asks(v1::UndoLeadConversionRequest {
            id: lead.id.clone(),
            etag: String::new(),
        })
    };
    let error = answer(world.grpc.undo_lead_conversion(undo()).await).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));
    let dealless = v1::ConvertLeadRequest {
        create_deal: Some(false),
        ..request(&lead.id)
    };
    let id = world.convert(dealless).await.unwrap().conversion.unwrap().id;
    let error = answer(world.grpc.undo_lead_conversion(undo()).await).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "lead_converting"));
    tell(&world, &id, Part::Account, done("Acme")).await.unwrap();
    tell(&world, &id, Part::Contact, done("Back")).await.unwrap();
    // Nobody knows whether it is untouched: accounts, contacts and deals don't run here.
    let error = answer(world.grpc.undo_lead_conversion(undo()).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let conversion = world.conversion(&lead.id).await.unwrap();
    assert_eq!(conversion.state(), ConversionState::Completed);
    // That a part is taken back is told of failed conversions too; a completed one doesn't care.
    tell(&world, &id, Part::Account, Told::Undone).await.unwrap();
    assert_eq!(world.conversion(&lead.id).await.unwrap(), conversion);
    assert_eq!(world.told::<v1::ConversionUndoRequested>().await.len(), 0);
}
