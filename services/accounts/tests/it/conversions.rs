//! The account of a conversion.

use kontor_accounts::service::convert::Step;
use kontor_proto::{
    accounts::v1::{
        self, AccountStepCompleted, AccountStepFailed,
        account_conversion_service_server::AccountConversionService, account_service_server::AccountService,
    },
    leads::v1::{AccountStepRequested, ConversionContext, ConversionFill, Lead},
    records::v1::{Money, SagaPlan},
};
use kontor_records::saga;
use kontor_records::territories::Territories;
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use crate::territories::{called, rules};
use crate::world::{World, answer, named};

fn request(company_name: &str) -> AccountStepRequested {
    AccountStepRequested {
        context: Some(ConversionContext {
            conversion_id: Uuid::now_v7().to_string(),
            lead: Some(Lead {
                full_name: "Ada Lovelace".to_owned(),
                company_name: Some(company_name.to_owned()),
                industry: Some("Engines".to_owned()),
                ..Lead::default()
            }),
            requested_by: Some(Uuid::now_v7().to_string()),
            ..ConversionContext::default()
        }),
        given_account_id: None,
        new_account_id: Uuid::now_v7().to_string(),
    }
}

fn conversion(request: &AccountStepRequested) -> String {
    request.context.as_ref().unwrap().conversion_id.clone()
}

async fn step(world: &World, request: &AccountStepRequested) {
    let mut tx = world.begin().await;
    let (step, now) = (
        Step::of(request.clone(), &Territories::default()),
        OffsetDateTime::now_utc(),
    );
    Box::pin(saga::step(&mut tx, world.company, &step, now))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn undo(world: &World, request: &AccountStepRequested) {
    let mut tx = world.begin().await;
    saga::undo::<Step>(
        &mut tx,
        world.company,
        &conversion(request),
        OffsetDateTime::now_utc(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// What was told last for a conversion.
async fn completed(world: &World, request: &AccountStepRequested) -> AccountStepCompleted {
    let told = world.told::<AccountStepCompleted>().await;
    told.into_iter()
        .rfind(|reply| reply.conversion_id == conversion(request))
        .unwrap()
}

async fn plan(world: &World, asked: Request<()>, step: AccountStepRequested) -> SagaPlan {
    let request = asked.map(|()| v1::PlanAccountStepRequest { step: Some(step) });
    answer(world.grpc.plan_account_step(request).await)
        .unwrap()
        .plan
        .unwrap()
}

async fn total(world: &World) -> Option<i64> {
    let request = world.asks(v1::ListAccountsRequest::default());
    answer(world.grpc.list_accounts(request).await)
        .unwrap()
        .total_size
}

#[tokio::test]
async fn a_conversion_makes_the_account_of_a_new_company() {
    let world = World::new().await;
    let request = request("Analytical Engines");
    step(&world, &request).await;
    let reply = completed(&world, &request).await;
    assert_eq!(
        (reply.account_id.clone(), reply.matched_existing),
        (request.new_account_id.clone(), false)
    );
    let account = world.get(&reply.account_id).await.unwrap();
    assert_eq!(
        (account.name.as_str(), account.industry.as_deref()),
        ("Analytical Engines", Some("Engines"))
    );
    assert_eq!(account.created_by, request.context.unwrap().requested_by);
}

#[tokio::test]
async fn an_account_made_by_a_conversion_lies_where_the_rules_put_it() {
    let world = World::new().await;
    let engines = world
        .territory(called("Engines", rules(&[], &["Engines"])))
        .await
        .unwrap();
    let (fits, other) = (request("Analytical Engines"), {
        let mut other = request("Looms and Sons");
        if let Some(lead) = other.context.as_mut().and_then(|context| context.lead.as_mut()) {
            lead.industry = Some("Looms".to_owned());
        }
        other
    });
    for (request, expected) in [(&fits, Some(engines.id.clone())), (&other, None)] {
        step(&world, request).await;
        let made = completed(&world, request).await.account_id;
        assert_eq!(world.get(&made).await.unwrap().territory_id, expected);
    }
}

#[tokio::test]
async fn a_conversion_links_the_account_with_the_same_normalised_name_and_fills_its_blanks() {
    let world = World::new().await;
    let account = world
        .create(v1::Account {
            phone: Some("+1 555".to_owned()),
            ..named("ACME, Inc.")
        })
        .await
        .unwrap();
    let request = request("acme");
    step(&world, &request).await;
    let reply = completed(&world, &request).await;
    assert_eq!(
        (reply.account_id.as_str(), reply.account_name.as_str()),
        (account.id.as_str(), "ACME, Inc.")
    );
    assert!(reply.matched_existing);
    let linked = world.get(&account.id).await.unwrap();
    assert_eq!(
        (linked.industry.as_deref(), linked.phone.as_deref()),
        (Some("Engines"), Some("+1 555"))
    );

    undo(&world, &request).await;
    assert_eq!(world.get(&account.id).await.unwrap().industry, None);
}

#[tokio::test]
async fn an_account_is_found_by_its_web_domain_too() {
    let world = World::new().await;
    let site = Some("https://www.acme.example".to_owned());
    let account = world
        .create(v1::Account {
            website: site,
            ..named("Quite Another Name")
        })
        .await
        .unwrap();
    let mut request = request("Acme Holding");
    let lead = request.context.as_mut().unwrap().lead.as_mut().unwrap();
    lead.website = Some("http://acme.example/contact".to_owned());
    step(&world, &request).await;
    assert_eq!(completed(&world, &request).await.account_id, account.id);
}

#[tokio::test]
async fn of_two_accounts_that_match_none_is_guessed() {
    let world = World::new().await;
    world.create(named("Twin Ltd")).await.unwrap();
    world.create(named("twin")).await.unwrap();
    let request = request("Twin");
    step(&world, &request).await;
    assert!(!completed(&world, &request).await.matched_existing);
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_again_and_does_nothing() {
    let world = World::new().await;
    let request = request("Once");
    step(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(1));
    let told = world.told::<AccountStepCompleted>().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn conversions_of_one_company_at_the_same_moment_make_one_account() {
    let world = World::new().await;
    let requests: Vec<_> = ["Crowd", "crowd inc", "CROWD"].map(request).into();
    tokio::join!(
        step(&world, &requests[0]),
        step(&world, &requests[1]),
        step(&world, &requests[2])
    );
    assert_eq!(total(&world).await, Some(1));
    let told = world.told::<AccountStepCompleted>().await;
    assert_eq!(told.iter().filter(|reply| !reply.matched_existing).count(), 1);
}

#[tokio::test]
async fn what_a_conversion_made_is_taken_back_and_a_late_request_does_nothing() {
    let world = World::new().await;
    let request = request("Passing");
    step(&world, &request).await;
    undo(&world, &request).await;
    assert_eq!(total(&world).await, Some(0));
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(0));
    assert_eq!(world.told::<AccountStepCompleted>().await.len(), 1);
}

#[tokio::test]
async fn a_conversion_undone_before_its_request_came_makes_nothing() {
    let world = World::new().await;
    let request = request("Overtaken");
    undo(&world, &request).await;
    step(&world, &request).await;
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn an_account_that_another_conversion_linked_stays_until_that_one_is_undone_too() {
    let world = World::new().await;
    let (first, second) = (request("Shared"), request("Shared Inc"));
    step(&world, &first).await;
    step(&world, &second).await;
    undo(&world, &first).await;
    assert_eq!(total(&world).await, Some(1));
    undo(&world, &second).await;
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn an_account_that_somebody_worked_on_since_stays() {
    let world = World::new().await;
    let request = request("Touched");
    step(&world, &request).await;
    let phone = v1::Account {
        phone: Some("+1 555".to_owned()),
        ..v1::Account::default()
    };
    world
        .update(&request.new_account_id, phone, &["phone"], "")
        .await
        .unwrap();
    undo(&world, &request).await;
    assert_eq!(total(&world).await, Some(1));
}

#[tokio::test]
async fn a_given_account_is_linked_and_kept_as_it_is_when_so_asked() {
    let world = World::new().await;
    let account = world.create(named("Given")).await.unwrap();
    let mut request = request("Something else");
    request.given_account_id = Some(account.id.clone());
    request.context.as_mut().unwrap().fill = ConversionFill::Keep.into();
    step(&world, &request).await;
    assert_eq!(completed(&world, &request).await.account_id, account.id);
    assert_eq!(world.get(&account.id).await.unwrap(), account);
}

#[tokio::test]
async fn a_given_account_that_was_deleted_fails_the_step() {
    let world = World::new().await;
    let account = world.create(named("Given")).await.unwrap();
    let delete = world.asks(v1::DeleteAccountRequest {
        id: account.id.clone(),
        etag: String::new(),
    });
    answer(world.grpc.delete_account(delete).await).unwrap();
    let mut request = request("Something else");
    request.given_account_id = Some(account.id);
    step(&world, &request).await;
    let told = world.told::<AccountStepFailed>().await;
    assert_eq!(told[0].conversion_id, conversion(&request));
    assert_eq!(total(&world).await, Some(0));
}

#[tokio::test]
async fn a_lead_that_overwrites_clears_nothing() {
    let world = World::new().await;
    let account = world
        .create(v1::Account {
            website: Some("https://kept.example".to_owned()),
            industry: Some("Steel".to_owned()),
            ..named("Overwritten")
        })
        .await
        .unwrap();
    let mut request = request("Overwritten");
    request.context.as_mut().unwrap().fill = ConversionFill::Overwrite.into();
    step(&world, &request).await;
    let linked = world.get(&account.id).await.unwrap();
    assert_eq!(
        (linked.website.as_deref(), linked.industry.as_deref()),
        (Some("https://kept.example"), Some("Engines"))
    );
    undo(&world, &request).await;
    let emptied = world.get(&account.id).await.unwrap();
    assert_eq!(emptied.industry.as_deref(), Some("Steel"));
}

#[tokio::test]
async fn taking_back_leaves_what_somebody_changed_since() {
    let world = World::new().await;
    let account = world.create(named("Worked on")).await.unwrap();
    let mut request = request("Worked on");
    let lead = request.context.as_mut().unwrap().lead.as_mut().unwrap();
    lead.annual_revenue = Some(Money {
        amount: "500".to_owned(),
        currency: "EUR".to_owned(),
    });
    step(&world, &request).await;
    let industry = v1::Account {
        industry: Some("Services".to_owned()),
        ..v1::Account::default()
    };
    world
        .update(&account.id, industry, &["industry"], "")
        .await
        .unwrap();
    undo(&world, &request).await;
    let left = world.get(&account.id).await.unwrap();
    assert_eq!(left.industry.as_deref(), Some("Services"));
    assert_eq!(left.annual_revenue, None);
}

#[tokio::test]
async fn a_plan_names_who_fits_by_what_and_saves_nothing() {
    let world = World::new().await;
    let phone = Some("+1 (555) 010-0200".to_owned());
    let by_phone = world
        .create(v1::Account {
            phone: phone.clone(),
            ..named("Somebody Else")
        })
        .await
        .unwrap();
    let by_name = world.create(named("Planned Ltd")).await.unwrap();
    let mut request = request("planned");
    let lead = request.context.as_mut().unwrap().lead.as_mut().unwrap();
    lead.phone = Some("+1 555 0100200".to_owned());
    let shown = plan(&world, world.asks(()), request.clone()).await;
    assert_eq!(shown.id.as_ref(), Some(&by_name.id));
    let fits: Vec<_> = shown
        .candidates
        .iter()
        .map(|fits| (fits.id.as_str(), fits.name.as_str(), fits.reason.as_str()))
        .collect();
    assert_eq!(
        fits,
        [
            (by_name.id.as_str(), "Planned Ltd", "name"),
            (by_phone.id.as_str(), "Somebody Else", "phone")
        ]
    );
    let mut writes: Vec<_> = shown
        .writes
        .iter()
        .map(|write| (write.field.as_str(), write.from.as_deref(), write.to.as_deref()))
        .collect();
    writes.sort_unstable();
    assert_eq!(
        writes,
        [
            ("industry", None, Some("Engines")),
            ("phone", None, Some("+1 555 0100200"))
        ]
    );
    assert_eq!(world.get(&by_name.id).await.unwrap(), by_name);

    let mut stranger = Request::new(());
    stranger
        .extensions_mut()
        .insert(world.caller_with(&["leads:convert"]));
    let shown = plan(&world, stranger, request).await;
    assert_eq!(shown.candidates, [], "who may read no account learns of none");
    assert_eq!(total(&world).await, Some(2));
}

#[tokio::test]
async fn a_plan_offers_accounts_whose_name_is_like_the_one_wanted_nearest_first() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in [
        "Umbrela Holdings Ltd",
        "Umbrella Holdings East",
        "Holdings of Elbonia",
        "Umbra",
    ] {
        ids.push(world.create(named(name)).await.unwrap().id);
    }
    let theirs = World::new().await;
    theirs.create(named("Umbrella Holdings")).await.unwrap();
    let gone = world.create(named("Umbrella Holding")).await.unwrap();
    let delete = v1::DeleteAccountRequest {
        id: gone.id,
        etag: String::new(),
    };
    answer(AccountService::delete_account(&world.grpc, world.asks(delete)).await).unwrap();
    let shown = plan(&world, world.asks(()), request("Umbrella Holdings GmbH")).await;
    assert_eq!(shown.id, None, "what is merely alike is not linked by itself");
    let fits: Vec<_> = shown
        .candidates
        .iter()
        .map(|fits| (fits.id.as_str(), fits.reason.as_str()))
        .collect();
    assert_eq!(fits, [(ids[0].as_str(), "name"), (ids[1].as_str(), "name")]);
    let scores: Vec<f64> = shown.candidates.iter().map(|fits| fits.score).collect();
    assert!(
        scores.iter().all(|score| (0.65..0.8).contains(score)),
        "less than one of the same name: {scores:?}"
    );

    for n in 0..7 {
        world
            .create(named(&format!("Umbrella Holdings {n}")))
            .await
            .unwrap();
    }
    let same = world.create(named("UMBRELLA Holdings Inc")).await.unwrap();
    let shown = plan(&world, world.asks(()), request("Umbrella Holdings GmbH")).await;
    assert_eq!(shown.candidates.len(), 5, "no more than a person looks at");
    assert_eq!(
        (&shown.candidates[0].id, shown.candidates[0].score),
        (&same.id, 0.95)
    );
    assert_eq!(shown.id.as_ref(), Some(&same.id));
}

#[tokio::test]
async fn what_stands_in_the_way_of_taking_back_is_named() {
    let world = World::new().await;
    let request = request("Blocked");
    step(&world, &request).await;
    let touches = async || {
        let asked = v1::ListAccountTouchesRequest {
            conversion_id: conversion(&request),
            account_id: Some(request.new_account_id.clone()),
            contact_id: None,
        };
        let touches = answer(world.grpc.list_account_touches(world.asks(asked)).await)
            .unwrap()
            .touches;
        let shown: Vec<(String, String)> = touches
            .into_iter()
            .map(|touch| (touch.name, touch.reason))
            .collect();
        shown
    };
    assert_eq!(touches().await, []);
    let part = world
        .create(v1::Account {
            parent_id: Some(request.new_account_id.clone()),
            ..named("Part of it")
        })
        .await
        .unwrap();
    let linked = ("Part of it".to_owned(), "linked".to_owned());
    assert_eq!(touches().await, std::slice::from_ref(&linked));
    let phone = v1::Account {
        phone: Some("+1 555".to_owned()),
        ..v1::Account::default()
    };
    world
        .update(&request.new_account_id, phone, &["phone"], "")
        .await
        .unwrap();
    let changed = ("Blocked".to_owned(), "changed".to_owned());
    assert_eq!(touches().await, [changed, linked]);
    drop(part);
}
