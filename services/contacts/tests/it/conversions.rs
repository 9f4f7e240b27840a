//! The contact of a conversion.

use kontor_contacts::service::convert::Step;
use kontor_proto::{
    contacts::v1::{
        self, ContactStepCompleted, contact_conversion_service_server::ContactConversionService,
        contact_service_server::ContactService,
    },
    leads::v1::{ContactStepRequested, ConversionContext, Lead},
    records::v1::SagaPlan,
};
use kontor_records::saga;
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use crate::world::{World, answer, named};

fn request(email: Option<&str>) -> ContactStepRequested {
    ContactStepRequested {
        context: Some(ConversionContext {
            conversion_id: Uuid::now_v7().to_string(),
            lead: Some(Lead {
                first_name: Some("Ada".to_owned()),
                last_name: "Lovelace".to_owned(),
                full_name: "Ada Lovelace".to_owned(),
                email: email.map(str::to_owned),
                title: Some("Analyst".to_owned()),
                ..Lead::default()
            }),
            ..ConversionContext::default()
        }),
        given_contact_id: None,
        new_contact_id: Uuid::now_v7().to_string(),
        account_id: Uuid::now_v7().to_string(),
        account_name: "Engines".to_owned(),
    }
}

async fn step(world: &World, request: &ContactStepRequested) {
    let mut tx = world.begin().await;
    let (step, now) = (Step::of(request.clone()), OffsetDateTime::now_utc());
    Box::pin(saga::step(&mut tx, world.company, &step, now))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn undo(world: &World, request: &ContactStepRequested) {
    let conversion_id = request.context.as_ref().unwrap().conversion_id.clone();
    let mut tx = world.begin().await;
    saga::undo::<Step>(&mut tx, world.company, &conversion_id, OffsetDateTime::now_utc())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn plan(world: &World, asked: Request<()>, step: ContactStepRequested) -> SagaPlan {
    let request = asked.map(|()| v1::PlanContactStepRequest { step: Some(step) });
    answer(world.grpc.plan_contact_step(request).await)
        .unwrap()
        .plan
        .unwrap()
}

async fn total(world: &World) -> Option<i64> {
    let request = world.asks(v1::ListContactsRequest::default());
    answer(world.grpc.list_contacts(request).await)
        .unwrap()
        .total_size
}

#[tokio::test]
async fn a_conversion_makes_the_contact_at_its_account_once() {
    let world = World::new().await;
    let request = request(Some("ada@example.com"));
    step(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(1));
    let contact = world.get(&request.new_contact_id).await.unwrap();
    assert_eq!(
        (contact.full_name.as_str(), contact.account_id),
        ("Ada Lovelace", Some(request.account_id))
    );
    let told = world.told::<ContactStepCompleted>().await;
    assert_eq!((told.len(), told[0].matched_existing), (2, false));
}

#[tokio::test]
async fn a_conversion_links_the_contact_with_the_same_address_without_case() {
    let world = World::new().await;
    let contact = v1::Contact {
        email: Some("Ada@Example.com".to_owned()),
        ..named("Byron")
    };
    let contact = world.create(contact).await.unwrap();
    let request = request(Some("ada@example.COM"));
    step(&world, &request).await;
    let told = world.told::<ContactStepCompleted>().await;
    assert_eq!(
        (told[0].contact_id.as_str(), told[0].matched_existing),
        (contact.id.as_str(), true)
    );
    let linked = world.get(&contact.id).await.unwrap();
    assert_eq!(
        (linked.last_name.as_str(), linked.title.as_deref()),
        ("Byron", Some("Analyst"))
    );
    assert_eq!(linked.account_id.as_deref(), Some(request.account_id.as_str()));

    undo(&world, &request).await;
    let back = world.get(&contact.id).await.unwrap();
    assert_eq!((back.title, back.account_id), (None, None));
}

#[tokio::test]
async fn leads_without_an_address_are_different_people() {
    let world = World::new().await;
    step(&world, &request(None)).await;
    step(&world, &request(None)).await;
    assert_eq!(total(&world).await, Some(2));
}

#[tokio::test]
async fn conversions_of_one_address_at_the_same_moment_make_one_contact() {
    let world = World::new().await;
    let requests = [request(Some("ada@example.com")), request(Some("ADA@example.com"))];
    tokio::join!(step(&world, &requests[0]), step(&world, &requests[1]));
    assert_eq!(total(&world).await, Some(1));
}

#[tokio::test]
async fn what_a_conversion_made_is_taken_back_and_a_late_request_does_nothing() {
    let world = World::new().await;
    let request = request(Some("ada@example.com"));
    step(&world, &request).await;
    undo(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn a_plan_names_contacts_by_address_telephone_and_name() {
    let world = World::new().await;
    let by_email = world
        .create(v1::Contact {
            email: Some("ADA@engines.example".to_owned()),
            ..named("Byron")
        })
        .await
        .unwrap();
    let by_name = world
        .create(v1::Contact {
            first_name: Some("ada".to_owned()),
            ..named("LOVELACE")
        })
        .await
        .unwrap();
    let request = request(Some("ada@engines.example"));
    let plan = plan(&world, world.asks(()), request).await;
    let fits: Vec<_> = plan
        .candidates
        .iter()
        .map(|fits| (fits.id.as_str(), fits.reason.as_str()))
        .collect();
    assert_eq!(
        fits,
        [(by_email.id.as_str(), "email"), (by_name.id.as_str(), "name")]
    );
    assert_eq!(plan.id.as_ref(), Some(&by_email.id));
}

#[tokio::test]
async fn a_plan_offers_contacts_whose_name_is_like_the_one_wanted() {
    let world = World::new().await;
    let person = |first: &str, last: &str| v1::Contact {
        first_name: Some(first.to_owned()),
        ..named(last)
    };
    let alike = world.create(person("Ada", "Lovelance")).await.unwrap();
    let turned = world.create(person("Lovelace", "Ada")).await.unwrap();
    for (first, last) in [("Ada", "Byron"), ("Eda", "Hopper"), ("Bob", "Lovelace")] {
        world.create(person(first, last)).await.unwrap();
    }
    let shown = plan(&world, world.asks(()), request(None)).await;
    let fits: Vec<_> = shown
        .candidates
        .iter()
        .map(|fits| (fits.id.as_str(), fits.reason.as_str()))
        .collect();
    assert_eq!(fits, [(turned.id.as_str(), "name"), (alike.id.as_str(), "name")]);
    assert!(shown.candidates[0].score <= 0.6, "a name says less of a person");
    assert_eq!(shown.id, None);
}

#[tokio::test]
async fn a_contact_that_came_to_the_account_since_stands_in_the_way_and_the_own_one_does_not() {
    let world = World::new().await;
    let request = request(None);
    step(&world, &request).await;
    // Another conversion brings somebody to the same account.
    let mut other = self::request(None);
    other.account_id = request.account_id.clone();
    step(&world, &other).await;
    let asked = v1::ListContactTouchesRequest {
        conversion_id: request.context.unwrap().conversion_id,
        account_id: Some(request.account_id),
        contact_id: Some(request.new_contact_id),
    };
    let touches = answer(world.grpc.list_contact_touches(world.asks(asked)).await)
        .unwrap()
        .touches;
    let ids: Vec<_> = touches
        .iter()
        .map(|touch| (touch.id.as_str(), touch.reason.as_str()))
        .collect();
    assert_eq!(ids, [(other.new_contact_id.as_str(), "linked")]);
}
