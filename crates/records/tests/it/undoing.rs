//! Imports that are taken back.

use kontor_chassis::{Caller, Kind};
use kontor_proto::records::v1::{
    ImportJob, ImportMode, ImportOptions, ImportState, ImportUndo, ListQuery, Money,
};
use kontor_records::write::{self, Change, Which};
use uuid::Uuid;

use crate::importing::{import, nothing_is_staged, number, service, upload};
use crate::lead::{Lead, v1};
use crate::surviving::{age, alarm, until};
use crate::world::{World, named};

async fn undo(world: &World, job: &ImportJob) -> ImportJob {
    let id = job.id.parse().unwrap();
    let undone = service(world).imports.undo(&world.admin, id).await.unwrap();
    assert!(!undone.running);
    nothing_is_staged(&undone.job, world).await;
    undone.job
}

fn done(job: &ImportJob) -> (i64, i64, i64) {
    let ImportUndo {
        deleted,
        restored,
        kept,
        failures: _,
    } = job.undo.clone().unwrap();
    (deleted, restored, kept)
}

fn upsert() -> ImportOptions {
    ImportOptions {
        mode: ImportMode::Upsert.into(),
        match_on: "email".into(),
        ..Default::default()
    }
}

fn known(name: &str, email: &str) -> v1::Lead {
    v1::Lead {
        email: Some(email.into()),
        title: Some("old".into()),
        tags: vec!["a, \"b\"".into(), "c".into()],
        budget: Some(Money {
            amount: "5.25".into(),
            currency: "USD".into(),
        }),
        ..named(name)
    }
}

/// Changes a record as a person would.
async fn retitle(world: &World, id: Uuid, title: &str) {
    let mut tx = world.tx().await;
    let before: Lead = write::get_for_update(&mut tx, &world.admin, id, "update", Which::Present)
        .await
        .unwrap();
    let mut after = before.clone();
    after.title = Some(title.into());
    let change = Change::new(&world.admin, world.now, "updated");
    write::update(&mut tx, &before, after, change).await.unwrap();
    tx.commit().await.unwrap();
}

async fn read(world: &World, id: Uuid) -> Lead {
    let mut tx = world.tx().await;
    write::get(&mut tx, &world.admin, id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_made_is_deleted_and_told() {
    let world = World::new().await;
    world.make(named("Before")).await;
    let rows: String = (0..2_500).map(|n| format!("P{n},p{n}@x.de\n")).collect();
    let job = import(
        &world,
        ImportOptions::default(),
        format!("last_name,email\n{rows}"),
    )
    .await;
    assert_eq!(job.created, 2_500);
    let job = undo(&world, &job).await;
    assert_eq!((job.state(), done(&job)), (ImportState::Undone, (2_500, 0, 0)));
    assert_eq!(world.names(ListQuery::default()).await, ["Before"]);
    let noted = "select count(*) from history where company_id = $1 and action = 'deleted' and field is null";
    assert_eq!(number(&world, noted).await, 2_500);
    let mut tx = world.tx().await;
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select payload from outbox where headers ->> 'company' = $1 and type = 'kontor.leads.v1.LeadsChanged'",
    )
    .bind(world.company.to_string())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let told: Vec<v1::LeadsChanged> = payloads
        .iter()
        .map(|payload| prost::Message::decode(payload.as_slice()).unwrap())
        .collect();
    let gone = told
        .iter()
        .flat_map(|told| &told.changes)
        .filter(|change| change.deleted);
    assert_eq!(gone.filter(|change| change.version == 2).count(), 2_500);

    let again = undo(&world, &job).await;
    assert_eq!(done(&again), (2_500, 0, 0), "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_changed_gets_its_former_values_unless_it_has_changed_since() {
    let world = World::new().await;
    let ada = world.make(known("Ada", "ada@x.de")).await;
    let bob = world.make(known("Bob", "bob@x.de")).await;
    let cyd = world.make(known("Cyd", "cyd@x.de")).await;
    // Ada twice, so that the oldest values count; the same new record twice, which is only deleted.
    let file = "email,last_name,title,tags,budget\n\
        ada@x.de,Adele,new,x;y,7\n\
        bob@x.de,Bob,new,,\n\
        cyd@x.de,Cyd,new,,\n\
        new@x.de,New,one,,\n\
        new@x.de,New,two,,\n\
        ada@x.de,Adele,newer,z,\n"
        .replace("x;y", "\"x;y\"");
    let job = import(&world, upsert(), file).await;
    assert_eq!((job.created, job.updated), (1, 5), "{:?}", job.errors);
    retitle(&world, bob.id, "by hand").await;
    let mut tx = world.tx().await;
    let changed: Lead = write::get_for_update(&mut tx, &world.admin, cyd.id, "delete", Which::Present)
        .await
        .unwrap();
    let change = Change::new(&world.admin, world.now, "deleted");
    write::delete(&mut tx, &changed, change).await.unwrap();
    tx.commit().await.unwrap();

    let job = undo(&world, &job).await;
    assert_eq!(done(&job), (1, 1, 2));
    let mut failures: Vec<_> = job
        .undo
        .unwrap()
        .failures
        .into_iter()
        .map(|failure| (failure.id, failure.code))
        .collect();
    failures.sort();
    assert_eq!(
        failures,
        [
            (bob.id.to_string(), "changed_since".to_owned()),
            (cyd.id.to_string(), "deleted".to_owned())
        ]
    );
    let back = read(&world, ada.id).await;
    assert_eq!(back.last_name, "Ada");
    assert_eq!(back.title, ada.title);
    assert_eq!(back.tags, ada.tags);
    assert_eq!(back.budget, ada.budget);
    assert_eq!(back.version, 4);
    assert_eq!(read(&world, bob.id).await.title.as_deref(), Some("by hand"));
    let page = world.list(ListQuery::default()).await.unwrap();
    assert_eq!(page.records.len(), 2, "the new one is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_deleted_stays_and_is_named() {
    let world = World::new().await;
    let file = "last_name,rating\nCold,cold\nHot,hot\n";
    let job = import(&world, ImportOptions::default(), file).await;
    let job = undo(&world, &job).await;
    assert_eq!((job.state(), done(&job)), (ImportState::Undone, (1, 0, 1)));
    let failure = &job.undo.unwrap().failures[0];
    assert_eq!(failure.code, "too_hot");
    assert_eq!(world.names(ListQuery::default()).await, ["Hot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_wrote_nothing_or_is_anothers_is_not_taken_back() {
    let world = World::new().await;
    let imports = service(&world).imports;
    let dry = ImportOptions {
        dry_run: true,
        ..Default::default()
    };
    let failing = [
        import(&world, dry, "last_name\nA\n").await,
        import(&world, ImportOptions::default(), "last_name,email\nA,x\n").await,
    ];
    for job in failing {
        let error = imports
            .undo(&world.admin, job.id.parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));
    }
    let job = import(&world, ImportOptions::default(), "last_name\nA\n").await;
    let id: Uuid = job.id.parse().unwrap();
    let rep = world.person(&[
        "leads:read:all",
        "leads:import",
        "leads:delete:own",
        "leads:update:own",
    ]);
    let error = imports.undo(&rep, id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden, "somebody else's");
    let stranger = World::new().await;
    let error = imports.undo(&stranger.admin, id).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let left = undo_by(&world, &world.admin, id).await;
    assert_eq!(left.state(), ImportState::Undone);
}

async fn undo_by(world: &World, caller: &Caller, id: Uuid) -> ImportJob {
    service(world).imports.undo(caller, id).await.unwrap().job
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undoing_whose_process_died_goes_on_from_its_last_batch() {
    let world = World::new().await;
    let rows: String = (0..12_000).map(|n| format!("P{n},p{n}@x.de\n")).collect();
    let job = import(
        &world,
        ImportOptions::default(),
        format!("last_name,email\n{rows}"),
    )
    .await;
    let id: Uuid = job.id.parse().unwrap();
    let first = service(&world);
    let (imports, caller) = (first.imports.clone(), world.admin.clone());
    let undoing = tokio::spawn(async move { imports.undo(&caller, id).await.map(|undone| undone.running) });
    until(&world, |job| {
        job.undo.as_ref().is_some_and(|undo| undo.deleted > 0)
    })
    .await;
    first.shutdown.cancel();
    first.tasks.close();
    first.tasks.wait().await;
    assert!(undoing.await.unwrap().unwrap(), "it is not done");
    let stopped = until(&world, |_| true).await;
    assert!(done(&stopped).0 < 12_000, "{stopped:?}");

    let second = service(&world);
    age(&world, id).await;
    alarm(&world, &second, id).await;
    let job = until(&world, |job| job.finished_at.is_some()).await;
    assert_eq!((job.state(), done(&job)), (ImportState::Undone, (12_000, 0, 0)));
    assert_eq!(
        number(
            &world,
            "select count(*) from leads.leads where company_id = $1 and deleted_at is null"
        )
        .await,
        0
    );
    second.tasks.close();
    second.tasks.wait().await;
    nothing_is_staged(&job, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_at_work_is_not_taken_back() {
    let world = World::new().await;
    let (_release, held) = tokio::sync::oneshot::channel::<()>();
    let rest = futures_util::stream::once(async move {
        // Never sent: the upload hangs until the test ends.
        let _ = held.await;
        Err(tonic::Status::cancelled("reset"))
    });
    let parts = upload(ImportOptions::default(), "last_name\nA\n");
    let process = service(&world);
    let (imports, caller) = (process.imports.clone(), world.admin.clone());
    let waiting = tokio::spawn(async move {
        let parts = futures_util::StreamExt::chain(parts, rest);
        imports
            .run(&caller, Box::pin(parts))
            .await
            .map(|imported| imported.running)
    });
    let running = until(&world, |_| true).await;
    let id = running.id.parse().unwrap();
    let error = process.imports.undo(&world.admin, id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "wrong_state"));
    waiting.abort();
}
