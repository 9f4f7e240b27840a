//! Leads come into their territories, and to their owners, by themselves, as accounts tells of territories.

use std::time::Duration;

use kontor_chassis::{Error, Kind};
use kontor_leads::model::Lead;
use kontor_proto::{
    leads::v1::{
        self, lead_service_server::LeadService, lead_territory_service_server::LeadTerritoryService,
    },
    records::v1::{Address, RecordChange, TerritoryChange},
};
use kontor_records::{implied::MEMBER, keep::Placer, territories};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

fn german(last_name: &str) -> v1::Lead {
    v1::Lead {
        address: Some(Address {
            country: Some("DE".into()),
            ..Address::default()
        }),
        ..named(last_name)
    }
}

pub(crate) fn territory(country: &str, version: i64) -> TerritoryChange {
    TerritoryChange {
        change: Some(RecordChange {
            id: Uuid::now_v7().to_string(),
            name: country.to_owned(),
            version,
            ..RecordChange::default()
        }),
        countries: vec![country.to_owned()],
        assignment: "none".to_owned(),
        ..TerritoryChange::default()
    }
}

fn id(territory: &TerritoryChange) -> Option<String> {
    territory.change.as_ref().map(|change| change.id.clone())
}

impl World {
    /// Hears of a territory, as from accounts.
    pub(crate) async fn hears(&self, territory: &TerritoryChange) {
        let mut tx = self.begin().await;
        territories::keep(&mut tx, self.company, std::slice::from_ref(territory))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.leads.territories().forget(self.company);
    }

    async fn assign(
        &self,
        lead: &v1::Lead,
        territory: Option<String>,
    ) -> Result<(v1::Lead, Option<String>), Error> {
        let request = self.asks(v1::AssignLeadTerritoryRequest {
            id: lead.id.clone(),
            territory_id: territory,
            etag: String::new(),
        });
        let answer = answer(self.grpc.assign_lead_territory(request).await)?;
        Ok((answer.lead.unwrap(), answer.rule))
    }
}

#[tokio::test]
async fn a_lead_is_placed_when_it_is_made_and_moves_when_a_deciding_field_changes() {
    let world = World::new().await;
    let germany = territory("DE", 1);
    world.hears(&germany).await;
    let lead = world.create(german("Doe")).await.unwrap();
    assert_eq!(lead.territory_id, id(&germany));
    let moved = world.update(&lead.id, named(""), &["address"]).await.unwrap();
    assert_eq!(moved.territory_id, None);
    let (back, rule) = world.assign(&moved, id(&germany)).await.unwrap();
    assert_eq!((back.territory_id, rule), (id(&germany), None), "by hand");
    let stays = world
        .update(
            &lead.id,
            v1::Lead {
                industry: Some("Software".into()),
                ..named("")
            },
            &["industry"],
        )
        .await
        .unwrap();
    assert_eq!(stays.territory_id, id(&germany));
    let (none, rule) = world.assign(&stays, None).await.unwrap();
    assert_eq!((none.territory_id, rule), (None, None));
    let error = world.elsewhere().assign(&lead, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn what_is_told_late_never_overwrites_what_is_newer() {
    let world = World::new().await;
    let old = territory("FR", 1);
    let mut new = territory("DE", 2);
    new.change.as_mut().unwrap().id = id(&old).unwrap();
    world.hears(&new).await;
    world.hears(&old).await;
    let lead = world.create(german("Doe")).await.unwrap();
    assert_eq!(lead.territory_id, id(&new));
    let mut gone = new.clone();
    let change = gone.change.as_mut().unwrap();
    (change.version, change.deleted) = (3, true);
    world.hears(&gone).await;
    world.hears(&new).await;
    let lead = world.create(german("Roe")).await.unwrap();
    assert_eq!(lead.territory_id, None);
    let error = world.assign(&lead, id(&new)).await.unwrap_err();
    assert_eq!(fields(&error), [("territory_id", "unknown_reference")]);
}

#[tokio::test]
async fn members_take_turns_evenly_with_eight_clients_at_once() {
    for assignment in ["round_robin", "least_loaded"] {
        let world = World::new().await;
        let members: Vec<String> = (0..3).map(|_| Uuid::now_v7().to_string()).collect();
        let known = members.iter().map(|id| RecordChange {
            id: id.clone(),
            name: "Colleague".into(),
            version: 1,
            ..RecordChange::default()
        });
        world.told_of(MEMBER, &known.collect::<Vec<_>>()).await;
        let germany = TerritoryChange {
            member_ids: members.clone(),
            assignment: assignment.to_owned(),
            ..territory("DE", 1)
        };
        world.hears(&germany).await;
        let world = &world;
        let made = futures_util::future::join_all((0..8).map(|client| async move {
            let mut owners = Vec::new();
            for n in 0..5 {
                let lead = world.create(german(&format!("{client} {n}"))).await.unwrap();
                owners.push(lead.owner_id.unwrap());
            }
            owners
        }))
        .await
        .concat();
        let counts: Vec<usize> = members
            .iter()
            .map(|member| made.iter().filter(|owner| *owner == member).count())
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), 40, "{assignment} {counts:?}");
        assert!(
            counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1,
            "{assignment} {counts:?}"
        );
    }
}

#[tokio::test]
async fn a_lead_that_was_converted_stays_in_its_territory() {
    let world = World::new().await;
    let germany = territory("DE", 1);
    world.hears(&germany).await;
    let lead = world.create(german("Doe")).await.unwrap();
    let mut tx = world.begin().await;
    sqlx::query(
        "update leads.leads set status = 'converted', conversion_id = gen_random_uuid() where id = $1",
    )
    .bind(Uuid::parse_str(&lead.id).unwrap())
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let error = world.assign(&lead, None).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "lead_converted"));
}

#[tokio::test]
async fn leads_move_as_accounts_asks_but_those_that_were_converted_or_placed_by_hand() {
    let world = World::new().await.with_timers();
    let germany = territory("DE", 1);
    world.hears(&germany).await;
    let plain = world.create(german("Plain")).await.unwrap();
    let placed = world.create(german("Placed")).await.unwrap();
    world.assign(&placed, id(&germany)).await.unwrap();
    let mut changed = TerritoryChange {
        countries: vec!["FR".to_owned()],
        ..germany.clone()
    };
    changed.change.as_mut().unwrap().version = 2;

    let preview = |territory: &TerritoryChange| {
        world.asks(v1::PreviewLeadMovesRequest {
            territory: Some(territory.clone()),
            behind: String::new(),
            page_size: 50,
        })
    };
    let moves = answer(world.grpc.preview_lead_moves(preview(&changed)).await)
        .unwrap()
        .moves
        .unwrap();
    assert_eq!(moves.flows.len(), 1);
    assert_eq!((moves.flows[0].count, &moves.flows[0].to), (1, &None));
    assert_eq!(moves.moves[0].id, plain.id);
    assert_eq!(
        world.get(&plain.id).await.unwrap().territory_id,
        id(&germany),
        "nothing is saved"
    );

    let mut tx = world.begin().await;
    let (mut of_others, company) = (changed.clone(), world.company);
    of_others.member_ids = vec!["no id".to_owned()];
    assert!(territories::keep(&mut tx, company, &[of_others]).await.is_err());
    drop(tx);
    let mut tx = world.begin().await;
    territories::keep(&mut tx, company, &[changed.clone()])
        .await
        .unwrap();
    let sweep = territories::Sweep {
        id: Uuid::now_v7(),
        territory_id: id(&germany).unwrap().parse().unwrap(),
        emptying: false,
        actor: Some(world.user),
    };
    territories::begin::<Lead>(&mut tx, company, sweep).await.unwrap();
    tx.commit().await.unwrap();
    let told = async {
        loop {
            let told: Vec<v1::LeadTerritoryMovesProgressed> = world.told().await;
            if let Some(last) = told.into_iter().last() {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(60), told).await.unwrap();
    assert_eq!(
        (told.job_id, told.moved, told.done),
        (sweep.id.to_string(), 1, true)
    );
    let moved = world.get(&plain.id).await.unwrap();
    assert_eq!(
        (moved.territory_id, moved.updated_by),
        (None, Some(world.user.to_string()))
    );
    assert_eq!(world.get(&placed.id).await.unwrap().territory_id, id(&germany));
}

#[tokio::test]
async fn who_changed_a_territory_is_answered_when_leads_has_heard_of_it() {
    let world = World::new().await;
    let germany = territory("DE", 1);
    let wait = world.asks(v1::AwaitTerritoryRequest {
        id: id(&germany).unwrap(),
        version: 1,
    });
    let (waited, ()) = tokio::join!(world.grpc.await_territory(wait), world.hears(&germany));
    answer(waited).unwrap();
    let newer = world.asks(v1::AwaitTerritoryRequest {
        id: id(&germany).unwrap(),
        version: 2,
    });
    let in_vain = answer(world.grpc.await_territory(newer).await).unwrap_err();
    assert_eq!(in_vain.kind(), Kind::NotFound);
}
