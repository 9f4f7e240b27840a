//! The use-cases of leads: what they need beyond those of every kind of record ([`keep`](kontor_records::keep)), and those
//! that only they have.

mod bulk;
mod convert;
mod import;
mod merging;
mod moves;
mod numbers;
mod preview;
mod recency;
pub mod saga;
mod scores;
mod steps;
mod undo;
mod weights;

use kontor_chassis::{Caller, Db, Error, Host, TenantTx};
use kontor_proto::leads::v1;
use kontor_records::{
    Record,
    keep::{Edit, Keeper, Later, Placer},
    refs,
    territories::{Given, Territories},
    write::{self, Which},
};
use prost_types::FieldMask;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

pub use convert::Wish;
pub use recency::{LAPSE, Lapse, RESCORE, Recency, Rescore};
pub(crate) use steps::reason;
pub use weights::WeightsOf;

use crate::{
    error,
    model::Lead,
    references::Homes,
    scoring::{self, Score},
    states::{self, Editable},
    store::ageing,
};

/// Activities are told by a service that is yet to come; until then no lead has any.
const ACTIVITIES: i32 = 0;

/// The use-cases. Cheap to clone.
#[derive(Clone)]
pub struct Leads {
    db: Db,
    homes: Homes,
    weights: WeightsOf,
    territories: Territories,
    recency: Recency,
    draining: CancellationToken,
}

impl Leads {
    /// In the service of this host.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self {
            db: host.db.clone(),
            homes: Homes::new(host.peers.clone()),
            weights: WeightsOf::default(),
            territories: Territories::default(),
            recency: Recency::default(),
            draining: host.draining.clone(),
        }
    }

    /// The weights that are remembered here.
    #[must_use]
    pub fn weights(&self) -> &WeightsOf {
        &self.weights
    }

    /// Scores a lead as it stands now, and tells what each factor gave.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn score(
        &self,
        caller: &Caller,
        request: &v1::ScoreLeadRequest,
        now: OffsetDateTime,
    ) -> Result<(Lead, Score), Error> {
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.begin(caller).await?;
        let mut lead: Lead = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        lead.match_etag(&request.etag)?;
        let weights = self.weights.of(&mut tx, lead.company_id).await?;
        let score = scoring::score(&lead.known(ACTIVITIES), &weights, now);
        if lead.score != score.total {
            ageing::set_scores(&mut tx, lead.company_id, &[(lead.id, score.total)]).await?;
            lead.score = score.total;
        }
        tx.commit().await?;
        Ok((lead, score))
    }
}

impl Keeper for Leads {
    type Said = Given;

    fn db(&self) -> &Db {
        &self.db
    }

    fn said(lead: &v1::Lead, mask: Option<&mut FieldMask>) -> Given {
        let (territory, owner) = (lead.territory_id.is_some(), lead.owner_id.is_some());
        Given::of(mask.as_deref(), territory, owner)
    }

    async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Lead>,
        after: &Lead,
        asked: &[String],
    ) -> Result<(), Error> {
        if let Some(before) = before {
            may_edit(before, after, asked)?;
        }
        refs::check(tx, caller, before, after, &self.homes).await
    }

    async fn settle(&self, tx: &mut TenantTx, edit: Edit<'_, Self>, lead: &mut Lead) -> Result<(), Error> {
        self.territories
            .settle_one(tx, edit.before, lead, edit.said)
            .await?;
        let weights = self.weights.of(tx, lead.company_id).await?;
        lead.score = scoring::total(&lead.known(ACTIVITIES), &weights, edit.now);
        Ok(())
    }

    /// It ages from now on, and did so while it was deleted.
    async fn appeared(
        &self,
        tx: &mut TenantTx,
        lead: &mut Lead,
        now: OffsetDateTime,
    ) -> Result<Later, Error> {
        let weights = self.weights.of(tx, lead.company_id).await?;
        let score = scoring::total(&lead.known(ACTIVITIES), &weights, now);
        if lead.score != score {
            ageing::set_scores(tx, lead.company_id, &[(lead.id, score)]).await?;
            lead.score = score;
        }
        let watched = self
            .recency
            .watch(tx, lead.company_id, lead.created_at, &weights, now)
            .await?;
        let recency = self.recency.clone();
        Ok(Some(Box::new(move || recency.remember(watched))))
    }
}

impl Placer for Leads {
    fn territories(&self) -> &Territories {
        &self.territories
    }
}

/// Whether a lead's state allows that it is deleted.
fn may_delete(lead: &Lead) -> Result<(), error::Error> {
    match states::editable(lead.status) {
        Editable::Nothing => Err(error::Error::Converting),
        Editable::All | Editable::DescriptionAndTags => Ok(()),
    }
}

/// Whether a lead's state allows this edit; `paths` are the fields that were asked for, none when all that differ are.
fn may_edit(before: &Lead, after: &Lead, paths: &[String]) -> Result<(), error::Error> {
    match states::editable(before.status) {
        Editable::All => Ok(()),
        Editable::Nothing => Err(error::Error::Converting),
        Editable::DescriptionAndTags => {
            let open = |field: &str| matches!(field, "description" | "tags");
            let asked = paths.iter().all(|path| open(path));
            let leaves = &Lead::description().leaves;
            let mut changed = leaves.iter().zip(before.values().into_iter().zip(after.values()));
            let changed = changed.all(|(leaf, (old, new))| old == new || open(leaf.name));
            if asked && changed {
                Ok(())
            } else {
                Err(error::Error::Converted)
            }
        }
    }
}
