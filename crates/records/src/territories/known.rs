//! The maps of companies, remembered: read with every record that is written, changed once in a blue moon.

use std::sync::Arc;
use std::time::Duration;

use kontor_chassis::db::Signal;
use kontor_chassis::{Db, Error};
use moka::sync::Cache;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::map::Map;
use super::table;

/// Companies whose maps are remembered, and for how long. That they changed is told by the database at once; the time is
/// for when that was missed.
const REMEMBERED: u64 = 10_000;
const FOR: Duration = Duration::from_secs(30);

/// The territories of companies, remembered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Territories(Cache<Uuid, Arc<Map>>);

impl Default for Territories {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(REMEMBERED).time_to_live(FOR);
        Self(cache.build())
    }
}

impl Territories {
    /// The territories of a company.
    ///
    /// # Errors
    /// Unavailable and Internal as the database fails.
    pub async fn of(&self, conn: &mut PgConnection, company: Uuid) -> Result<Arc<Map>, Error> {
        if let Some(map) = self.0.get(&company) {
            return Ok(map);
        }
        let map = Arc::new(table::load(conn, company).await?);
        self.0.insert(company, Arc::clone(&map));
        Ok(map)
    }

    /// Forgets those of a company, as they are others now.
    pub fn forget(&self, company: Uuid) {
        self.0.invalidate(&company);
    }

    /// Forgets maps as soon as they are others, until the service shuts down.
    pub async fn keep_fresh(self, db: Db, shutdown: CancellationToken) {
        let mut changes = table::changes(&db);
        while let Some(change) = shutdown.run_until_cancelled(changes.recv()).await {
            match change {
                Signal::Payload(company) => match Uuid::parse_str(&company) {
                    Ok(company) => self.forget(company),
                    Err(_) => self.0.invalidate_all(),
                },
                Signal::Missed => self.0.invalidate_all(),
            }
        }
    }
}
