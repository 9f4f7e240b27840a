//! One action on many records.

use kontor_chassis::{Caller, Error, FieldErrors, Kind, TenantTx};
use kontor_proto::records::v1::{BulkAction, BulkParams, BulkResult, ListQuery};
use kontor_records::bulk::{self, Actor, Taken, refuse};
use kontor_records::refs::{Found, Lookup};
use kontor_records::transfer::Candidate;
use kontor_records::write;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::importing::{Scoring, number};
use crate::lead::{Lead, LeadRating, LeadStatus};
use crate::world::{World, named};

/// Knows nobody beyond what events told.
pub(crate) struct Nobody;

impl Lookup for Nobody {
    async fn find(
        &self,
        _: &mut PgConnection,
        _: &Caller,
        _: &'static str,
        _: Uuid,
    ) -> Result<Option<Found>, Error> {
        Ok(None)
    }
}

/// New leads may be qualified.
pub(crate) struct Qualify;

impl Actor for Scoring {
    type Step = Qualify;
    type Homes = Nobody;

    const STEPS: &'static [&'static str] = &["qualify"];

    fn homes(&self) -> &Nobody {
        &Nobody
    }

    fn read(&self, _: &str, _: &BulkParams, _: &mut FieldErrors) -> Option<Qualify> {
        Some(Qualify)
    }

    fn terms(Qualify: &Qualify) -> (&'static str, &'static str) {
        ("update", "qualified")
    }

    async fn take(
        &self,
        _: &mut TenantTx,
        _: &Caller,
        _: OffsetDateTime,
        Qualify: &Qualify,
        batch: &mut [Candidate<Lead>],
    ) -> Result<Taken, Error> {
        for candidate in batch {
            if candidate.record.status == LeadStatus::New {
                candidate.record.status = LeadStatus::Qualified;
            } else {
                refuse(candidate, &Error::conflict("wrong_state", "It is not new."));
            }
        }
        Ok(Taken::Changed)
    }
}

pub(crate) async fn run(world: &World, caller: &Caller, action: BulkAction) -> Result<BulkResult, Error> {
    bulk::run(&world.db, &Scoring::default(), caller, action, world.now).await
}

async fn done(world: &World, action: BulkAction) -> BulkResult {
    run(world, &world.admin, action).await.unwrap()
}

fn action(word: &str, ids: &[Uuid], params: BulkParams) -> BulkAction {
    BulkAction {
        action: word.into(),
        ids: ids.iter().map(Uuid::to_string).collect(),
        params: Some(params),
        ..Default::default()
    }
}

fn tags(words: &[&str]) -> BulkParams {
    BulkParams {
        tags: words.iter().map(|&word| word.to_owned()).collect(),
        ..Default::default()
    }
}

pub(crate) fn counts(result: &BulkResult) -> (i64, i64, i64) {
    (result.matched, result.succeeded, result.failed)
}

fn failures(result: &BulkResult) -> Vec<(String, &str)> {
    result
        .failures
        .iter()
        .map(|failure| (failure.id.clone(), failure.code.as_str()))
        .collect()
}

async fn read(world: &World, id: Uuid) -> Lead {
    let mut tx = world.tx().await;
    write::get(&mut tx, &world.admin, id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_change_with_their_history_and_events_and_what_is_not_there_is_named() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        ids.push(world.make(named(name)).await.id);
    }
    let stranger = World::new().await;
    let theirs = stranger.make(named("Theirs")).await.id;
    let asked = [ids[2], theirs, ids[0], ids[1], ids[0], Uuid::nil()];
    let result = done(&world, action("add_tags", &asked, tags(&["vip", "new"]))).await;
    assert_eq!(
        counts(&result),
        (5, 3, 2),
        "an id that is named twice counts once"
    );
    assert_eq!(
        failures(&result),
        [
            (theirs.to_string(), "not_found"),
            (Uuid::nil().to_string(), "not_found")
        ]
    );
    let lead = read(&world, ids[0]).await;
    assert_eq!(
        (lead.tags, lead.version),
        (vec!["vip".to_owned(), "new".to_owned()], 2)
    );
    let noted = "select count(*) from history where company_id = $1 and action = 'updated' and field = 'tags'
        and before is null and after = 'vip;new'";
    assert_eq!(number(&world, noted).await, 3);
    let told = "select count(*) from outbox where headers ->> 'company' = $1::text";
    assert_eq!(number(&world, told).await, 3 + 1, "one message tells of all");

    let result = done(&world, action("remove_tags", &ids, tags(&["vip"]))).await;
    assert_eq!(counts(&result), (3, 3, 0));
    assert_eq!(read(&world, ids[1]).await.tags, ["new"]);
    let again = done(&world, action("remove_tags", &ids, tags(&["vip"]))).await;
    assert_eq!(counts(&again), (3, 3, 0));
    assert_eq!(
        read(&world, ids[1]).await.version,
        3,
        "what is so already is not written"
    );
    let found = ListQuery {
        search: "new".into(),
        ..ListQuery::default()
    };
    assert_eq!(world.names(found).await.len(), 3, "search follows");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_given_once_for_all_and_must_be_a_member() {
    let world = World::new().await;
    let ids = [world.make(named("A")).await.id, world.make(named("B")).await.id];
    let to = |owner: Uuid| BulkParams {
        owner_id: Some(owner.to_string()),
        ..Default::default()
    };
    let member = Uuid::now_v7();
    let error = run(&world, &world.admin, action("assign_owner", &ids, to(member)))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Refused, "unknown_reference"));
    assert_eq!(error.fields()[0].field, "params.owner_id");
    let mut tx = world.tx().await;
    sqlx::query("insert into refs values ($1, 'member', $2, 'Mia', false, 1)")
        .bind(world.company)
        .bind(member)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let result = done(&world, action("assign_owner", &ids, to(member))).await;
    assert_eq!(counts(&result), (2, 2, 0));
    assert_eq!(read(&world, ids[1]).await.owner_id, Some(member));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_named_by_a_filter_or_words_or_all_and_in_one_way() {
    let world = World::new().await;
    for (name, title) in [("Ada", "CTO"), ("Bob", "CTO"), ("Cyd", "CFO")] {
        let mut lead = named(name);
        lead.title = Some(title.into());
        world.make(lead).await;
    }
    let by = |filter: &str, search: &str, all: bool| BulkAction {
        action: "qualify".into(),
        filter: filter.into(),
        search: search.into(),
        all,
        ..Default::default()
    };
    assert_eq!(
        counts(&done(&world, by("title = CTO", "ada", false)).await),
        (1, 1, 0)
    );
    let result = done(&world, by("", "", true)).await;
    assert_eq!(counts(&result), (3, 2, 1));
    assert_eq!(result.failures[0].code, "wrong_state");
    assert_eq!(result.failures[0].message, "It is not new.");
    for (request, field) in [
        (by("", "", false), "ids"),
        (by("titel = CTO", "", false), "filter"),
        (
            BulkAction {
                ids: vec!["7".into()],
                ..by("", "", false)
            },
            "ids[0]",
        ),
        (
            BulkAction {
                ids: vec![Uuid::nil().to_string()],
                ..by("", "", true)
            },
            "ids",
        ),
        (
            BulkAction {
                action: "dance".into(),
                ..by("", "", true)
            },
            "action",
        ),
        (
            action("assign_owner", &[Uuid::nil()], BulkParams::default()),
            "params.owner_id",
        ),
        (
            action("add_tags", &[Uuid::nil()], BulkParams::default()),
            "params.tags",
        ),
    ] {
        let error = run(&world, &world.admin, request).await.unwrap_err();
        assert_eq!((error.kind(), &*error.fields()[0].field), (Kind::Invalid, field));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_records_come_back_and_only_they() {
    let world = World::new().await;
    let mut hot = named("Hot");
    hot.rating = Some(kontor_proto::leads::v1::LeadRating::Hot.into());
    let hot = world.make(hot).await;
    assert_eq!(hot.rating, Some(LeadRating::Hot));
    let ids = [
        world.make(named("A")).await.id,
        world.make(named("B")).await.id,
        hot.id,
    ];
    let result = done(&world, action("delete", &ids, BulkParams::default())).await;
    assert_eq!(counts(&result), (3, 2, 1));
    assert_eq!(failures(&result), [(hot.id.to_string(), "too_hot")]);
    let again = done(&world, action("delete", &ids[..2], BulkParams::default())).await;
    assert_eq!(failures(&again)[0].1, "not_found");
    let all = BulkAction {
        action: "restore".into(),
        all: true,
        ..Default::default()
    };
    assert_eq!(
        counts(&done(&world, all).await),
        (2, 2, 0),
        "all that are deleted"
    );
    let result = done(&world, action("restore", &ids, BulkParams::default())).await;
    assert_eq!(counts(&result), (3, 3, 0));
    assert_eq!(read(&world, ids[0]).await.version, 3);
    let noted = "select count(*) from history where company_id = $1 and action in ('deleted', 'restored')
        and field is null";
    assert_eq!(number(&world, noted).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_asked_for_every_record() {
    let world = World::new().await;
    let rep = world.person(&[
        "leads:read:all",
        "leads:create",
        "leads:update:own",
        "leads:delete:own",
    ]);
    let mine = world.make_as(&rep, named("Mine")).await.id;
    let theirs = world.make(named("Theirs")).await.id;
    let result = run(&world, &rep, action("add_tags", &[mine, theirs], tags(&["x"])))
        .await
        .unwrap();
    assert_eq!(failures(&result), [(theirs.to_string(), "forbidden")]);
    let near = world.person(&["leads:read:own", "leads:update:own"]);
    let result = run(&world, &near, action("add_tags", &[mine], tags(&["x"])))
        .await
        .unwrap();
    assert_eq!(
        failures(&result)[0].1,
        "not_found",
        "what one may not read is not there"
    );
    let viewer = world.person(&["leads:read:all"]);
    let error = run(&world, &viewer, action("add_tags", &[mine], tags(&[])))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden, "before the body is looked at");
}

/// Makes so many leads.
pub(crate) async fn many(world: &World, count: usize) {
    let rows: String = (0..count).map(|n| format!("P{n}\n")).collect();
    let options = kontor_proto::records::v1::ImportOptions {
        skip_duplicates: Some(false),
        ..Default::default()
    };
    crate::importing::import(world, options, format!("last_name\n{rows}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_records_change_in_one_call() {
    let world = World::new().await;
    many(&world, 10_000).await;
    let all = BulkAction {
        action: "qualify".into(),
        all: true,
        ..Default::default()
    };
    let result = done(&world, all).await;
    assert_eq!(counts(&result), (10_000, 10_000, 0));
    assert_eq!(result.job, None, "no job is needed");
    let qualified =
        "select count(*) from leads.leads where company_id = $1 and status = 'qualified' and version = 2";
    assert_eq!(number(&world, qualified).await, 10_000);
}
