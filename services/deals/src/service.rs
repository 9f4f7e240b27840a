//! The use-cases of deals: what they need beyond those of every kind of record ([`keep`](kontor_records::keep)), and those
//! that only they have.

mod board;
mod bulk;
pub mod companies;
pub mod convert;
mod forecast;
mod import;
pub mod pipelines;
mod places;
mod quotas;
mod stages;
mod stats;
mod steps;
mod win_loss;

use std::collections::HashMap;

use kontor_chassis::{Caller, Db, Error, TenantTx};
use kontor_proto::deals::v1;
use kontor_records::{
    keep::{Edit, Intent, Keeper},
    refs,
};
use prost_types::FieldMask;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    error,
    model::{Deal, DealStatus},
    pipeline::Stage,
    references::Homes,
    store,
};

/// The use-cases. Cheap to clone.
#[derive(Clone)]
pub struct Deals {
    db: Db,
    homes: Homes,
}

impl Deals {
    /// On this database; references are looked up at their homes.
    #[must_use]
    pub fn new(db: Db, homes: Homes) -> Self {
        Self { db, homes }
    }

    /// Completes a deal that comes from a file: it comes into its stage.
    ///
    /// # Errors
    /// Refused for a pipeline or a stage that isn't there.
    pub(super) async fn come_in(
        &self,
        tx: &mut TenantTx,
        before: Option<&Deal>,
        deal: &mut Deal,
        places: &mut Places,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if let Some(before) = before {
            if deal.probability != before.probability {
                deal.probability_by_hand = true;
            }
            return self.settle_stage(tx, before, deal, None, now).await;
        }
        let asked = (given(deal.pipeline_id), given(deal.stage_id));
        let (pipeline, stage) = if let Some(place) = places.get(&asked) {
            place.clone()
        } else {
            let place = pipelines::stage_for(tx, deal.company_id, asked.0, asked.1, now).await??;
            places.insert(asked, place.clone());
            place
        };
        deal.probability_by_hand = deal.probability != 0;
        deal.enter(pipeline, &stage, now);
        Ok(())
    }

    /// Follows a change of pipeline or stage: a pipeline alone means its first stage, a stage alone its own pipeline; the
    /// card goes behind all others there.
    async fn settle_stage(
        &self,
        tx: &mut TenantTx,
        before: &Deal,
        after: &mut Deal,
        by_hand: Option<bool>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let pipeline = (after.pipeline_id != before.pipeline_id).then_some(after.pipeline_id);
        let stage = (after.stage_id != before.stage_id).then_some(after.stage_id);
        if pipeline.is_none() && stage.is_none() && by_hand != Some(false) {
            return Ok(());
        }
        let moved = pipeline.is_some() || stage.is_some();
        let stage = if moved { stage } else { Some(after.stage_id) };
        let (pipeline, stage) = pipelines::stage_for(tx, before.company_id, pipeline, stage, now).await??;
        if moved {
            // Known by the new stage's id when it is placed, whatever position it had in the old one.
            let position = store::last_position(tx).await?;
            place(tx, before, (pipeline, stage.id), position).await?;
        }
        after.stage_id = before.stage_id;
        after.enter(pipeline, &stage, now);
        Ok(())
    }

    /// Puts a card behind all others of its stage.
    pub(super) async fn place_last(&self, tx: &mut TenantTx, deal: &Deal) -> Result<(), Error> {
        let position = store::last_position(tx).await?;
        place(tx, deal, (deal.pipeline_id, deal.stage_id), position).await
    }
}

impl Keeper for Deals {
    /// Whether the probability is set by hand (true), or handed back to the stage (false).
    type Said = Option<bool>;

    fn db(&self) -> &Db {
        &self.db
    }

    fn said(deal: &v1::Deal, mask: Option<&mut FieldMask>) -> Option<bool> {
        chosen_probability(deal, mask)
    }

    /// A deal that changes its stage and somebody who removes that stage would wait for one another.
    async fn hold(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        intent: Intent<'_, v1::Deal>,
    ) -> Result<(), Error> {
        match intent {
            Intent::Update(deal) if deal.stage_id.is_some() || deal.pipeline_id.is_some() => {
                Ok(store::pipelines::share(tx, caller.company_id()).await?)
            }
            Intent::Create(_) | Intent::Update(_) | Intent::Restore | Intent::Merge => Ok(()),
        }
    }

    async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Deal>,
        after: &Deal,
        _: &[String],
    ) -> Result<(), Error> {
        if let Some(before) = before
            && after.probability != before.probability
            && before.status != DealStatus::Open
        {
            return Err(error::Error::WrongState(before.status).into());
        }
        refs::check(tx, caller, before, after, &self.homes).await
    }

    /// A new deal comes into its stage; one that is there follows a change of it.
    async fn settle(&self, tx: &mut TenantTx, edit: Edit<'_, Self>, deal: &mut Deal) -> Result<(), Error> {
        let (by_hand, now) = (edit.said, edit.now);
        let Some(before) = edit.before else {
            let (pipeline, stage) = (given(deal.pipeline_id), given(deal.stage_id));
            let (pipeline, stage) = pipelines::stage_for(tx, deal.company_id, pipeline, stage, now).await??;
            deal.probability_by_hand = by_hand == Some(true);
            deal.enter(pipeline, &stage, now);
            return Ok(());
        };
        if let Some(by_hand) = by_hand {
            deal.probability_by_hand = by_hand;
        }
        self.settle_stage(tx, before, deal, by_hand, now).await
    }

    fn meaning(constraint: &str) -> Option<Error> {
        error::of_constraint(constraint)
    }

    /// A card comes back behind all others of its stage.
    async fn returning(
        &self,
        tx: &mut TenantTx,
        _: &Caller,
        deal: Deal,
        _: OffsetDateTime,
    ) -> Result<Deal, Error> {
        if deal.deleted_at.is_some() {
            self.place_last(tx, &deal).await?;
        }
        Ok(deal)
    }
}

/// Puts a card at a position of a stage, which may have been removed by now.
async fn place(
    tx: &mut TenantTx,
    deal: &Deal,
    (pipeline, stage): (Uuid, Uuid),
    position: i64,
) -> Result<(), Error> {
    store::place(tx, deal.company_id, deal.id, (pipeline, stage), position)
        .await
        .map_err(|error| {
            let constraint = error.as_database_error().and_then(|error| error.constraint());
            match constraint.and_then(error::of_constraint) {
                Some(meaning) => meaning.with_source(error),
                None => error.into(),
            }
        })
}

/// What pipelines and stages that rows of a file name, or don't, turned out to be.
type Places = HashMap<(Option<Uuid>, Option<Uuid>), (Uuid, Stage)>;

/// An id that a request gave.
fn given(id: Uuid) -> Option<Uuid> {
    (!id.is_nil()).then_some(id)
}

/// Whether a request sets the probability by hand (true), hands it back to the stage (false, by null), or says nothing.
/// What is handed back leaves the mask, as no record is without a probability.
fn chosen_probability(message: &v1::Deal, mask: Option<&mut FieldMask>) -> Option<bool> {
    if message.probability.is_some() {
        let named = mask.is_none_or(|mask| mask.paths.iter().any(|path| path == "probability"));
        return named.then_some(true);
    }
    let mask = mask?;
    let before = mask.paths.len();
    mask.paths.retain(|path| path != "probability");
    (mask.paths.len() < before).then_some(false)
}
