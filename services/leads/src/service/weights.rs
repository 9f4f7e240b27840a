//! The weights of scores: read with every change of a lead, changed once in a blue moon.

use std::time::Duration;

use kontor_chassis::{Caller, Db, Error, FieldErrors, db::Signal};
use kontor_records::setup::{self, Deed};
use moka::sync::Cache;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Leads, recency};
use crate::{scoring::Weights, store::weights as store};

/// Companies whose weights are remembered, and for how long. That they changed is told by the database at once; the time
/// is for when that was missed, and the second pass of rescoring comes behind it.
const REMEMBERED: u64 = 10_000;
const FOR: Duration = Duration::from_secs(30);

/// The weights of companies, remembered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WeightsOf(Cache<Uuid, Weights>);

impl Default for WeightsOf {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FOR)
                .build(),
        )
    }
}

impl WeightsOf {
    /// The weights of a company.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn of(&self, conn: &mut PgConnection, company: Uuid) -> Result<Weights, Error> {
        match self.0.get(&company) {
            Some(weights) => Ok(weights),
            None => self.fresh(conn, company).await,
        }
    }

    /// The weights of a company, as they are in the database.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn fresh(&self, conn: &mut PgConnection, company: Uuid) -> Result<Weights, Error> {
        let weights = store::find(conn, company).await?.unwrap_or_default();
        self.0.insert(company, weights);
        Ok(weights)
    }

    /// Forgets weights as soon as they are others, until the service shuts down.
    pub async fn keep_fresh(self, db: Db, shutdown: CancellationToken) {
        let mut changes = db.signals().subscribe("leads_scoring");
        while let Some(change) = shutdown.run_until_cancelled(changes.recv()).await {
            match change {
                Signal::Payload(company) => match Uuid::parse_str(&company) {
                    Ok(company) => self.0.invalidate(&company),
                    Err(_) => self.0.invalidate_all(),
                },
                Signal::Missed => self.0.invalidate_all(),
            }
        }
    }
}

impl Leads {
    /// The weights of the caller's company.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn scoring(&self, caller: &Caller) -> Result<Weights, Error> {
        let mut tx = self.db.read(caller).await?;
        self.weights.fresh(&mut tx, caller.company_id()).await
    }

    /// Changes them, and scores every lead of the company in the background.
    ///
    /// # Errors
    /// Invalid names every weight out of bounds.
    pub async fn set_scoring(
        &self,
        caller: &Caller,
        weights: Weights,
        now: OffsetDateTime,
    ) -> Result<Weights, Error> {
        check(&weights)?;
        let mut tx = self.db.begin(caller).await?;
        store::save(&mut tx, caller.company_id(), &weights, caller.user_id(), now).await?;
        recency::rescore_soon(&mut tx, caller.company_id(), now).await?;
        let deed = Deed {
            resource: "scoring",
            action: "updated",
            id: &caller.company_id().to_string(),
            name: "",
        };
        setup::note(&mut tx, caller, deed, now).await?;
        tx.commit().await?;
        Ok(weights)
    }
}

fn check(weights: &Weights) -> Result<(), Error> {
    let Weights {
        email,
        phone,
        company,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
        window_days,
    } = *weights;
    let mut errors = FieldErrors::new();
    for (name, points) in [
        ("email", email),
        ("phone", phone),
        ("company", company),
        ("industry", industry),
        ("revenue", revenue),
        ("budget", budget),
        ("rating_hot", rating_hot),
        ("rating_warm", rating_warm),
        ("engagement_each", engagement_each),
        ("engagement_max", engagement_max),
        ("recency", recency),
    ] {
        if !(0..=100).contains(&points) {
            errors.push(format!("factors.{name}"), "out_of_range", "Allowed is 0 to 100.");
        }
    }
    if !(1..=365).contains(&window_days) {
        errors.push("window_days", "out_of_range", "Allowed is 1 to 365.");
    }
    errors.into_result()
}
