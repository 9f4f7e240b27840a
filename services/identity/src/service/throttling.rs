//! Letting in who has not tried too often.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Identity;
use crate::error::Error;
use crate::model::throttle::{Attempt, Count, Key};
use crate::store;

impl Identity {
    /// Counts an attempt before it is made; refuses it when there were too many. What it counts is committed, whatever
    /// becomes of the attempt.
    pub(super) async fn attempt(&self, attempt: &Attempt, now: OffsetDateTime) -> Result<(), Error> {
        if !self.throttles {
            return Ok(());
        }
        let keys: Vec<Key> = attempt.counted.iter().map(|(key, _)| *key).collect();
        let mut tx = self.db.unscoped().await?;
        let mut known = store::throttles::lock(&mut tx, &keys).await?;
        if known.len() < keys.len() {
            // Of many that come at once, each waits here for the one before.
            store::throttles::begin(&mut tx, &keys, now).await?;
            known = store::throttles::lock(&mut tx, &keys).await?;
        }
        let counts = attempt.counted.iter().map(|(key, free)| {
            let before = known.iter().find(|(known, _)| known == key);
            let count = Count::one_more(before.map(|(_, count)| *count), *free, now);
            count.map(|count| (*key, count))
        });
        let counts: Result<Vec<_>, _> = counts.collect();
        let counts = counts.map_err(|until| Error::TooMany(until - now))?;
        store::throttles::save(&mut tx, &counts).await?;
        Ok(tx.commit().await?)
    }

    /// Takes an attempt back that succeeded, and forgets the others on its account.
    pub(super) async fn succeeded(&self, attempt: &Attempt) -> Result<(), Error> {
        if !self.throttles {
            return Ok(());
        }
        let mut tx = self.db.unscoped().await?;
        forgive(&mut tx, attempt).await?;
        Ok(tx.commit().await?)
    }
}

/// As [`Identity::succeeded`], in a transaction of the caller's.
pub(super) async fn forgive(conn: &mut PgConnection, attempt: &Attempt) -> Result<(), Error> {
    let keys: Vec<Key> = attempt.counted.iter().map(|(key, _)| *key).collect();
    Ok(store::throttles::forgive(conn, &keys, attempt.account).await?)
}
