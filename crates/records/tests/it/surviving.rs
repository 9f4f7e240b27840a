//! Imports that are broken off, die, are taken over and are cancelled.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use kontor_chassis::Caller;
use kontor_events::timers::{Due, Timer};
use kontor_proto::records::v1::{ImportJob, ImportOptions, ImportState};
use kontor_records::transfer::{Imports, Part, Parts};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::importing::{Scoring, Service, counts, nothing_is_staged, number, service, upload};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_ends_as_failed_with_nothing_written() {
    let world = World::new().await;
    let rows: String = (0..20_000)
        .map(|n| format!("Person {n},p{n}@example.com\n"))
        .collect();
    let whole = upload(ImportOptions::default(), format!("last_name,email\n{rows}"));
    let broken: Parts = Box::pin(whole.chain(stream::iter([Err(tonic::Status::cancelled("reset"))])));
    let imported = service(&world).imports.run(&world.admin, broken).await.unwrap();
    assert_eq!(imported.job.state(), ImportState::Failed);
    assert_eq!(
        number(&world, "select count(*) from leads.leads where company_id = $1").await,
        0
    );
    nothing_is_staged(&imported.job, &world).await;
}

/// What the alarm of a job does, as the service's timers call it.
pub(crate) async fn alarm(world: &World, service: &Service, id: Uuid) {
    let mut tx = world.db.begin(&Caller::system(world.company)).await.unwrap();
    let timer = Timer {
        id,
        due_at: OffsetDateTime::now_utc(),
        company: world.company,
        payload: Vec::new(),
    };
    service.imports.due(&mut tx, &timer).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn job(world: &World) -> Option<ImportJob> {
    let (jobs, _) = service(world).imports.list(&world.admin, 0, "").await.unwrap();
    jobs.into_iter().next()
}

/// Waits until the job is as wanted, and fails after a generous while.
pub(crate) async fn until(world: &World, wanted: impl Fn(&ImportJob) -> bool) -> ImportJob {
    let reached = async {
        loop {
            match job(world).await {
                Some(job) if wanted(&job) => return job,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached)
        .await
        .unwrap()
}

/// Makes the process look as if it had died a while ago: its last heartbeat is old.
pub(crate) async fn age(world: &World, id: Uuid) {
    let mut tx = world.tx().await;
    let sql =
        "update imports set heartbeat_at = now() - interval '1 minute' where company_id = $1 and id = $2";
    sqlx::query(sql)
        .bind(world.company)
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_in_an_upload_leaves_a_failed_job_and_nothing_else() {
    let world = World::new().await;
    let rows: String = (0..20_000)
        .map(|n| format!("Person {n},p{n}@example.com\n"))
        .collect();
    let parts = upload(ImportOptions::default(), format!("last_name,email\n{rows}"));
    let endless: Parts = Box::pin(parts.chain(stream::once(pending())));
    let (db, caller) = (World::of(world.company).await.db, world.admin.clone());
    let process = tokio::task::spawn_blocking(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    });
    let process = process.await.unwrap();
    process.spawn(async move {
        let imports = Imports::on(
            db,
            TaskTracker::new(),
            CancellationToken::new(),
            Scoring::default(),
        )
        .unwrap();
        imports
            .run(&caller, endless)
            .await
            .map(|imported| imported.running)
    });
    let running = until(&world, |job| job.total_rows > 5_000).await;
    // All its tasks are gone at once, as after kill -9.
    process.shutdown_background();
    let id: Uuid = running.id.parse().unwrap();
    let other = service(&world);
    let buried = async {
        // Again, as long as a last heartbeat of the process that ends is on its way.
        loop {
            age(&world, id).await;
            alarm(&world, &other, id).await;
            match job(&world).await {
                Some(job) if job.finished_at.is_some() => return job,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let job = tokio::time::timeout(Duration::from_secs(60), buried)
        .await
        .unwrap();
    assert_eq!(job.state(), ImportState::Failed);
    assert_eq!(
        number(&world, "select count(*) from leads.leads where company_id = $1").await,
        0
    );
    let mut tx = world.tx().await;
    let staged: i64 = sqlx::query_scalar("select count(*) from import_staging where job_id = $1")
        .bind(id)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(staged, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_rows_go_in_is_replaced_and_no_row_is_lost_or_doubled() {
    let world = World::new().await;
    let rows: String = (0..17_000)
        .map(|n| format!("Person {n},p{n}@example.com\n"))
        .collect();
    let first = service(&world);
    let parts = upload(
        ImportOptions {
            wait_seconds: Some(0),
            ..Default::default()
        },
        format!("last_name,email\n{rows}"),
    );
    let imported = first.imports.run(&world.admin, parts).await.unwrap();
    let id: Uuid = imported.job.id.parse().unwrap();
    until(&world, |job| job.created > 0).await;
    first.shutdown.cancel();
    first.tasks.close();
    first.tasks.wait().await;
    let stopped = job(&world).await.unwrap();
    assert_eq!(stopped.state(), ImportState::Running);
    assert!(stopped.created < 17_000);

    let second = service(&world);
    age(&world, id).await;
    alarm(&world, &second, id).await;
    let job = until(&world, |job| job.finished_at.is_some()).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Succeeded, (17_000, 17_000, 0, 0, 0))
    );
    assert_eq!(
        number(
            &world,
            "select count(distinct email) from leads.leads where company_id = $1"
        )
        .await,
        17_000
    );
    assert_eq!(
        number(&world, "select count(*) from history where company_id = $1").await,
        17_000
    );
    second.tasks.close();
    second.tasks.wait().await;
    nothing_is_staged(&job, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_job_is_not_taken_over_and_a_cancelled_one_stops() {
    let world = World::new().await;
    let rows: String = (0..5_000)
        .map(|n| format!("Person {n},p{n}@example.com\n"))
        .collect();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let parts = upload(ImportOptions::default(), format!("last_name,email\n{rows}"));
    let rest = stream::once(async move {
        held.await.unwrap();
        Ok(Part::Data(Bytes::from_static(b"Last,last@example.com\n")))
    });
    let process = service(&world);
    let (imports, caller) = (process.imports.clone(), world.admin.clone());
    let waiting = tokio::spawn(async move { imports.run(&caller, Box::pin(parts.chain(rest))).await });
    let running = until(&world, |job| !job.mapping.is_empty()).await;
    let id: Uuid = running.id.parse().unwrap();
    alarm(&world, &service(&world), id).await;
    assert_eq!(job(&world).await.unwrap().state(), ImportState::Running);
    process.imports.cancel(&world.admin, id).await.unwrap();
    // It may have stopped already, at the piece before.
    let _ = release.send(());
    let ended = waiting.await.unwrap().unwrap().job;
    assert_eq!((ended.state(), ended.created), (ImportState::Cancelled, 0));
    assert_eq!(
        number(&world, "select count(*) from leads.leads where company_id = $1").await,
        0
    );
}
