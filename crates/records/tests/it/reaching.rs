//! How far a permission reaches is the same for every operation.

use crate::lead::v1;
use kontor_chassis::{Caller, Kind};
use kontor_proto::records::v1::{ListQuery, RecordChange, TerritoryChange};
use kontor_records::query::Selection;
use kontor_records::write::{self, Which};
use kontor_records::{history, stats, territories, transfer};
use tokio_stream::StreamExt as _;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::lead::Lead;
use crate::world::{World, named};

const SCOPED: [&str; 4] = [
    "leads:read:territory",
    "leads:update:territory",
    "leads:delete:own",
    "leads:export:territory",
];

impl World {
    /// A territory that these people are members of.
    async fn territory(&self, parent: Option<Uuid>, members: &[&Caller]) -> Uuid {
        let id = Uuid::now_v7();
        let change = TerritoryChange {
            change: Some(RecordChange {
                id: id.to_string(),
                name: "Territory".into(),
                version: 1,
                ..RecordChange::default()
            }),
            parent_id: parent.map(|id| id.to_string()),
            member_ids: members
                .iter()
                .map(|member| member.user_id().unwrap().to_string())
                .collect(),
            assignment: "none".into(),
            ..TerritoryChange::default()
        };
        let mut tx = self.tx().await;
        territories::keep(&mut tx, self.company, &[change]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn lies_in(&self, territory: Uuid, name: &str) -> Lead {
        self.make(v1::Lead {
            territory_id: Some(territory.to_string()),
            ..named(name)
        })
        .await
    }
}

/// What every way of asking answers, by last name in order.
async fn seen(world: &World, caller: &Caller, all: &[&Lead]) -> Vec<Vec<String>> {
    let mut tx = world.db.read(caller).await.unwrap();
    let (mut read, mut remembered) = (Vec::new(), Vec::new());
    for lead in all {
        if let Some(found) = write::find::<Lead>(&mut tx, caller, lead.id, Which::Present)
            .await
            .unwrap()
        {
            read.push(found.last_name);
        }
        if history::list::<Lead>(&mut tx, caller, lead.id, 0, "")
            .await
            .is_ok()
        {
            remembered.push(lead.last_name.clone());
        }
    }
    drop(tx);
    let by_name = |search: &str| ListQuery {
        order_by: "last_name".into(),
        search: search.into(),
        ..ListQuery::default()
    };
    let names = |page: kontor_records::query::Page<v1::Lead>| -> Vec<String> {
        assert_eq!(page.total_size, i64::try_from(page.records.len()).ok());
        page.records.into_iter().map(|lead| lead.last_name).collect()
    };
    let listed = names(world.list_as(caller, by_name("")).await.unwrap());
    let found = names(world.list_as(caller, by_name("lead")).await.unwrap());
    let tasks = TaskTracker::new();
    let file = transfer::export::<Lead>(&world.db, &tasks, caller, &by_name(""), "last_name")
        .await
        .unwrap();
    let file: Vec<u8> = file
        .map(|piece| piece.unwrap().data.to_vec())
        .collect::<Vec<_>>()
        .await
        .concat();
    let exported = String::from_utf8(file)
        .unwrap()
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect();
    let mut tx = world.db.read(caller).await.unwrap();
    let selection = Selection::settled::<Lead>(&mut tx, caller, &by_name(""))
        .await
        .unwrap();
    let counted = stats::count_by::<Lead>(&mut tx, &selection, "last_name")
        .await
        .unwrap();
    let mut counted: Vec<String> = counted.into_iter().filter_map(|count| count.value).collect();
    counted.sort();
    read.sort();
    remembered.sort();
    vec![read, remembered, listed, found, exported, counted]
}

#[tokio::test]
async fn a_territory_reaches_ones_own_records_and_those_of_ones_territories_and_below() {
    let world = World::new().await;
    let rep = world.person(&SCOPED);
    let other = world.person(&SCOPED);
    let mine = world.territory(None, &[&rep]).await;
    let below = world.territory(Some(mine), &[&other]).await;
    let deepest = world.territory(Some(below), &[]).await;
    let theirs = world.territory(None, &[&other]).await;
    let leads = [
        world.lies_in(mine, "Lead 1").await,
        world.lies_in(deepest, "Lead 2").await,
        world.lies_in(theirs, "Lead 3").await,
        world.make_as(&rep, named("Lead 4")).await,
        world.make(named("Lead 5")).await,
    ];
    let all: Vec<&Lead> = leads.iter().collect();
    for answer in seen(&world, &rep, &all).await {
        assert_eq!(answer, ["Lead 1", "Lead 2", "Lead 4"]);
    }
    for answer in seen(&world, &other, &all).await {
        assert_eq!(answer, ["Lead 2", "Lead 3"]);
    }
    let nobody = world.person(&SCOPED);
    for answer in seen(&world, &nobody, &all).await {
        assert!(answer.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_lies_in_ones_territory_may_be_changed_when_the_permission_reaches_so_far() {
    let world = World::new().await;
    let rep = world.person(&["leads:read", "leads:update:territory", "leads:delete:own"]);
    let mine = world.territory(None, &[&rep]).await;
    let near = world.lies_in(mine, "Near").await;
    let far = world.make(named("Far")).await;
    let mut tx = world.db.begin(&rep).await.unwrap();
    let mut hold = async |id: Uuid, action: &str| {
        let held = write::get_for_update::<Lead>(&mut tx, &rep, id, action, Which::Present).await;
        let held = held.map(|lead| lead.last_name);
        let may = match &held {
            Ok(_) if id == near.id => Some(write::may(&mut tx, &rep, action, &near).await.is_ok()),
            _ => None,
        };
        (held, may)
    };
    let (held, may) = hold(near.id, "update").await;
    assert_eq!((held.unwrap().as_str(), may), ("Near", Some(true)));
    assert_eq!(
        hold(far.id, "update").await.0.unwrap_err().kind(),
        Kind::Forbidden
    );
    assert_eq!(
        hold(near.id, "delete").await.0.unwrap_err().kind(),
        Kind::Forbidden,
        "own reaches no territory"
    );
    let mut tx = world.db.begin(&rep).await.unwrap();
    assert_eq!(
        write::may(&mut tx, &rep, "delete", &near)
            .await
            .unwrap_err()
            .kind(),
        Kind::Forbidden
    );
    let selection = Selection::settled::<Lead>(&mut tx, &rep, &ListQuery::default())
        .await
        .unwrap();
    assert_eq!(stats::count::<Lead>(&mut tx, &selection).await.unwrap(), 2);
    let selection = selection.for_action::<Lead>(&rep, "update").unwrap();
    assert_eq!(stats::count::<Lead>(&mut tx, &selection).await.unwrap(), 1);
}

#[tokio::test]
async fn a_territory_that_is_gone_reaches_nothing() {
    let world = World::new().await;
    let rep = world.person(&SCOPED);
    let mine = world.territory(None, &[&rep]).await;
    let lead = world.lies_in(mine, "Lead").await;
    let gone = TerritoryChange {
        change: Some(RecordChange {
            id: mine.to_string(),
            name: "Territory".into(),
            deleted: true,
            version: 2,
            ..RecordChange::default()
        }),
        member_ids: vec![rep.user_id().unwrap().to_string()],
        ..TerritoryChange::default()
    };
    let mut tx = world.tx().await;
    territories::keep(&mut tx, world.company, &[gone]).await.unwrap();
    tx.commit().await.unwrap();
    for answer in seen(&world, &rep, &[&lead]).await {
        assert!(answer.is_empty(), "{answer:?}");
    }
}
