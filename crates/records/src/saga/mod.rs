//! Taking part in a saga that another service conducts: for each, one record is linked or made, once, and taken back when
//! the saga asks for it.
//!
//! What is asked and what is told are the messages of the services. A service says in a [`Participant`] what it reads out
//! of a request, which of its records are the same as the one wanted, and how an outcome is told; the rest stands here.

mod fill;
mod hears;
mod plan;
mod store;

use std::future::Future;

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_events::{Outgoing, outbox};
use prost::{Message, Name};
use time::OffsetDateTime;
use uuid::Uuid;

pub use fill::{Fill, Written};
pub use hears::{Steps, Undo};
pub use plan::{plan, touches};
use store::{Completed, Entry};

use crate::fields::Fields;
use crate::input::{self, Mask};
use crate::merge::{self, Settle};
use crate::record::Record;
use crate::write::{self, Change, Which};

/// A request of a saga, as the service that is asked reads it.
pub trait Participant: Sync {
    /// The kind of record that is linked or made.
    type Record: Settle;
    /// The message that it is.
    type Done: Message + Name;
    /// The message that it can't be.
    type Failed: Message + Name;
    /// The message that it isn't any more.
    type Undone: Message + Name;
    /// The fields of a record that are written into one that is linked.
    const WRITES: &'static [&'static str];
    /// How well a record of the same name fits, and one whose name is merely like it a bit less; 0 when names say nothing.
    const BY_NAME: f64 = 0.0;

    /// What every request says.
    fn asked(&self) -> Asked<'_>;

    /// The record as it would be made.
    fn wanted(&self) -> <Self::Record as Record>::Message;

    /// By what another request could make the same record: those that share a key wait for each other.
    fn keys(&self, wanted: &Self::Record) -> Vec<String>;

    /// The records that are the same as the one wanted. Only a single one is linked.
    fn same(
        &self,
        tx: &mut TenantTx,
        wanted: &Self::Record,
    ) -> impl Future<Output = Result<Vec<Uuid>, Error>> + Send;

    /// Records that a person may want to link: those that are the same, and those that share something with it, best first.
    /// What has a name like its is found without it: see [`Self::BY_NAME`].
    fn candidates(
        &self,
        tx: &mut TenantTx,
        wanted: &Self::Record,
    ) -> impl Future<Output = Result<Vec<Candidate>, Error>> + Send;

    /// What a new record needs beyond its fields; within, why it can't be had.
    fn place(
        &self,
        _tx: &mut TenantTx,
        _record: &mut Self::Record,
        _now: OffsetDateTime,
    ) -> impl Future<Output = Result<Result<(), String>, Error>> + Send {
        async { Ok(Ok(())) }
    }

    /// Draws what follows from the written fields, before the record is saved. `before` is none of a new one.
    fn settle(_before: Option<&Self::Record>, _record: &mut Self::Record) {}

    /// Tells the one who conducts the saga that a record is linked or made, as it is now; `matched_existing` when it was there
    /// before.
    fn done(saga: String, record: &Self::Record, matched_existing: bool) -> Self::Done;

    /// Tells that it can't be done, and why.
    fn failed(saga: String, reason: String) -> Self::Failed;

    /// Tells that it was taken back, or is never to be done.
    fn undone(saga: String) -> Self::Undone;
}

/// What every request of a saga says.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The saga: the key by which its step is done once.
    pub saga: &'r str,
    /// Who began it; nobody when the suite did by itself.
    pub by: Option<&'r str>,
    /// Which value wins in a record that is linked.
    pub fill: Fill,
    /// Link this one.
    pub given: Option<&'r str>,
    /// The id of a new one.
    pub new: &'r str,
}

/// A record that fits.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Candidate {
    /// The record.
    pub id: Uuid,
    /// By what it fits, in a word.
    pub reason: String,
    /// How well, 0 to 1.
    pub score: f64,
}

/// Does the step of a saga, unless it was done or taken back before, and tells how it ended.
///
/// # Errors
/// Invalid for a request whose ids can't be read; Unavailable and Internal as the database fails.
pub async fn step<P: Participant>(
    tx: &mut TenantTx,
    company: Uuid,
    part: &P,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let asked = part.asked();
    let saga = write::parse_id(asked.saga)?;
    let actor = actor(company, asked.by)?;
    let wanted = draft(part, &actor, now)?;
    let keys = match &wanted {
        Ok(wanted) if asked.given.is_none() => part.keys(wanted),
        Ok(_) | Err(_) => Vec::new(),
    };
    lock(tx, company, saga, keys).await?;
    let done = match store::find(tx, company, saga).await? {
        None => {
            let done = match wanted {
                Ok(wanted) => link_or_make(tx, &actor, part, wanted, now).await?,
                Err(reason) => Err(reason),
            };
            let entry = match &done {
                Ok((step, _)) => Entry::Completed(step.clone()),
                Err(reason) => Entry::Failed(reason.clone()),
            };
            let told = told::<P>(company, saga, done);
            return Ok(store::save(tx, company, saga, &entry, told).await?);
        }
        Some(Entry::Completed(step)) => {
            let record = write::find(tx, &Caller::system(company), step.record, Which::Any).await?;
            let record = record.ok_or_else(|| Error::internal("the record of a saga's step is not there"))?;
            Ok((step, record))
        }
        Some(Entry::Failed(reason)) => Err(reason),
        // Told when it was taken back.
        Some(Entry::Undone) => return Ok(()),
    };
    let told = told::<P>(company, saga, done);
    Ok(outbox::put(tx, &[told]).await?)
}

/// What was done, with the record as it is now; within, why it can't be done.
type Done<R> = Result<(Completed, R), String>;

fn told<P: Participant>(company: Uuid, saga: Uuid, done: Done<P::Record>) -> Outgoing {
    let id = saga.to_string();
    match done {
        Ok((step, record)) => message(company, saga, &P::done(id, &record, step.matched_existing)),
        Err(reason) => message(company, saga, &P::failed(id, reason)),
    }
}

fn message<M: Message + Name>(company: Uuid, saga: Uuid, told: &M) -> Outgoing {
    Outgoing::new(company, None, told).about(saga).addressed()
}

/// Takes back what was done for a saga, remembers that nothing is to be done for it any more, and tells that. A record
/// that it made and that somebody has worked on since stays, and so does what somebody has changed in one that it linked.
///
/// # Errors
/// As [`step`].
pub async fn undo<P: Participant>(
    tx: &mut TenantTx,
    company: Uuid,
    saga: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let saga = write::parse_id(saga)?;
    lock(tx, company, saga, Vec::new()).await?;
    let entry = store::find(tx, company, saga).await?;
    match &entry {
        Some(Entry::Completed(step)) if step.matched_existing => {
            empty::<P>(tx, company, step, now).await?;
        }
        Some(Entry::Completed(step)) => remove::<P::Record>(tx, company, saga, step, now).await?,
        Some(Entry::Failed(_) | Entry::Undone) | None => {}
    }
    let told = message(company, saga, &P::undone(saga.to_string()));
    if entry == Some(Entry::Undone) {
        return Ok(outbox::put(tx, &[told]).await?);
    }
    Ok(store::save(tx, company, saga, &Entry::Undone, told).await?)
}

/// Waits until nothing else is done for this saga, nor by these keys.
async fn lock(
    tx: &mut TenantTx,
    company: Uuid,
    saga: Uuid,
    mut keys: Vec<String>,
) -> Result<(), sqlx::Error> {
    keys.push(format!("saga {saga}"));
    store::lock(tx, company, &keys).await
}

async fn link_or_make<P: Participant>(
    tx: &mut TenantTx,
    actor: &Caller,
    part: &P,
    mut wanted: P::Record,
    now: OffsetDateTime,
) -> Result<Done<P::Record>, Error> {
    let company = wanted.company_id();
    if let Some(given) = part.asked().given {
        let given = write::parse_id(given)?;
        return match load(tx, company, given, Which::Present).await? {
            Some(record) => link(tx, actor, record, part, &wanted, now).await,
            None => Ok(Err(gone::<P::Record>())),
        };
    }
    if let [only] = part.same(tx, &wanted).await?.as_slice()
        && let Some(record) = load(tx, company, *only, Which::Present).await?
    {
        return link(tx, actor, record, part, &wanted, now).await;
    }
    if let Err(reason) = part.place(tx, &mut wanted, now).await? {
        return Ok(Err(reason));
    }
    let record = write::insert(tx, &wanted, Change::new(actor, now, "created")).await?;
    let record = merge::catch_up(tx, record, now).await?;
    let step = Completed {
        record: record.id(),
        matched_existing: false,
        version: record.version(),
        written: Written::default(),
    };
    Ok(Ok((step, record)))
}

/// The record as it would be made; within, why it can't be.
fn draft<P: Participant>(
    part: &P,
    actor: &Caller,
    now: OffsetDateTime,
) -> Result<Result<P::Record, String>, Error> {
    let draft = P::Record::draft(write::parse_id(part.asked().new)?, actor, now);
    let mut errors = FieldErrors::new();
    let raw = P::Record::raw(part.wanted());
    // A saga knows nothing of a company's own fields, also of those that a person must fill in.
    let fields = Fields::new(P::Record::description(), Vec::new());
    let mut record = input::take(draft, raw, &Mask::Everything, &fields, &mut errors);
    let faults = errors.into_vec();
    if let Some(fault) = faults.first() {
        let one = P::Record::description().one;
        return Ok(Err(format!(
            "The {one} can't have this {}: {}",
            fault.field, fault.message
        )));
    }
    P::settle(None, &mut record);
    Ok(Ok(record))
}

fn gone<R: Record>() -> String {
    format!(
        "The {} that was to be linked is not there any more.",
        R::description().one
    )
}

/// Links a record that is there, and writes into it what the saga is to write.
async fn link<P: Participant>(
    tx: &mut TenantTx,
    actor: &Caller,
    before: P::Record,
    part: &P,
    wanted: &P::Record,
    now: OffsetDateTime,
) -> Result<Done<P::Record>, Error> {
    let mut after = filled(part, &before, wanted)?;
    let written = Written::between(&before, &after, P::WRITES);
    P::settle(Some(&before), &mut after);
    let record = write::update(tx, &before, after, Change::new(actor, now, "linked")).await?;
    let record = merge::catch_up(tx, record, now).await?;
    store::follow(
        tx,
        record.company_id(),
        record.id(),
        before.version(),
        record.version(),
    )
    .await?;
    let step = Completed {
        record: record.id(),
        matched_existing: true,
        version: record.version(),
        written,
    };
    Ok(Ok((step, record)))
}

fn filled<P: Participant>(part: &P, record: &P::Record, wanted: &P::Record) -> Result<P::Record, Error> {
    fill::filled(record, wanted, P::WRITES, part.asked().fill)
        .ok_or_else(|| Error::internal("a filled record has a value of the wrong kind"))
}

/// Takes out of a record what a saga wrote into it.
async fn empty<P: Participant>(
    tx: &mut TenantTx,
    company: Uuid,
    step: &Completed,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(before) = load::<P::Record>(tx, company, step.record, Which::Any).await? else {
        return Ok(());
    };
    let mut after = step
        .written
        .taken_back(&before)
        .ok_or_else(|| Error::internal("an emptied record has a value of the wrong kind"))?;
    P::settle(Some(&before), &mut after);
    let system = Caller::system(company);
    let record = write::update(tx, &before, after, Change::new(&system, now, "conversion_undone")).await?;
    Ok(store::follow(tx, company, record.id(), before.version(), record.version()).await?)
}

/// Deletes a record that a saga made: unless somebody has worked on it since, or another saga linked it, which is then
/// the one that made it.
async fn remove<R: Record>(
    tx: &mut TenantTx,
    company: Uuid,
    saga: Uuid,
    step: &Completed,
    now: OffsetDateTime,
) -> Result<(), Error> {
    // Locked first: a saga that links it at this moment is seen, or sees it deleted.
    let Some(before) = load::<R>(tx, company, step.record, Which::Present).await? else {
        return Ok(());
    };
    if let Some(heir) = store::heir(tx, company, saga, step.record).await? {
        return Ok(store::inherit(tx, company, heir).await?);
    }
    if before.version() == step.version {
        let system = Caller::system(company);
        write::delete(tx, &before, Change::new(&system, now, "conversion_undone")).await?;
    }
    Ok(())
}

async fn load<R: Record>(
    tx: &mut TenantTx,
    company: Uuid,
    id: Uuid,
    which: Which,
) -> Result<Option<R>, Error> {
    match write::get_for_update(tx, &Caller::system(company), id, "update", which).await {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.kind() == kontor_chassis::Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who began the saga, as the one who changes records; nobody when the suite did by itself.
fn actor(company: Uuid, by: Option<&str>) -> Result<Caller, Error> {
    Ok(match by {
        Some(user) => Caller::person(
            write::parse_id(user)?,
            company,
            Uuid::nil(),
            "",
            Permissions::default(),
            None,
        ),
        None => Caller::system(company),
    })
}
