//! Tells every watcher which sessions ended, as soon as the database says so.
//!
//! So are API keys that were deleted and grants that are over ([`store::grants`]). The fact is a row of `ended_sessions` and a notification, both of the transaction that ended the session. Every process
//! of identity listens and passes it on; whenever it may have missed something it reads the rows again. A watcher may be
//! told of a session twice, never not at all.

use std::sync::Arc;

use kontor_chassis::Db;
use kontor_chassis::db::{Signal, Subscription};
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::error::Error;
use crate::store;

/// Clocks of processes may differ by this, and a transaction may take as long to commit.
const LEEWAY: Duration = Duration::minutes(1);
/// News that a slow watcher may be behind before it is read everything again.
const BEHIND: usize = 1024;

/// A session (or an API key, or a grant) and when it ended.
pub(crate) type Ended = (Uuid, OffsetDateTime);

/// The news of one process.
#[derive(Clone)]
pub(crate) struct EndedSessions {
    db: Db,
    window: Duration,
    news: broadcast::Sender<Arc<[Ended]>>,
}

impl EndedSessions {
    /// News of the sessions whose tokens, living `token_life`, may still be about.
    pub(crate) fn new(db: Db, token_life: Duration) -> Self {
        Self {
            db,
            window: token_life + LEEWAY,
            news: broadcast::Sender::new(BEHIND),
        }
    }

    /// Passes on what the database tells, for ever.
    pub(crate) async fn run(self) {
        let mut heard: Subscription = self.db.signals().subscribe(store::sessions::ENDED_CHANNEL);
        loop {
            let news = match heard.recv().await {
                Signal::Payload(id) => id
                    .parse()
                    .map(|id| vec![(id, OffsetDateTime::now_utc())])
                    .unwrap_or_default(),
                Signal::Missed => self.all_until_read().await,
            };
            // Refused only when nobody watches.
            let _ = self.news.send(news.into());
        }
    }

    /// Reads again what was missed; a database that is gone is waited for.
    async fn all_until_read(&self) -> Vec<Ended> {
        let mut wait = std::time::Duration::from_millis(50);
        loop {
            match self.recent(OffsetDateTime::now_utc()).await {
                Ok(all) => return all,
                Err(error) => {
                    tracing::warn!(?error, "ended sessions can't be read; trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(std::time::Duration::from_secs(1));
                }
            }
        }
    }

    /// News from now on. Subscribe, then read [`Self::recent`]: so nothing falls between.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<[Ended]>> {
        self.news.subscribe()
    }

    /// Every session that ended so lately that a token of it may not have expired.
    pub(crate) async fn recent(&self, now: OffsetDateTime) -> Result<Vec<Ended>, Error> {
        let mut tx = self.db.unscoped().await?;
        Ok(store::sessions::ended_since(&mut tx, now - self.window).await?)
    }

    /// Deletes what nobody needs any more: notes out of the window, sessions whose end lies a week back, old links,
    /// attempts of yesterday.
    pub(crate) async fn prune(&self, now: OffsetDateTime) -> Result<(), Error> {
        let mut tx = self.db.unscoped().await?;
        store::sessions::prune(&mut tx, now - self.window - LEEWAY, now - Duration::weeks(1)).await?;
        store::tokens::prune_mail(&mut tx, now).await?;
        store::oidc::prune(&mut tx, now).await?;
        store::throttles::prune(&mut tx, now - Duration::days(1)).await?;
        Ok(tx.commit().await?)
    }
}
