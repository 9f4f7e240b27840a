//! The first half of an import: bytes come, rows are judged and staged. Nothing stands in the table yet, so an upload
//! that breaks off leaves nothing behind.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use kontor_chassis::error::Error;
use kontor_chassis::{Caller, Db};
use kontor_proto::records::v1::ImportOptions;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tonic::Status;

use super::draft::{Drafter, RowError};
use super::importer::{Candidate, Importer};
use super::job::{self, Claim, Counts, State};
use super::plan::{Plan, not_a_table};
use super::reader::Reader;
use super::refusals::{self, Refusal};
use super::staging::{self, Staging};
use crate::fields::Fields;

/// A piece of an import's request.
#[derive(Debug, Clone)]
pub enum Part {
    /// How to read the file; first and once.
    Options(Box<ImportOptions>),
    /// Bytes of the file.
    Data(Bytes),
}

/// The pieces of a request, as they come.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Part, Status>> + Send>>;

/// Rows that are completed together.
const BATCH: usize = 1_000;
/// Staged text that is sent together.
const PIECE: usize = 512 * 1024;
/// Cells of refused rows that are kept back at most.
const REFUSED_BYTES: usize = 1024 * 1024;
/// After how long without a byte an upload has broken off: a moment longer than a gateway before us waits, which sees
/// each byte of a slow client and not only the pieces that are made of them.
const STALLED: Duration = Duration::from_secs(8);

/// How an upload ended.
pub(super) enum Uploaded {
    /// All rows are staged; they may go into the table.
    Staged,
    /// The job has ended.
    Ended,
}

/// A row that became a record, and what is wrong with it so far.
struct Pending<R> {
    line: i64,
    cells: Vec<String>,
    errors: Vec<RowError>,
    record: R,
    owner_given: bool,
}

/// Reads an upload into the staging table.
pub(super) struct Upload<'i, I: Importer> {
    pub(super) db: &'i Db,
    pub(super) importer: &'i I,
    pub(super) caller: &'i Caller,
    pub(super) claim: Claim,
    pub(super) plan: Plan,
    pub(super) fields: Arc<Fields>,
    pub(super) options: ImportOptions,
    pub(super) staging: Arc<Staging>,
}

struct Progress<R> {
    drafter: Drafter,
    pending: Vec<Pending<R>>,
    refusals: Vec<Refusal>,
    refused_bytes: usize,
    copied: String,
    seq: i64,
    /// Not yet written down.
    counts: Counts,
    any_failed: bool,
    /// The piece that is on its way to the database.
    sending: JoinSet<Result<(), Error>>,
}

impl<I: Importer> Upload<'_, I> {
    /// Reads everything.
    ///
    /// # Errors
    /// The file is no table, or the database is down. The job is then forgotten or ends as failed by the caller.
    pub(super) async fn run(mut self, parts: &mut Parts) -> Result<Uploaded, Error> {
        let mut reader = Reader::default();
        let mut progress: Option<Progress<I::Record>> = None;
        loop {
            let next = tokio::time::timeout(STALLED, parts.next()).await;
            let data = match next {
                Err(_) => return self.broken("Nothing came for too long.").await,
                Ok(Some(Err(_))) => return self.broken("The upload broke off.").await,
                Ok(Some(Ok(Part::Options(_)))) => {
                    return Err(Error::invalid(
                        "repeated_options",
                        "The options come first and once.",
                    ));
                }
                Ok(Some(Ok(Part::Data(data)))) => Some(data),
                Ok(None) => None,
            };
            // A piece of a request may be as long as a message may be, so it is read in smaller ones.
            for piece in data.as_deref().unwrap_or_default().chunks(64 * 1024) {
                reader
                    .feed(piece)
                    .map_err(|error| not_a_table(error.to_string()))?;
                self.rows(&mut reader, &mut progress).await?;
            }
            if data.is_none() {
                reader.finish().map_err(|error| not_a_table(error.to_string()))?;
                self.rows(&mut reader, &mut progress).await?;
                break;
            }
        }
        let Some(mut progress) = progress else {
            return Err(not_a_table("The file has no rows, not even a header."));
        };
        self.complete(&mut progress).await?;
        self.send(&mut progress).await?;
        wait_for(&mut progress.sending).await?;
        self.end(progress.any_failed).await
    }

    async fn rows(
        &mut self,
        reader: &mut Reader,
        progress: &mut Option<Progress<I::Record>>,
    ) -> Result<(), Error> {
        if progress.is_none() {
            let Some(header) = reader.next_row() else {
                return Ok(());
            };
            if header.fault.is_some() {
                return Err(not_a_table(
                    "The first line can't be read as the header of a table.",
                ));
            }
            let header = header.readable();
            *progress = Some(self.begin(header).await?);
        }
        let Some(progress) = progress.as_mut() else {
            return Ok(());
        };
        let now = OffsetDateTime::now_utc();
        while let Some(row) = reader.next_row() {
            progress.counts.total += 1;
            let line = i64::try_from(row.line).unwrap_or(i64::MAX);
            let drafter = &progress.drafter;
            match drafter.read(&row) {
                Ok(judged) if drafter.matches() && judged.errors.is_empty() => {
                    progress.seq += 1;
                    self.staging.given(
                        &mut progress.copied,
                        self.claim.id,
                        progress.seq,
                        line,
                        &row.readable(),
                        &judged.given,
                    );
                }
                Ok(judged) if drafter.matches() => progress.refuse(line, row.readable(), judged.errors),
                Ok(judged) => {
                    let owner_given = drafter.gives_owner(&judged.given);
                    match drafter.create(judged, now) {
                        Ok((record, errors)) => progress.pending.push(Pending {
                            line,
                            cells: row.readable(),
                            errors,
                            record,
                            owner_given,
                        }),
                        Err(error) => progress.refuse(line, row.readable(), vec![error]),
                    }
                }
                Err(error) => progress.refuse(line, row.readable(), vec![error]),
            }
            if progress.pending.len() >= BATCH {
                self.complete(progress).await?;
            }
            if progress.copied.len() >= PIECE || progress.refused_bytes >= REFUSED_BYTES {
                self.send(progress).await?;
            }
        }
        Ok(())
    }

    /// Decides what the header means.
    async fn begin(&mut self, header: Vec<String>) -> Result<Progress<I::Record>, Error> {
        let fields = Arc::clone(&self.fields);
        let mapping = self.plan.read_header(&header, &self.options.mapping, &fields)?;
        let drafter = Drafter::of(&self.plan, &header, &fields, self.caller)?;
        let mut tx = self.db.begin(self.caller).await?;
        job::note_header(&mut tx, self.claim, &self.plan, &header, &mapping).await?;
        tx.commit().await?;
        Ok(Progress {
            drafter,
            pending: Vec::with_capacity(BATCH),
            refusals: Vec::new(),
            refused_bytes: 0,
            copied: String::with_capacity(PIECE + PIECE / 4),
            seq: 0,
            counts: Counts::default(),
            any_failed: false,
            sending: JoinSet::new(),
        })
    }

    /// Has the service complete the pending rows, and adds them to what is sent next.
    async fn complete(&self, progress: &mut Progress<I::Record>) -> Result<(), Error> {
        if progress.pending.is_empty() {
            return Ok(());
        }
        let (mut rows, mut batch) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        for Pending {
            line,
            cells,
            errors,
            record,
            owner_given,
        } in progress.pending.drain(..)
        {
            rows.push((line, cells, errors));
            batch.push(Candidate::new(record, owner_given));
        }
        // The service may remember what it found out, for example references of other services.
        let mut tx = self.db.begin(self.caller).await?;
        self.importer
            .complete(&mut tx, self.caller, OffsetDateTime::now_utc(), &mut batch)
            .await?;
        tx.commit().await?;
        for ((line, cells, mut errors), candidate) in rows.into_iter().zip(batch) {
            let Candidate {
                record, errors: told, ..
            } = candidate;
            errors.extend(progress.drafter.errors_at(told, &cells));
            if errors.is_empty() {
                progress.seq += 1;
                self.staging
                    .record(&mut progress.copied, self.claim.id, progress.seq, line, &record);
            } else {
                progress.refuse(line, cells, errors);
            }
        }
        Ok(())
    }

    /// Sends what is staged and refused so far, beside which reading goes on; waits for what was sent before.
    async fn send(&self, progress: &mut Progress<I::Record>) -> Result<(), Error> {
        wait_for(&mut progress.sending).await?;
        let copied = std::mem::replace(&mut progress.copied, String::with_capacity(PIECE + PIECE / 4));
        let refusals = std::mem::take(&mut progress.refusals);
        let counts = std::mem::take(&mut progress.counts);
        progress.refused_bytes = 0;
        let (db, caller, claim) = (self.db.clone(), self.caller.clone(), self.claim);
        // Nothing is written of a file that ends as failed anyhow.
        let useless = self.plan.abort && progress.any_failed;
        let staging = Arc::clone(&self.staging);
        progress.sending.spawn(async move {
            let mut tx = db.begin(&caller).await?;
            let job = job::hold(&mut tx, claim, State::Uploading)
                .await?
                .ok_or_else(taken_over)?;
            if job.cancelling {
                return Err(cancelled());
            }
            job::advance(&mut tx, claim, counts, None, None).await?;
            refusals::keep(&mut tx, claim, &refusals).await?;
            if !copied.is_empty() && !useless {
                staging.copy(&mut tx, copied.as_bytes()).await?;
            }
            tx.commit().await
        });
        Ok(())
    }

    /// All bytes are there: marks duplicates and hands the job over to its second half, or ends it.
    async fn end(&self, any_failed: bool) -> Result<Uploaded, Error> {
        let kind = <I::Record as crate::record::Record>::description();
        let mut tx = self.db.begin(self.caller).await?;
        let job = job::hold(&mut tx, self.claim, State::Uploading)
            .await?
            .ok_or_else(taken_over)?;
        if job.cancelling {
            return Err(cancelled());
        }
        let mut counts = Counts::default();
        if self.plan.abort && any_failed {
            let failure = "A row was refused, so nothing was written.";
            job::advance(
                &mut tx,
                self.claim,
                counts,
                None,
                Some((State::Failed, Some(failure))),
            )
            .await?;
            tx.commit().await?;
            return Ok(Uploaded::Ended);
        }
        if self.plan.skip_duplicates && self.plan.mode == super::plan::Mode::Create {
            counts.skipped =
                staging::mark_duplicates(&mut tx, kind, self.claim.company_id, self.claim.id).await?;
        }
        job::advance(&mut tx, self.claim, counts, None, Some((State::Applying, None))).await?;
        tx.commit().await?;
        Ok(Uploaded::Staged)
    }

    async fn broken(&self, why: &str) -> Result<Uploaded, Error> {
        fail(self.db, self.caller, self.claim, why).await?;
        Ok(Uploaded::Ended)
    }
}

impl<R> Progress<R> {
    fn refuse(&mut self, line: i64, cells: Vec<String>, errors: Vec<RowError>) {
        self.counts.failed += 1;
        self.any_failed = true;
        self.refused_bytes += cells.iter().map(String::len).sum::<usize>() + 200;
        self.refusals.push(Refusal { line, cells, errors });
    }
}

async fn wait_for(sending: &mut JoinSet<Result<(), Error>>) -> Result<(), Error> {
    while let Some(sent) = sending.join_next().await {
        sent.map_err(Error::internal)??;
    }
    Ok(())
}

/// Ends a running job as failed, with this sentence.
pub(super) async fn fail(db: &Db, caller: &Caller, claim: Claim, why: &str) -> Result<(), Error> {
    let mut tx = db.begin(caller).await?;
    for state in [State::Uploading, State::Applying] {
        if job::hold(&mut tx, claim, state).await?.is_some() {
            job::advance(
                &mut tx,
                claim,
                Counts::default(),
                None,
                Some((State::Failed, Some(why))),
            )
            .await?;
        }
    }
    tx.commit().await
}

/// The code of an error that says that somebody else works on the job.
pub(super) const TAKEN_OVER: &str = "import_taken_over";
/// The code of an error that says that the job was asked to stop.
pub(super) const CANCELLED: &str = "import_cancelled";

pub(super) fn taken_over() -> Error {
    Error::conflict(TAKEN_OVER, "Another process goes on with this import.")
}

pub(super) fn cancelled() -> Error {
    Error::conflict(CANCELLED, "The import was cancelled.")
}
