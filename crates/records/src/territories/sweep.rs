//! Records move between territories in the background, batch by batch.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Db, Error, TenantTx};
use kontor_events::timers::{self, Due, Timer};
use kontor_proto::records::v1::TerritoryChange;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::known::Territories;
use super::moves::{self, verdict};
use super::placed::{Case, Given, Placed};
use super::table;
use crate::write::{self, Change};

/// The kind of the timers of jobs.
pub const MOVES: &str = "territory_moves";

/// How long one turn of a job works before others have theirs.
const TURN: Duration = Duration::from_secs(2);

/// What a job is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The job.
    pub id: Uuid,
    /// The territory that it is about.
    pub territory_id: Uuid,
    /// The territory is gone: its records lie in none, also those that a person put there.
    pub emptying: bool,
    /// Who asked for it.
    pub actor: Option<Uuid>,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records moved.
    pub moved: i64,
    /// Every record was looked at.
    pub done: bool,
}

/// Empties the territories that are told to be gone: at once, and what is more in the background.
///
/// # Errors
/// Invalid when an id can't be read; Unavailable and Internal as the database fails.
pub async fn empty<R: Placed>(
    tx: &mut TenantTx,
    territories: &Territories,
    company: Uuid,
    changes: &[TerritoryChange],
) -> Result<(), Error> {
    for change in changes.iter().filter_map(|told| told.change.as_ref()) {
        if !change.deleted {
            continue;
        }
        let territory_id = write::parse_id(&change.id)?;
        let sweep = Sweep {
            id: territory_id,
            territory_id,
            emptying: true,
            actor: change.by.as_deref().map(write::parse_id).transpose()?,
        };
        note::<R>(tx, company, sweep).await?;
        if !batch::<R>(tx, territories, company, sweep.id).await?.done {
            soon(tx, company, sweep.id).await?;
        }
    }
    Ok(())
}

/// Begins a job; the same one again changes nothing.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn begin<R: Placed>(conn: &mut PgConnection, company: Uuid, sweep: Sweep) -> Result<(), Error> {
    note::<R>(conn, company, sweep).await?;
    soon(conn, company, sweep.id).await
}

async fn note<R: Placed>(conn: &mut PgConnection, company: Uuid, sweep: Sweep) -> Result<(), Error> {
    let Sweep {
        id,
        territory_id,
        emptying,
        actor,
    } = sweep;
    sqlx::query(
        "insert into territory_sweeps (company_id, id, kind, territory_id, emptying, actor)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (company_id, id, kind) do nothing",
    )
    .bind(company)
    .bind(id)
    .bind(R::description().many)
    .bind(territory_id)
    .bind(emptying)
    .bind(actor)
    .execute(conn)
    .await?;
    Ok(())
}

async fn soon(conn: &mut PgConnection, company: Uuid, job: Uuid) -> Result<(), Error> {
    Ok(timers::set(conn, job, MOVES, OffsetDateTime::now_utc(), company, &()).await?)
}

/// Works on jobs when their timers are due: for a while, each batch in a transaction of its own, and then lets others have
/// their turn. A process that dies leaves its timer, and another goes on.
pub struct Mover<R> {
    db: Db,
    territories: Territories,
    kind: PhantomData<fn() -> R>,
}

impl<R: Placed> Mover<R> {
    /// On this database, with the territories that are remembered here.
    #[must_use]
    pub fn new(db: Db, territories: Territories) -> Self {
        Self {
            db,
            territories,
            kind: PhantomData,
        }
    }

    async fn work(&self, company: Uuid, job: Uuid) -> Result<Progress, Error> {
        let since = Instant::now();
        loop {
            let mut tx = self.db.begin(&Caller::system(company)).await?;
            let progress = batch::<R>(&mut tx, &self.territories, company, job).await?;
            tx.commit().await?;
            if progress.done || since.elapsed() > TURN {
                return Ok(progress);
            }
        }
    }
}

impl<R> std::fmt::Debug for Mover<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mover")
    }
}

impl<R: Placed> Due for Mover<R> {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let progress = self.work(timer.company, timer.id).await?;
        R::progressed(tx, timer.company, timer.id, progress).await?;
        if progress.done {
            Ok(())
        } else {
            soon(tx, timer.company, timer.id).await
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    territory_id: Uuid,
    emptying: bool,
    actor: Option<Uuid>,
    behind: Uuid,
    moved: i64,
    done: bool,
}

/// Looks at the next records of a job, and moves those that belong elsewhere.
async fn batch<R: Placed>(
    tx: &mut TenantTx,
    territories: &Territories,
    company: Uuid,
    job: Uuid,
) -> Result<Progress, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select territory_id, emptying, actor, behind, moved, done
         from territory_sweeps
         where company_id = $1
           and id = $2
           and kind = $3
         for update",
    )
    .bind(company)
    .bind(job)
    .bind(R::description().many)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else {
        return Ok(Progress { moved: 0, done: true });
    };
    if row.done {
        let moved = row.moved;
        return Ok(Progress { moved, done: true });
    }
    let map = table::load(tx, company).await?;
    let inside = map.within(row.territory_id);
    // Nothing when the record stays; else where it goes.
    let goes = |record: &R| -> Option<Option<Uuid>> {
        if row.emptying {
            return (record.territory_id() == Some(row.territory_id)).then_some(None);
        }
        verdict(&map, &inside, record).map(|verdict| verdict.to.map(|to| to.id))
    };
    let within = row.emptying.then_some(row.territory_id);
    let records: Vec<R> = moves::next(tx, company, row.behind, within).await?;
    let ids: Vec<Uuid> = records
        .iter()
        .filter(|record| goes(record).is_some())
        .map(R::id)
        .collect();
    let mut moved = Vec::with_capacity(ids.len());
    // Read again under a lock: a person may have put one somewhere meanwhile.
    for before in hold::<R>(tx, company, &ids).await? {
        if let Some(to) = goes(&before) {
            let mut after = before.clone();
            after.put(to, false);
            moved.push((before, after));
        }
    }
    let mut cases: Vec<Case<'_, R>> = moved
        .iter_mut()
        .map(|(before, after)| Case {
            before: Some(before),
            record: after,
            given: Given::default(),
        })
        .collect();
    territories.settle(tx, company, &mut cases).await?;
    let progress = Progress {
        moved: row.moved + i64::try_from(moved.len()).unwrap_or(i64::MAX),
        done: records.len() < moves::BATCH,
    };
    let (actor, now) = (actor(company, row.actor), OffsetDateTime::now_utc());
    for (before, after) in moved {
        write::update(tx, &before, after, Change::new(&actor, now, "moved")).await?;
    }
    sqlx::query(
        "update territory_sweeps
         set behind = coalesce($4, behind),
             moved = $5,
             done = $6
         where company_id = $1
           and id = $2
           and kind = $3",
    )
    .bind(company)
    .bind(job)
    .bind(R::description().many)
    .bind(records.last().map(R::id))
    .bind(progress.moved)
    .bind(progress.done)
    .execute(&mut **tx)
    .await?;
    Ok(progress)
}

/// These records, locked in the order of their ids.
async fn hold<R: Placed>(conn: &mut PgConnection, company: Uuid, ids: &[Uuid]) -> Result<Vec<R>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let description = R::description();
    let sql = format!(
        "select {}
         from {}
         where company_id = $1
           and id = any($2)
           and deleted_at is null
         order by id
         for update",
        description.columns, description.table
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(company)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}

/// Who asked for it, as the one who changes records; nobody when the suite does it by itself.
fn actor(company: Uuid, user: Option<Uuid>) -> Caller {
    match user {
        Some(user) => Caller::person(user, company, Uuid::nil(), "", Permissions::default(), None),
        None => Caller::system(company),
    }
}
