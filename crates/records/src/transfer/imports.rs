//! Imports of one kind of record, as a service offers them.

use std::sync::Arc;
use std::time::Duration;

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::idempotency::Interim;
use kontor_chassis::{Caller, Db, Host, TenantTx};
use kontor_events::timers::{Due, Timer, Timers};
use kontor_proto::google::api::HttpBody;
use kontor_proto::records::v1::{ImportJob, ImportOptions, ImportPreview, ListQuery};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use uuid::Uuid;

use super::importer::Importer;
use super::job::{self, Claim, Job, State};
use super::plan::Plan;
use super::preview::preview;
use super::staging::Staging;
use super::upload::{Part, Parts};
use super::work::{Order, Workshop, patience};
use super::{changes, csv, refusals, watch};
use crate::leaf::keep;
use crate::record::Record;

/// Imports of one kind of record. Cheap to clone.
#[derive(Clone)]
pub struct Imports<I: Importer> {
    workshop: Workshop<I>,
}

/// An import, and whether it is still at work.
#[derive(Debug)]
pub struct Imported {
    /// The job.
    pub job: ImportJob,
    /// The answer is `202`: it goes on.
    pub running: bool,
}

/// What every service answers to an import, as far as it is the same for all kinds.
#[derive(prost::Message)]
struct Running {
    #[prost(message, tag = "1")]
    job: Option<ImportJob>,
}

/// How long the answer to an undoing waits for its end.
const UNDO_PATIENCE: Duration = Duration::from_secs(30);

/// The metadata by which the gateway learns of another status than the usual: `202`.
pub const RUNNING_STATUS: (&str, &str) = ("x-http-status", "202");

/// A stream of a file.
pub type Download = ReceiverStream<Result<HttpBody, Status>>;

impl<I: Importer> Imports<I> {
    /// For the service of this host.
    ///
    /// # Errors
    /// When the record has more columns than can be staged, which is a mistake of its description.
    pub fn new(host: &Host, importer: I) -> Result<Self, Error> {
        let mut imports = Self::on(
            host.db.clone(),
            host.tasks.clone(),
            host.shutdown.clone(),
            importer,
        )?;
        imports.workshop.draining = host.draining.clone();
        Ok(imports)
    }

    /// On a database, with tasks that end at `shutdown`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(db: Db, tasks: TaskTracker, shutdown: CancellationToken, importer: I) -> Result<Self, Error> {
        let kind = I::Record::description();
        Ok(Self {
            workshop: Workshop {
                db,
                importer,
                staging: Arc::new(Staging::of(kind)?),
                tasks,
                draining: shutdown.clone(),
                shutdown,
                alarm: keep(format!("import:{}", kind.many)),
            },
        })
    }

    /// Lets the service's timers take up imports whose process died. Without it they stay where they are.
    #[must_use]
    pub fn watched_by(&self, timers: Timers) -> Timers {
        timers.on(self.workshop.alarm, self.clone())
    }

    /// Imports a file. The options come first; the answer comes when the import has ended, or `wait_seconds` after the last
    /// byte. It goes on when nobody waits any more.
    ///
    /// # Errors
    /// Options that can't be meant, `not_a_table`; Unavailable when the database is down.
    pub async fn run(&self, caller: &Caller, mut parts: Parts) -> Result<Imported, Error> {
        let kind = I::Record::description();
        let options = first(&mut parts).await?;
        let fields = self.workshop.fields(caller).await?;
        let mut plan = Plan::of(&options, &fields, caller)?;
        plan.currency = self.workshop.importer.currency(caller).await?;
        let claim = Claim {
            company_id: caller.company_id(),
            id: Uuid::now_v7(),
            runner: Uuid::now_v7(),
        };
        let mut tx = self.workshop.db.begin(caller).await?;
        job::begin(&mut tx, claim, kind.many, &plan, &options.file_name).await?;
        job::set_alarm(&mut tx, claim, self.workshop.alarm).await?;
        // Should this process die, the alarm lets another one go on: a repeat of the request is told of the job.
        let running = Interim::running(&Running {
            job: Some(job::as_it_begins(claim, &options, OffsetDateTime::now_utc())),
        });
        tx.commit_midway(Some(running)).await?;
        let patience = patience(&options);
        let (told, uploaded) = oneshot::channel();
        let order = Order {
            caller: caller.clone(),
            claim,
            plan,
            fields,
            options,
            parts,
        };
        let work = self
            .workshop
            .tasks
            .spawn(self.workshop.clone().import(order, told));
        uploaded.await.map_err(Error::internal)??;
        let ended = tokio::time::timeout(patience, work).await;
        if let Ok(ended) = ended {
            ended.map_err(Error::internal)?;
        }
        let job = self.get(caller, claim.id).await?;
        let running = job.finished_at.is_none();
        Ok(Imported { job, running })
    }

    /// A job.
    ///
    /// # Errors
    /// NotFound.
    pub async fn get(&self, caller: &Caller, id: Uuid) -> Result<ImportJob, Error> {
        let mut tx = self.workshop.db.read(caller).await?;
        let job = self.find(&mut tx, caller, id).await?;
        told(&mut tx, caller.company_id(), job).await
    }

    /// The jobs, newest first, and the token of the next page; empty at the end.
    ///
    /// # Errors
    /// A page size below zero, a token that isn't ours.
    pub async fn list(
        &self,
        caller: &Caller,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<ImportJob>, String), Error> {
        let mut errors = FieldErrors::new();
        if page_size < 0 {
            errors.push("page_size", "out_of_range", "A page has at least one entry.");
        }
        let before = match page_token {
            "" => None,
            token => match Uuid::try_parse(token) {
                Ok(id) => Some(id),
                Err(_) => {
                    errors.push(
                        "page_token",
                        "invalid_page_token",
                        "This is no token of this list.",
                    );
                    None
                }
            },
        };
        errors.into_result()?;
        let size = if page_size == 0 {
            50
        } else {
            i64::from(page_size).min(200)
        };
        let kind = I::Record::description().many;
        let mut tx = self.workshop.db.read(caller).await?;
        let mut jobs = job::list(&mut tx, caller.company_id(), kind, before, size + 1).await?;
        let more = i64::try_from(jobs.len()).is_ok_and(|found| found > size);
        if more {
            jobs.pop();
        }
        let next = jobs
            .last()
            .filter(|_| more)
            .map(|job| job.id.to_string())
            .unwrap_or_default();
        let mut messages = Vec::with_capacity(jobs.len());
        for job in jobs {
            messages.push(told(&mut tx, caller.company_id(), job).await?);
        }
        Ok((messages, next))
    }

    /// The refused rows as CSV.
    ///
    /// # Errors
    /// NotFound.
    pub async fn errors(&self, caller: &Caller, id: Uuid) -> Result<Download, Error> {
        let mut tx = self.workshop.db.read(caller).await?;
        let job = self.find(&mut tx, caller, id).await?;
        let (pieces, download) = mpsc::channel(2);
        let company_id = caller.company_id();
        self.workshop.tasks.spawn(async move {
            if let Err(error) = send_refusals(&mut tx, company_id, &job, &pieces).await {
                // Nobody reads it when the client has gone away.
                let _ = pieces.send(Err(error.into())).await;
            }
        });
        Ok(ReceiverStream::new(download))
    }

    /// Stops a job; what it made so far stays. One that has ended stays as it is.
    ///
    /// # Errors
    /// NotFound.
    pub async fn cancel(&self, caller: &Caller, id: Uuid) -> Result<ImportJob, Error> {
        let mut tx = self.workshop.db.begin(caller).await?;
        self.find(&mut tx, caller, id).await?;
        job::ask_to_stop(&mut tx, caller.company_id(), id).await?;
        tx.commit().await?;
        self.get(caller, id).await
    }

    /// Takes back what an ended job did: deletes what it made, gives what it changed its former values where it has not
    /// changed since, and reports what stays. One that was taken back stays as it is. It goes on when nobody waits any
    /// more.
    ///
    /// # Errors
    /// NotFound; Conflict for one that is at work, that failed or was a dry run; Forbidden unless it is the caller's own or
    /// they may delete and change all.
    pub async fn undo(&self, caller: &Caller, id: Uuid) -> Result<Imported, Error> {
        let begun = self.workshop.begin_undo(caller, id).await?;
        if let Some(claim) = begun {
            let (workshop, caller) = (self.workshop.clone(), caller.clone());
            let work = self.workshop.tasks.spawn(async move {
                let _heart = workshop.heart(&caller, claim);
                workshop.finish(&caller, claim, State::Undoing).await;
            });
            if let Ok(ended) = tokio::time::timeout(UNDO_PATIENCE, work).await {
                ended.map_err(Error::internal)?;
            }
        }
        let job = self.get(caller, id).await?;
        let running = job.finished_at.is_none();
        Ok(Imported { job, running })
    }

    /// The first rows of a file as they would be read, and what is wrong with them. Writes nothing.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn preview(&self, caller: &Caller, mut parts: Parts) -> Result<ImportPreview, Error> {
        let options = first(&mut parts).await?;
        preview(&self.workshop, caller, &options, parts).await
    }

    /// The progress of a job as server-sent events: `progress` with the job whenever it has changed, then `done`.
    ///
    /// # Errors
    /// NotFound.
    pub async fn watch(&self, caller: &Caller, id: Uuid) -> Result<Download, Error> {
        let job = self.get(caller, id).await?;
        let (events, download) = mpsc::channel(2);
        let (imports, caller) = (self.clone(), caller.clone());
        self.workshop.tasks.spawn(async move {
            let ending = imports.workshop.draining.clone();
            ending
                .run_until_cancelled_owned(watch::send(&imports, &caller, job, events))
                .await;
        });
        Ok(ReceiverStream::new(download))
    }

    /// The records of a list as CSV: see [`export`](super::export()).
    ///
    /// # Errors
    /// As [`export`](super::export()).
    pub async fn export(&self, caller: &Caller, query: &ListQuery, columns: &str) -> Result<Download, Error> {
        let Workshop { db, tasks, .. } = &self.workshop;
        super::export::<I::Record>(db, tasks, caller, query, columns).await
    }

    async fn find(&self, tx: &mut TenantTx, caller: &Caller, id: Uuid) -> Result<Job, Error> {
        let kind = I::Record::description().many;
        let job = job::find(tx, caller.company_id(), kind, id).await?;
        job.ok_or_else(|| Error::not_found("import"))
    }
}

/// A job as it is answered.
async fn told(tx: &mut TenantTx, company_id: Uuid, job: Job) -> Result<ImportJob, Error> {
    let id = job.id;
    let mut message = job.into_message();
    if message.failed > 0 {
        message.errors = refusals::first(tx, company_id, id).await?;
    }
    if let Some(undo) = message.undo.as_mut().filter(|undo| undo.kept > 0) {
        undo.failures = changes::kept(tx, company_id, id).await?;
    }
    Ok(message)
}

impl<I: Importer> Due for Imports<I> {
    /// A job has been silent, or ended and left something behind.
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        self.workshop.due(tx, timer).await
    }
}

/// The options, which come first.
async fn first(parts: &mut Parts) -> Result<ImportOptions, Error> {
    match parts.next().await {
        Some(Ok(Part::Options(options))) => Ok(*options),
        Some(Ok(Part::Data(_))) => Err(Error::invalid(
            "missing_options",
            "The options come before the file.",
        )),
        Some(Err(status)) => Err(status.into()),
        None => Err(super::plan::not_a_table("The request has no file.")),
    }
}

async fn send_refusals(
    tx: &mut TenantTx,
    company_id: Uuid,
    job: &Job,
    pieces: &mpsc::Sender<Result<HttpBody, Status>>,
) -> Result<(), Error> {
    let mut data = Vec::new();
    refusals::csv_header(&mut data, &job.header);
    let mut behind = 0;
    loop {
        let page = refusals::page(tx, company_id, job.id, behind, 500).await?;
        for refusal in &page {
            refusals::csv_row(&mut data, &job.header, refusal);
        }
        let last = page.last().map(|refusal| refusal.line);
        if pieces
            .send(Ok(csv::piece(std::mem::take(&mut data))))
            .await
            .is_err()
        {
            return Ok(());
        }
        match last {
            Some(line) => behind = line,
            None => return Ok(()),
        }
    }
}
