//! One action on more records than an answer is sure to come in time for.

use kontor_chassis::{Caller, Error, Kind};
use kontor_events::timers::{Due, Timer};
use kontor_proto::records::v1::{BulkAction, BulkJobState, BulkResult};
use kontor_records::bulk::{self, Jobs};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bulk::{counts, many, run};
use crate::importing::{Scoring, number};
use crate::world::World;

const MANY: usize = 11_001;
const CHANGED: &str =
    "select count(*) from leads.leads where company_id = $1 and status = 'qualified' and version = 2";

fn qualify(wait_seconds: i32) -> BulkAction {
    BulkAction {
        action: "qualify".into(),
        all: true,
        wait_seconds: Some(wait_seconds),
        ..BulkAction::default()
    }
}

fn job(result: &BulkResult) -> (String, BulkJobState) {
    let job = result.job.as_ref().unwrap();
    (job.id.clone(), job.state())
}

/// What the service's timers do when the timer of a job is due.
async fn turn(world: &World, id: &str) {
    let mut tx = world.db.begin(&Caller::system(world.company)).await.unwrap();
    let timer = Timer {
        id: id.parse().unwrap(),
        due_at: OffsetDateTime::now_utc(),
        company: world.company,
        payload: Vec::new(),
    };
    let jobs = Jobs::new(world.db.clone(), Scoring::default());
    jobs.due(&mut tx, &timer).await.unwrap();
    tx.commit().await.unwrap();
}

async fn progress(world: &World, caller: &Caller, id: &str) -> Result<BulkResult, Error> {
    bulk::progress(&world.db, &Scoring::default(), caller, id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_thousand_are_a_job_that_is_mostly_through_when_it_is_answered() {
    let world = World::new().await;
    many(&world, MANY).await;
    let result = run(&world, &world.admin, qualify(40)).await.unwrap();
    assert_eq!(counts(&result), (11_001, 11_001, 0));
    let (id, state) = job(&result);
    assert_eq!(state, BulkJobState::Succeeded);
    assert!(!bulk::goes_on(&result));
    assert_eq!(number(&world, CHANGED).await, 11_001);
    assert_eq!(progress(&world, &world.admin, &id).await.unwrap(), result);

    let again = run(&world, &world.admin, qualify(40)).await.unwrap();
    assert_eq!(counts(&again), (11_001, 0, 11_001));
    assert_eq!(job(&again).1, BulkJobState::Failed);
    assert_eq!(again.failures.len(), 10_000, "as many as an answer holds");
    assert_eq!(again.failures[0].code, "wrong_state");
    turn(&world, &id).await;
    assert_eq!(
        progress(&world, &world.admin, &id).await.unwrap(),
        result,
        "a timer that comes late changes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_waits_for_goes_on_and_does_no_record_twice() {
    let world = World::new().await;
    many(&world, MANY).await;
    let begun = run(&world, &world.admin, qualify(0)).await.unwrap();
    let (id, state) = job(&begun);
    assert_eq!((counts(&begun), state), ((11_001, 0, 0), BulkJobState::Running));
    assert!(bulk::goes_on(&begun));
    // Its timer was set with it, so that it does not matter whether its process lives.
    let due = "select count(*) from timers where kind = 'bulk_action' and due_at <= now()
        and headers ->> 'company' = $1::text";
    assert_eq!(number(&world, due).await, 1);
    // Two processes at once, again and again.
    let other = World::of(world.company).await;
    let end = loop {
        tokio::join!(turn(&world, &id), turn(&other, &id));
        let result = progress(&world, &world.admin, &id).await.unwrap();
        assert_eq!(result.succeeded, number(&world, CHANGED).await);
        if result.job.as_ref().unwrap().finished_at.is_some() {
            break result;
        }
    };
    assert_eq!(
        (counts(&end), job(&end).1),
        ((11_001, 11_001, 0), BulkJobState::Succeeded)
    );
    let noted =
        "select count(*) from history where company_id = $1 and action = 'qualified' and field = 'status'";
    assert_eq!(number(&world, noted).await, 11_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_with_the_rights_of_who_asked_and_is_told_to_them() {
    let world = World::new().await;
    many(&world, MANY).await;
    let rep = world.person(&["leads:read:all", "leads:update:own"]);
    let begun = run(&world, &rep, qualify(0)).await.unwrap();
    let (id, _) = job(&begun);
    let end = loop {
        turn(&world, &id).await;
        let result = progress(&world, &rep, &id).await.unwrap();
        if !bulk::goes_on(&result) {
            break result;
        }
    };
    assert_eq!(counts(&end), (11_001, 0, 11_001), "none of them is theirs");
    assert_eq!(end.failures[0].code, "forbidden");
    assert_eq!(progress(&world, &world.admin, &id).await.unwrap(), end);

    let colleague = world.person(&["leads:read:all", "leads:update:own"]);
    let stranger = World::new().await;
    for (asks, caller) in [(&world, &colleague), (&stranger, &stranger.admin)] {
        let error = progress(asks, caller, &id).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }
    let viewer = world.person(&["leads:read:all"]);
    let error = progress(&world, &viewer, &id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    let nobody = progress(&world, &rep, &Uuid::now_v7().to_string()).await;
    assert_eq!(nobody.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_would_come_too_late_can_not_be_asked_for() {
    let world = World::new().await;
    for seconds in [-1, 41] {
        let error = run(&world, &world.admin, qualify(seconds)).await.unwrap_err();
        assert_eq!(error.fields()[0].field, "wait_seconds");
    }
}
