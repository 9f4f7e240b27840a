//! Files become records.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_proto::records::v1::{
    ImportJob, ImportMode, ImportOnError, ImportOptions, ImportState, ListQuery,
};
use kontor_records::transfer::{Candidate, Importer, Imports, Part, Parts};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::lead::{Lead, LeadRating};
use crate::world::{World, named};

/// Scores by the budget, refuses people called Nobody, and keeps hot ones from being deleted.
#[derive(Clone, Default)]
pub(crate) struct Scoring {
    pub(crate) batches: Arc<AtomicUsize>,
}

impl Importer for Scoring {
    type Record = Lead;

    async fn currency(&self, _: &Caller) -> Result<String, Error> {
        Ok("EUR".to_owned())
    }

    fn complete(
        &self,
        _: &mut TenantTx,
        _: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Lead>],
    ) -> impl Future<Output = Result<(), Error>> + Send {
        self.batches.fetch_add(1, Ordering::Relaxed);
        for Candidate { record, errors, .. } in batch {
            record.score = if record.budget.is_some() { 15 } else { 0 };
            if record.last_name == "Nobody" {
                errors.push("last_name", "nobody", "Nobody is nobody.");
            }
        }
        std::future::ready(Ok(()))
    }

    fn may_delete(&self, lead: &Lead) -> Result<(), Error> {
        if lead.rating == Some(LeadRating::Hot) {
            return Err(Error::conflict("too_hot", "It is too hot to be deleted."));
        }
        Ok(())
    }
}

/// A process of the service.
pub(crate) struct Service {
    pub(crate) imports: Imports<Scoring>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

pub(crate) fn service(world: &World) -> Service {
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let imports = Imports::on(
        world.db.clone(),
        tasks.clone(),
        shutdown.clone(),
        Scoring::default(),
    )
    .unwrap();
    Service {
        imports,
        shutdown,
        tasks,
    }
}

pub(crate) fn upload(options: ImportOptions, file: impl Into<Bytes>) -> Parts {
    let file: Bytes = file.into();
    let first = Part::Options(Box::new(ImportOptions {
        wait_seconds: options.wait_seconds.or(Some(60)),
        ..options
    }));
    let pieces: Vec<Part> = file
        .chunks(10_000)
        .map(|piece| Part::Data(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(stream::iter(std::iter::once(first).chain(pieces).map(Ok)))
}

pub(crate) async fn import(world: &World, options: ImportOptions, file: impl Into<Bytes>) -> ImportJob {
    let imported = service(world)
        .imports
        .run(&world.admin, upload(options, file))
        .await
        .unwrap();
    assert!(!imported.running);
    imported.job
}

pub(crate) fn counts(job: &ImportJob) -> (i64, i64, i64, i64, i64) {
    (job.total_rows, job.created, job.updated, job.skipped, job.failed)
}

pub(crate) fn errors(job: &ImportJob) -> Vec<(i64, &str, &str, &str)> {
    fn told(error: &kontor_proto::records::v1::ImportError) -> (i64, &str, &str, &str) {
        (
            error.row,
            error.column.as_deref().unwrap_or("-"),
            error.value.as_deref().unwrap_or("-"),
            &error.code,
        )
    }
    job.errors.iter().map(told).collect()
}

pub(crate) async fn number(world: &World, sql: &'static str) -> i64 {
    let mut tx = world.tx().await;
    sqlx::query_scalar(sql)
        .bind(world.company)
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

pub(crate) async fn nothing_is_staged(job: &ImportJob, world: &World) {
    let id: Uuid = job.id.parse().unwrap();
    let mut tx = world.tx().await;
    let sql = "select (select count(*) from import_staging where job_id = $1) + (select count(*) from timers where id = $1)";
    let left: i64 = sqlx::query_scalar(sql)
        .bind(id)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_rows_become_records_and_bad_ones_are_told_with_line_and_column() {
    let world = World::new().await;
    let file = "First Name;LAST_NAME;E-mail Address;Budget;budget_currency;Source;Tags;City;Shoe size;created_at\r\n\
        Zoë;\"O'Brien\r\nSmith\";zoe@example.com;1,234.5;;Cold Call;vip;new;Köln;40;2020-02-29\r\n";
    // Ten columns and a tag list with a semicolon, so quoted.
    let file = file.replace("vip;new", "\"vip;new\"")
        + "Al;Nobody;al@example.com;;;;;;41;\r\n\
           \r\n\
           Bo;;not-an-address;-5;;;;;42;yesterday\r\n\
           Cy;Short\r\n\
           '=Di;'+49;di@example.com;7;usd;Podcast;;;43;\r\n";
    let world_file = file.as_bytes().to_vec();
    let job = import(&world, ImportOptions::default(), world_file).await;
    assert_eq!(job.state(), ImportState::PartiallySucceeded);
    assert_eq!(counts(&job), (5, 2, 0, 0, 3));
    assert_eq!(
        errors(&job),
        [
            (4, "LAST_NAME", "Nobody", "nobody"),
            (6, "E-mail Address", "not-an-address", "invalid_email"),
            (6, "Budget", "-5", "out_of_range"),
            (6, "created_at", "yesterday", "invalid_time"),
            (6, "LAST_NAME", "", "required"),
            (7, "-", "-", "ragged_row"),
        ]
    );
    assert_eq!(job.unmapped_columns, ["Shoe size"]);
    assert_eq!(job.mapping["E-mail Address"], "email");
    assert_eq!(job.mapping["City"], "address.city");
    nothing_is_staged(&job, &world).await;

    let page = world
        .list(ListQuery {
            order_by: "created_at".into(),
            ..ListQuery::default()
        })
        .await
        .unwrap();
    let [zoe, di] = page.records.as_slice() else {
        panic!("two records")
    };
    assert_eq!(zoe.created_at.as_ref().unwrap().seconds, 1_582_934_400);
    assert_eq!(
        zoe.last_name, "O'Brien Smith",
        "a line end in a name of another system is a blank"
    );
    assert_eq!(zoe.score, 15);
    assert_eq!(zoe.tags, ["vip", "new"]);
    let budget = zoe.budget.as_ref().unwrap();
    assert_eq!(
        (budget.amount.as_str(), budget.currency.as_str()),
        ("1234.5", "EUR")
    );
    assert_eq!(zoe.address.as_ref().unwrap().city.as_deref(), Some("Köln"));
    assert_eq!(
        (di.first_name.as_deref(), di.last_name.as_str()),
        (Some("=Di"), "+49")
    );
    assert_eq!(di.budget.as_ref().unwrap().currency, "USD");
    assert_eq!(di.source(), kontor_proto::leads::v1::LeadSource::Other);
    assert_eq!(di.owner_id, world.admin.user_id().map(|id| id.to_string()));
    let found = world
        .list(ListQuery {
            search: "obrien".into(),
            ..ListQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(found.records.len(), 1);

    assert_eq!(
        number(
            &world,
            "select count(*) from history where company_id = $1 and action = 'created'"
        )
        .await,
        2
    );
    let mut tx = world.tx().await;
    let payload: Vec<u8> = sqlx::query_scalar(
        "select payload from outbox where headers ->> 'company' = $1 and type = 'kontor.leads.v1.LeadsChanged'",
    )
    .bind(world.company.to_string())
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    let told: kontor_proto::leads::v1::LeadsChanged = prost::Message::decode(payload.as_slice()).unwrap();
    let mut names: Vec<&str> = told.changes.iter().map(|change| change.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["=Di +49", "Zoë O'Brien Smith"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_come_back_as_a_file_that_can_be_mended_and_sent_again() {
    let world = World::new().await;
    let job = import(
        &world,
        ImportOptions::default(),
        "Last Name,Email,Extra\nA,a@x.de,1\nB,\"b, x\",2\n\"\",c@x.de,3\n",
    )
    .await;
    let id = job.id.parse().unwrap();
    let download = service(&world).imports.errors(&world.admin, id).await.unwrap();
    let pieces: Vec<_> = download.map(|piece| piece.unwrap().data).collect().await;
    let text = String::from_utf8(pieces.concat()).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "Last Name,Email,Extra,_row,_error");
    assert!(lines[1].starts_with("B,\"b, x\",2,3,Email: "), "{}", lines[1]);
    assert!(lines[2].starts_with(",c@x.de,3,4,Last Name: "), "{}", lines[2]);

    let mended = text.replace("\"b, x\"", "b@x.de").replace(",c@x.de", "C,c@x.de");
    let job = import(&world, ImportOptions::default(), mended).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Succeeded, (2, 2, 0, 0, 0))
    );
    assert_eq!(job.unmapped_columns, ["Extra"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_equals_a_record_or_an_earlier_row_is_skipped() {
    let world = World::new().await;
    let mut lead = named("Meyer");
    lead.first_name = Some("Ida".into());
    lead.email = Some("ida@example.com".into());
    world.make(lead).await;
    let file = "first_name,last_name,email\n\
        Other,Name,IDA@example.com\n\
        ida,MEYER,\n\
        Jo,Doe,jo@example.com\n\
        Jon,Doe,Jo@Example.com\n\
        Max,Roe,\n\
        max,roe,\n\
        jo,doe,\n\
        Ida,Meyer,other@example.com\n";
    let job = import(&world, ImportOptions::default(), file).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Succeeded, (8, 3, 0, 5, 0))
    );

    let again = import(
        &world,
        ImportOptions {
            skip_duplicates: Some(false),
            ..Default::default()
        },
        "last_name\nRoe\nRoe\n",
    )
    .await;
    assert_eq!(counts(&again), (2, 2, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_writes_nothing_when_a_row_is_bad() {
    let world = World::new().await;
    let rows: String = (0..3_000)
        .map(|n| format!("Person {n},p{n}@example.com\n"))
        .collect();
    let file = format!("last_name,email\n{rows},missing@example.com\n");
    let abort = ImportOptions {
        on_error: ImportOnError::Abort.into(),
        ..Default::default()
    };
    let job = import(&world, abort.clone(), file).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Failed, (3_001, 0, 0, 0, 1))
    );
    assert!(job.failure.is_some());
    assert_eq!(
        number(&world, "select count(*) from leads.leads where company_id = $1").await,
        0
    );
    nothing_is_staged(&job, &world).await;
    let job = import(&world, abort, "last_name\nA\nB\n").await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Succeeded, (2, 2, 0, 0, 0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_writes_nothing() {
    let world = World::new().await;
    let dry = |mode: ImportMode| ImportOptions {
        dry_run: true,
        mode: mode.into(),
        ..Default::default()
    };
    let file = "last_name,email\nA,a@x.de\nB,a@x.de\n,c@x.de\n";
    let job = import(&world, dry(ImportMode::Create), file).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::PartiallySucceeded, (3, 1, 0, 1, 1))
    );
    let job = import(&world, dry(ImportMode::Upsert), file).await;
    assert_eq!(counts(&job), (3, 1, 1, 0, 1));
    assert!(job.dry_run);
    assert_eq!(
        number(&world, "select count(*) from leads.leads where company_id = $1").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_is_refused_and_leaves_no_job() {
    let world = World::new().await;
    let service = service(&world);
    for file in [
        b"".as_slice(),
        b"\n\n",
        b"1,2,3\n4,5,6\n",
        b"PK\x03\x04\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"a\0b,c\n1,2\n",
        b"\"last_name\n",
    ] {
        let error = service
            .imports
            .run(&world.admin, upload(ImportOptions::default(), file))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Invalid, "not_a_table"),
            "{file:?}"
        );
    }
    let mapping = |header: &str, field: &str| ImportOptions {
        mapping: [(header.to_owned(), field.to_owned())].into(),
        ..Default::default()
    };
    for (options, file, code) in [
        (mapping("x", "shoe_size"), "x\n1\n", "unknown_mapping"),
        (mapping("y", "last_name"), "x\n1\n", "unknown_column"),
        (
            ImportOptions::default(),
            "last_name,email,email\nA,b@x.de,c@x.de\n",
            "repeated_header",
        ),
        (
            ImportOptions {
                match_on: "shoe".into(),
                ..Default::default()
            },
            "last_name\n",
            "unknown_value",
        ),
        (
            ImportOptions {
                defaults: [("source".into(), "moon".into())].into(),
                ..Default::default()
            },
            "last_name\n",
            "unknown_value",
        ),
    ] {
        let error = service
            .imports
            .run(&world.admin, upload(options, file))
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, code));
        assert!(!error.fields().is_empty());
    }
    assert_eq!(
        number(&world, "select count(*) from imports where company_id = $1").await,
        0
    );
    let (jobs, next) = service.imports.list(&world.admin, 0, "").await.unwrap();
    assert!(jobs.is_empty() && next.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_told_everything_that_is_wrong_with_it_at_once() {
    let world = World::new().await;
    let file = "last_name,email,owner_id\n,nobody,me\nNobody,no,\n";
    let job = import(&world, ImportOptions::default(), file).await;
    assert_eq!(
        errors(&job),
        [
            (2, "email", "nobody", "invalid_email"),
            (2, "owner_id", "me", "invalid_id"),
            (2, "last_name", "", "required"),
            (3, "email", "no", "invalid_email"),
            (3, "last_name", "Nobody", "nobody"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_are_listed_newest_first_a_page_at_a_time() {
    let world = World::new().await;
    for n in 0..3 {
        import(
            &world,
            ImportOptions {
                file_name: format!("{n}.csv"),
                ..Default::default()
            },
            format!("last_name\nP{n}\n"),
        )
        .await;
    }
    let imports = service(&world).imports;
    let names = |jobs: &[ImportJob]| {
        jobs.iter()
            .map(|job| job.file_name.clone().unwrap())
            .collect::<Vec<_>>()
    };
    let (first, next) = imports.list(&world.admin, 2, "").await.unwrap();
    assert_eq!(names(&first), ["2.csv", "1.csv"]);
    let (second, end) = imports.list(&world.admin, 2, &next).await.unwrap();
    assert_eq!((names(&second), end.as_str()), (vec!["0.csv".to_owned()], ""));
    let stranger = World::new().await;
    let error = imports
        .get(&stranger.admin, first[0].id.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}
