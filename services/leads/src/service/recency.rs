//! That recency lapses by itself when leads age.
//!
//! Each company with recent leads has one timer, due when the first of them stops to be recent. It scores the leads that
//! did, and is set again for the next. Making a lead costs nothing for it but once a company and process: a lead made now
//! lapses after all that were made before.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use kontor_chassis::{Error, TenantTx};
use kontor_events::timers::{self, Due, Timer};
use prost::Message;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{ACTIVITIES, WeightsOf};
use crate::{
    scoring::{self, Weights},
    store::ageing::{self, Span},
};

/// The kind of the timer that scores leads which stopped to be recent.
pub const LAPSE: &str = "recency_lapse";
/// The kind of the timer that scores every lead of a company.
pub const RESCORE: &str = "rescore";

/// Leads that are scored in one statement.
const BATCH: i64 = 1_000;
/// Leads that lapse within this time are scored together.
const TOGETHER: Duration = Duration::seconds(1);
/// Told apart from a company's other timers, and from its conversions'.
const LAPSE_SALT: u128 = 0x6c61_7073_6500_0000_0000_0000_0000_0001;
const RESCORE_SALT: u128 = 0x7265_7363_6f72_6500_0000_0000_0000_0002;

/// What is known here of the companies' timers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recency(Arc<Mutex<HashMap<Uuid, OffsetDateTime>>>);

/// A timer that was set in a transaction; to be remembered when that is committed.
#[derive(Clone, Copy, Debug)]
pub struct Watched(Option<(Uuid, OffsetDateTime)>);

impl Recency {
    /// Sees to it that a lead made at this time is scored when it stops to be recent.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn watch(
        &self,
        conn: &mut PgConnection,
        company: Uuid,
        created_at: OffsetDateTime,
        weights: &Weights,
        now: OffsetDateTime,
    ) -> Result<Watched, Error> {
        let lapses_at = scoring::lapses_at(created_at, weights);
        let due = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&company).copied()
        };
        // One that is due was taken off, and perhaps not set again.
        let sees_to_it = due.is_some_and(|due| due > now && due <= lapses_at);
        if sees_to_it || lapses_at <= now {
            return Ok(Watched(None));
        }
        let since = created_at.unix_timestamp();
        timers::no_later_than(
            conn,
            salted(company, LAPSE_SALT),
            LAPSE,
            lapses_at,
            company,
            &since,
        )
        .await?;
        Ok(Watched(Some((company, lapses_at))))
    }

    /// Remembers a timer whose transaction is committed.
    pub fn remember(&self, watched: Watched) {
        if let Watched(Some((company, due))) = watched {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(company, due);
        }
    }
}

/// Scores every lead of a company soon, as its weights are others now.
///
/// # Errors
/// As the database fails.
pub(super) async fn rescore_soon(
    conn: &mut PgConnection,
    company: Uuid,
    now: OffsetDateTime,
) -> Result<(), Error> {
    timers::set(
        conn,
        salted(company, RESCORE_SALT),
        RESCORE,
        now,
        company,
        &PASSES,
    )
    .await?;
    Ok(())
}

/// Once at once, and once when no process can remember the old weights any more.
const PASSES: u32 = 2;
const BETWEEN_PASSES: Duration = Duration::seconds(45);

fn salted(company: Uuid, salt: u128) -> Uuid {
    Uuid::from_u128(company.as_u128() ^ salt)
}

/// Scores the leads that stopped to be recent since the last time.
#[derive(Clone)]
pub struct Lapse(pub WeightsOf);

impl Due for Lapse {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let since = i64::decode(timer.payload.as_slice()).map_err(Error::internal)?;
        let since = OffsetDateTime::from_unix_timestamp(since).map_err(Error::internal)?;
        let now = OffsetDateTime::now_utc();
        let weights = self.0.of(tx, timer.company).await?;
        let lapsed = now - weights.window();
        score_span(
            tx,
            timer.company,
            &Span {
                from: since,
                to: lapsed,
            },
            &weights,
            now,
        )
        .await?;
        watch_next(tx, timer.company, lapsed, &weights, now).await
    }
}

/// Scores every lead of a company.
#[derive(Clone)]
pub struct Rescore(pub WeightsOf);

impl Due for Rescore {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let passes = u32::decode(timer.payload.as_slice()).map_err(Error::internal)?;
        let now = OffsetDateTime::now_utc();
        let weights = self.0.fresh(tx, timer.company).await?;
        let span = Span {
            from: OffsetDateTime::UNIX_EPOCH - Duration::days(365 * 1000),
            to: now + Duration::days(36500),
        };
        score_span(tx, timer.company, &span, &weights, now).await?;
        watch_next(tx, timer.company, now - weights.window(), &weights, now).await?;
        if passes > 1 {
            let (id, due_at) = (timer.id, now + BETWEEN_PASSES);
            timers::set(tx, id, RESCORE, due_at, timer.company, &(passes - 1)).await?;
        }
        Ok(())
    }
}

/// Scores the leads made in a span, and writes what differs.
async fn score_span(
    conn: &mut PgConnection,
    company: Uuid,
    span: &Span,
    weights: &Weights,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let mut behind = (span.from - Duration::SECOND, Uuid::nil());
    loop {
        let leads = ageing::made_in(conn, company, span, behind, BATCH).await?;
        let Some(last) = leads.last() else { return Ok(()) };
        behind = (last.created_at, last.id);
        let scores: Vec<(Uuid, i32)> = leads
            .iter()
            .map(|lead| (lead, scoring::total(&lead.known(ACTIVITIES), weights, now)))
            .filter(|(lead, score)| lead.score != *score)
            .map(|(lead, score)| (lead.id, score))
            .collect();
        ageing::set_scores(conn, company, &scores).await?;
    }
}

/// Sets the timer for the first lead that is still recent, if there is one.
async fn watch_next(
    conn: &mut PgConnection,
    company: Uuid,
    lapsed: OffsetDateTime,
    weights: &Weights,
    now: OffsetDateTime,
) -> Result<(), Error> {
    if let Some(next) = ageing::first_made_behind(conn, company, lapsed).await? {
        let due_at = scoring::lapses_at(next, weights).max(now + TOGETHER);
        let since = next.unix_timestamp();
        timers::no_later_than(conn, salted(company, LAPSE_SALT), LAPSE, due_at, company, &since).await?;
    }
    Ok(())
}
