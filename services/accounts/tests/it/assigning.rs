//! Accounts come into their territories, and to their owners, by themselves.

use std::collections::HashMap;

use kontor_chassis::{Error, Kind};
use kontor_proto::{
    accounts::v1::{self, account_service_server::AccountService},
    records::v1::Address,
};

use crate::{
    territories::{called, rules},
    world::{World, answer, fields, named},
};

fn in_country(name: &str, country: &str) -> v1::Account {
    v1::Account {
        billing_address: Some(Address {
            country: Some(country.to_owned()),
            ..Address::default()
        }),
        ..named(name)
    }
}

impl World {
    async fn assign(
        &self,
        account: &v1::Account,
        territory: Option<&str>,
    ) -> Result<(v1::Account, Option<String>), Error> {
        let request = self.asks(v1::AssignAccountTerritoryRequest {
            id: account.id.clone(),
            territory_id: territory.map(str::to_owned),
            etag: String::new(),
        });
        let answer = answer(self.grpc.assign_account_territory(request).await)?;
        Ok((answer.account.unwrap(), answer.rule))
    }
}

#[tokio::test]
async fn an_account_is_placed_when_it_is_made_and_when_a_deciding_field_changes() {
    let world = World::new().await;
    let germany = world
        .territory(called("Germany", rules(&["DE"], &[])))
        .await
        .unwrap();
    let france = world
        .territory(called("France", rules(&["FR"], &[])))
        .await
        .unwrap();
    let account = world.create(in_country("Acme", "DE")).await.unwrap();
    assert_eq!(account.territory_id, Some(germany.id.clone()));
    assert_eq!(
        account.owner_id,
        Some(world.user.to_string()),
        "who made it owns it"
    );

    let renamed = world
        .update(&account.id, named("Acme 2"), &["name"], "")
        .await
        .unwrap();
    assert_eq!(renamed.territory_id, Some(germany.id));
    let moved = world
        .update(
            &account.id,
            in_country("", "FR"),
            &["billing_address.country"],
            "",
        )
        .await
        .unwrap();
    assert_eq!(moved.territory_id, Some(france.id));
    let away = world
        .update(
            &account.id,
            in_country("", "US"),
            &["billing_address.country"],
            "",
        )
        .await
        .unwrap();
    assert_eq!(away.territory_id, None, "nobody's land");
}

#[tokio::test]
async fn where_goods_go_decides_only_when_nothing_is_known_of_where_bills_go() {
    let world = World::new().await;
    let germany = world
        .territory(called("Germany", rules(&["DE"], &[])))
        .await
        .unwrap();
    let mut account = in_country("Acme", "DE");
    account.shipping_address = account.billing_address.take();
    assert_eq!(
        world.create(account.clone()).await.unwrap().territory_id,
        Some(germany.id)
    );
    account.billing_address = in_country("", "US").billing_address;
    assert_eq!(world.create(account).await.unwrap().territory_id, None);
}

#[tokio::test]
async fn what_a_person_decided_stays_until_the_rules_are_asked_again() {
    let world = World::new().await;
    let germany = world
        .territory(called("Germany", rules(&["DE"], &[])))
        .await
        .unwrap();
    let chosen = world
        .territory(called("Chosen", rules(&["JP"], &[])))
        .await
        .unwrap();
    let account = world.create(in_country("Acme", "DE")).await.unwrap();

    let (account, rule) = world.assign(&account, Some(&chosen.id)).await.unwrap();
    assert_eq!((&account.territory_id, rule), (&Some(chosen.id.clone()), None));
    let unmoved = world
        .update(&account.id, in_country("", "FR"), &["billing_address"], "")
        .await
        .unwrap();
    assert_eq!(unmoved.territory_id, Some(chosen.id.clone()));

    let (none, rule) = world.assign(&account, None).await.unwrap();
    assert_eq!((none.territory_id, rule), (None, None), "no rule is for France");
    let back = world
        .update(&account.id, in_country("", "DE"), &["billing_address"], "")
        .await
        .unwrap();
    assert_eq!(back.territory_id, Some(germany.id.clone()), "rules apply again");
    let (same, rule) = world.assign(&account, None).await.unwrap();
    assert_eq!(
        (same.territory_id, rule.as_deref()),
        (Some(germany.id), Some("country is DE"))
    );

    let mut given = in_country("Given", "DE");
    given.territory_id = Some(chosen.id.clone());
    let given = world.create(given).await.unwrap();
    assert_eq!(given.territory_id, Some(chosen.id));
    let cleared = world
        .update(&given.id, named(""), &["territory_id"], "")
        .await
        .unwrap();
    assert_eq!(cleared.territory_id, None, "null clears, and no rule undoes that");
    let still = world
        .update(
            &given.id,
            v1::Account {
                industry: Some("Software".into()),
                ..named("")
            },
            &["industry"],
            "",
        )
        .await
        .unwrap();
    assert_eq!(still.territory_id, None);
}

#[tokio::test]
async fn a_territory_that_is_not_there_is_refused() {
    let world = World::new().await;
    let account = world.create(named("Acme")).await.unwrap();
    let theirs = world.elsewhere().territory(called("Theirs", None)).await.unwrap();
    let gone = world
        .territory(called("Gone", rules(&["JP"], &[])))
        .await
        .unwrap();
    world.delete_territory(&gone.id).await.unwrap();
    for id in [theirs.id, gone.id] {
        let error = world.assign(&account, Some(&id)).await.unwrap_err();
        assert_eq!(
            (error.kind(), fields(&error)),
            (Kind::Refused, vec![("territory_id", "unknown_reference")])
        );
    }
    let error = world.elsewhere().assign(&account, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

/// A territory of Germany with three members.
async fn crew(world: &World, assignment: v1::TerritoryAssignment) -> Vec<String> {
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(world.member().await.to_string());
    }
    let territory = v1::Territory {
        member_ids: members.clone(),
        assignment: Some(assignment.into()),
        ..called("Germany", rules(&["DE"], &[]))
    };
    world.territory(territory).await.unwrap();
    members
}

/// Makes accounts with eight clients at once, and counts those of each member.
async fn made_at_once(world: &World, count: usize) -> HashMap<String, usize> {
    let made = futures_util::future::join_all((0..8).map(|client| async move {
        let mut owners = Vec::new();
        for n in 0..count / 8 {
            let account = world
                .create(in_country(&format!("{client} {n}"), "DE"))
                .await
                .unwrap();
            owners.push(account.owner_id.unwrap());
        }
        owners
    }))
    .await;
    let mut counts = HashMap::new();
    for owner in made.into_iter().flatten() {
        *counts.entry(owner).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn members_take_turns_evenly_also_with_eight_clients_at_once() {
    for assignment in [
        v1::TerritoryAssignment::RoundRobin,
        v1::TerritoryAssignment::LeastLoaded,
    ] {
        let world = World::new().await;
        let members = crew(&world, assignment).await;
        let counts = made_at_once(&world, 40).await;
        let counts: Vec<usize> = members.iter().map(|member| counts[member]).collect();
        assert_eq!(counts.iter().sum::<usize>(), 40, "{assignment:?} {counts:?}");
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 1, "{assignment:?} {counts:?}");
    }
}

#[tokio::test]
async fn the_least_loaded_member_catches_up() {
    let world = World::new().await;
    let members = crew(&world, v1::TerritoryAssignment::LeastLoaded).await;
    for n in 0..2 {
        let mut account = in_country(&format!("given {n}"), "DE");
        account.owner_id = Some(members[0].clone());
        assert_eq!(
            world.create(account).await.unwrap().owner_id.as_ref(),
            Some(&members[0]),
            "given"
        );
    }
    let mut next = Vec::new();
    for n in 0..4 {
        next.push(
            world
                .create(in_country(&format!("{n}"), "DE"))
                .await
                .unwrap()
                .owner_id
                .unwrap(),
        );
    }
    assert_eq!(next, [&*members[1], &*members[2], &*members[1], &*members[2]]);
}

#[tokio::test]
async fn an_account_that_comes_into_a_territory_keeps_its_owner_and_gets_one_only_without() {
    let world = World::new().await;
    let members = crew(&world, v1::TerritoryAssignment::RoundRobin).await;
    let account = world.create(in_country("Acme", "US")).await.unwrap();
    let moved = world
        .update(&account.id, in_country("", "DE"), &["billing_address"], "")
        .await
        .unwrap();
    assert_eq!(moved.owner_id, Some(world.user.to_string()));

    world
        .update(&account.id, in_country("", "US"), &["billing_address"], "")
        .await
        .unwrap();
    world
        .update(&account.id, named(""), &["owner_id"], "")
        .await
        .unwrap();
    let owned = world
        .update(&account.id, in_country("", "DE"), &["billing_address"], "")
        .await
        .unwrap();
    assert_eq!(owned.owner_id.as_ref(), Some(&members[0]));
}

#[tokio::test]
async fn a_member_who_left_has_no_turn() {
    let world = World::new().await;
    let members = crew(&world, v1::TerritoryAssignment::RoundRobin).await;
    world.leaves(members[1].parse().unwrap()).await;
    let counts = made_at_once(&world, 16).await;
    assert_eq!(
        (counts[&members[0]], counts.get(&members[1]), counts[&members[2]]),
        (8, None, 8)
    );
}
