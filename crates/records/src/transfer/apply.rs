//! The second half of an import: staged rows go into the table batch by batch. What a batch makes, what it tells and how
//! far the job has come are one transaction, so that a job whose process died goes on exactly where it was.

use std::collections::HashMap;

use kontor_chassis::error::Error;
use kontor_chassis::{Caller, Db, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::records::v1::RecordChange;
use prost_types::Timestamp;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::change;
use super::changes::{self, Changed};
use super::draft::RowError;
use super::importer::Importer;
use super::job::{self, Claim, Counts, Job, State};
use super::plan::{Mode, Plan};
use super::refusals::{self, Refusal};
use super::staging::{self, Staging};
use super::upload::taken_over;
use crate::record::Record;
use crate::write::is_about_a_row;

/// Rows of a batch that makes new records.
const CREATED: i64 = 5_000;
/// Rows of a batch that changes records: each is a statement of its own.
const CHANGED: i64 = 500;
/// Records that one message tells of.
const TOLD: usize = 1_000;

/// Puts staged rows into the table.
pub(super) struct Apply<'i, I: Importer> {
    pub(super) db: &'i Db,
    pub(super) importer: &'i I,
    pub(super) caller: &'i Caller,
    pub(super) claim: Claim,
    pub(super) plan: Plan,
    pub(super) staging: &'i Staging,
}

/// What a batch did.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) created: Vec<Uuid>,
    pub(super) updated: i64,
    pub(super) changed: Vec<Changed>,
    pub(super) skipped: i64,
    pub(super) refusals: Vec<Refusal>,
}

impl Batch {
    fn counts(&self) -> Counts {
        Counts {
            total: 0,
            created: i64::try_from(self.created.len()).unwrap_or(i64::MAX),
            updated: self.updated,
            skipped: self.skipped,
            failed: i64::try_from(self.refusals.len()).unwrap_or(i64::MAX),
        }
    }
}

impl<I: Importer> Apply<'_, I> {
    /// Goes on from where the job is until it ends, or until the process is to stop: then another goes on.
    ///
    /// # Errors
    /// The database is down, or somebody else works on the job.
    pub(super) async fn run(&self, stopping: &tokio_util::sync::CancellationToken) -> Result<(), Error> {
        if self.plan.abort
            && self.plan.mode != Mode::Create
            && !self.plan.dry_run
            && self.would_refuse().await?
        {
            return Ok(());
        }
        while !stopping.is_cancelled() {
            if self.step().await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One batch; true when the job has ended.
    async fn step(&self) -> Result<bool, Error> {
        let mut tx = self.db.begin(self.caller).await?;
        let job = job::hold(&mut tx, self.claim, State::Applying)
            .await?
            .ok_or_else(taken_over)?;
        if job.cancelling {
            job::advance(
                &mut tx,
                self.claim,
                Counts::default(),
                None,
                Some((State::Cancelled, None)),
            )
            .await?;
            tx.commit().await?;
            return Ok(true);
        }
        let (batch, upto) = if self.plan.dry_run && self.plan.mode == Mode::Create {
            (self.count(&mut tx).await?, i64::MAX)
        } else {
            let upto = job.applied_to + self.size();
            (self.batch(&mut tx, &job, upto).await?, upto)
        };
        let ended = !self.more(&mut tx, upto).await?;
        let counts = batch.counts();
        let next = ended.then(|| (sum(job.counts, counts).outcome(), None));
        if self.plan.dry_run {
            // Takes back what the batch tried.
            drop(tx);
            tx = self.db.begin(self.caller).await?;
            job::hold(&mut tx, self.claim, State::Applying)
                .await?
                .ok_or_else(taken_over)?;
        } else {
            self.note(&mut tx, &batch, upto).await?;
        }
        refusals::keep(&mut tx, self.claim, &batch.refusals).await?;
        job::advance(&mut tx, self.claim, counts, Some(upto), next).await?;
        tx.commit().await?;
        Ok(ended)
    }

    fn size(&self) -> i64 {
        if self.plan.mode == Mode::Create {
            CREATED
        } else {
            CHANGED
        }
    }

    async fn batch(&self, tx: &mut TenantTx, job: &Job, upto: i64) -> Result<Batch, Error> {
        self.importer.hold_many(tx, self.caller).await?;
        if self.plan.mode == Mode::Create {
            self.create(tx, job, upto).await
        } else {
            change::batch(self, tx, job, upto).await
        }
    }

    /// Whether rows stand above this one.
    async fn more(&self, conn: &mut PgConnection, upto: i64) -> Result<bool, Error> {
        let sql = "select exists (select 1 from import_staging where job_id = $1 and seq > $2)";
        Ok(sqlx::query_scalar(sql)
            .bind(self.claim.id)
            .bind(upto)
            .fetch_one(conn)
            .await?)
    }

    /// What would be created.
    async fn count(&self, conn: &mut PgConnection) -> Result<Batch, Error> {
        let sql = "select id from import_staging where job_id = $1 and not duplicate";
        let created = sqlx::query_scalar(sql)
            .bind(self.claim.id)
            .fetch_all(conn)
            .await?;
        Ok(Batch {
            created,
            ..Batch::default()
        })
    }

    /// Makes records of the rows above the job's mark, up to `upto`. A row that the table refuses doesn't stop the
    /// others: the batch is halved until that row stands alone.
    async fn create(&self, tx: &mut TenantTx, job: &Job, upto: i64) -> Result<Batch, Error> {
        let kind = I::Record::description();
        let sql = staging::insert_statement(kind, self.staging);
        let now = OffsetDateTime::now_utc();
        let mut batch = Batch::default();
        let mut changes = Vec::new();
        let mut ranges = vec![(job.applied_to, upto)];
        while let Some((from, to)) = ranges.pop() {
            sqlx::query("savepoint batch").execute(&mut **tx).await?;
            let made = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(self.claim.company_id)
                .bind(self.claim.id)
                .bind(from)
                .bind(to)
                .bind(now)
                .bind(self.plan.user_id)
                .fetch_all(&mut **tx)
                .await;
            match made {
                Ok(rows) => {
                    sqlx::query("release savepoint batch").execute(&mut **tx).await?;
                    for row in &rows {
                        let id: Uuid = row.try_get("id")?;
                        batch.created.push(id);
                        let Json(told) = row.try_get("told")?;
                        changes.push(self.told(id, row.try_get("title")?, owner(row)?, told, now));
                    }
                }
                Err(error) if is_about_a_row(&error) => {
                    sqlx::query("rollback to savepoint batch")
                        .execute(&mut **tx)
                        .await?;
                    if to - from > 1 {
                        let middle = from + (to - from) / 2;
                        ranges.extend([(middle, to), (from, middle)]);
                    } else {
                        batch.refusals.extend(self.refusal(tx, job, to, &error).await?);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let staged: i64 = sqlx::query_scalar(
            "select count(*) from import_staging where job_id = $1 and seq > $2 and seq <= $3 and not duplicate",
        )
        .bind(self.claim.id)
        .bind(job.applied_to)
        .bind(upto)
        .fetch_one(&mut **tx)
        .await?;
        // What is neither made nor refused was there already, as a unique constraint of the table knows.
        batch.skipped = staged - batch.counts().created - batch.counts().failed;
        let events: Vec<Outgoing> = changes
            .chunks(TOLD)
            .map(|chunk| {
                let event = I::Record::changed(chunk.to_vec());
                Outgoing::new(self.claim.company_id, self.plan.user_id, &event)
                    .asked_from(self.caller.origin())
            })
            .collect();
        outbox::put(tx, &events).await?;
        Ok(batch)
    }

    fn told(
        &self,
        id: Uuid,
        name: String,
        owner_id: Option<String>,
        told: HashMap<String, String>,
        now: OffsetDateTime,
    ) -> RecordChange {
        RecordChange {
            id: id.to_string(),
            name,
            deleted: false,
            version: 1,
            action: "created".to_owned(),
            fields: Vec::new(),
            owner_id,
            by: self.plan.user_id.map(|id| id.to_string()),
            at: Some(Timestamp {
                seconds: now.unix_timestamp(),
                nanos: i32::try_from(now.nanosecond()).unwrap_or_default(),
            }),
            told,
        }
    }

    /// The row that the table refused, with what the file said as far as it was taken.
    async fn refusal(
        &self,
        conn: &mut PgConnection,
        job: &Job,
        seq: i64,
        error: &sqlx::Error,
    ) -> Result<Option<Refusal>, Error> {
        let row = sqlx::query("select * from import_staging where job_id = $1 and seq = $2")
            .bind(self.claim.id)
            .bind(seq)
            .fetch_optional(conn)
            .await?;
        let Some(row) = row else { return Ok(None) };
        tracing::warn!(import = %self.claim.id, %error, "the table refused a row that was valid");
        let kind = I::Record::description();
        let mut cells = Vec::with_capacity(job.header.len());
        for path in &self.plan.columns {
            let leaf = path.as_deref().and_then(|path| kind.position(path));
            let column = leaf.and_then(|leaf| self.staging.leaves.iter().position(|at| *at == leaf));
            let cell: Option<String> = match column {
                Some(column) => row.try_get(format!("c{}", column + 1).as_str())?,
                None => None,
            };
            cells.push(cell.unwrap_or_default());
        }
        let message = "The record breaks a rule of its kind.";
        Ok(Some(Refusal {
            line: row.try_get("line")?,
            cells,
            errors: vec![RowError::whole("refused", message)],
        }))
    }

    /// Notes what the batch made and changed, so that it can be taken back.
    async fn note(&self, conn: &mut PgConnection, batch: &Batch, upto: i64) -> Result<(), Error> {
        changes::note(conn, self.claim, &batch.created, &batch.changed).await?;
        if batch.created.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into import_batches (company_id, import_id, applied_to, record_ids)
             values ($1, $2, $3, $4)",
        )
        .bind(self.claim.company_id)
        .bind(self.claim.id)
        .bind(upto)
        .bind(&batch.created)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// With `on_error=abort`: tries every change and takes it back. True when one was refused; the job has then ended.
    async fn would_refuse(&self) -> Result<bool, Error> {
        let mut upto = 0;
        let mut refused = Vec::new();
        loop {
            let mut tx = self.db.begin(self.caller).await?;
            let mut job = job::hold(&mut tx, self.claim, State::Applying)
                .await?
                .ok_or_else(taken_over)?;
            if job.applied_to > 0 {
                return Ok(false);
            }
            job.applied_to = upto;
            upto += CHANGED;
            refused.extend(change::batch(self, &mut tx, &job, upto).await?.refusals);
            if !self.more(&mut tx, upto).await? {
                break;
            }
        }
        if refused.is_empty() {
            return Ok(false);
        }
        let mut tx = self.db.begin(self.caller).await?;
        job::hold(&mut tx, self.claim, State::Applying)
            .await?
            .ok_or_else(taken_over)?;
        refusals::keep(&mut tx, self.claim, &refused).await?;
        let counts = Counts {
            failed: i64::try_from(refused.len()).unwrap_or(i64::MAX),
            ..Counts::default()
        };
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
        Ok(true)
    }
}

fn owner(row: &sqlx::postgres::PgRow) -> Result<Option<String>, sqlx::Error> {
    let id: Option<Uuid> = row.try_get("owner_id")?;
    Ok(id.map(|id| id.to_string()))
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        total: a.total + b.total,
        created: a.created + b.created,
        updated: a.updated + b.updated,
        skipped: a.skipped + b.skipped,
        failed: a.failed + b.failed,
    }
}
