//! The use-cases of deals: may they, begin, load, rule, save, tell, commit.

mod board;
pub mod companies;
pub mod convert;
mod forecast;
pub mod pipelines;
mod places;
mod quotas;
mod setup;
mod stages;
mod stats;
mod steps;
mod win_loss;

use std::collections::HashMap;

use kontor_chassis::{Caller, Db, Error, FieldErrors, TenantTx};
use kontor_proto::{
    deals::v1,
    records::v1::{BulkAction, BulkResult, ListQuery},
};
use kontor_records::{
    Record, bulk, fields, history,
    query::{self, Expansions, Page},
    refs,
    write::{self, Change, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    error,
    imports::Importing,
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

    /// Who knows what deals refer to.
    pub(crate) const fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Does an action to many deals: see [`bulk::run`].
    ///
    /// # Errors
    /// As [`bulk::run`].
    pub async fn bulk(
        &self,
        caller: &Caller,
        action: BulkAction,
        now: OffsetDateTime,
    ) -> Result<BulkResult, Error> {
        bulk::run(&self.db, &Importing::new(self.clone()), caller, action, now).await
    }

    /// A page of deals.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<Page<v1::Deal>, Error> {
        query::page::<Deal>(&self.db, caller, query).await
    }

    /// A deal, with the summaries that are wanted.
    ///
    /// # Errors
    /// NotFound; Invalid for an unknown summary.
    pub async fn get(&self, caller: &Caller, id: &str, expand: &str) -> Result<v1::Deal, Error> {
        let id = write::parse_id(id)?;
        let mut errors = FieldErrors::new();
        let expansions = Expansions::of(expand, Deal::description(), &mut errors);
        errors.into_result()?;
        let mut tx = self.db.read(caller).await?;
        let deal: Deal = write::get(&mut tx, caller, id).await?;
        let shown = query::show(&mut tx, vec![deal], &expansions).await?;
        shown
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found(Deal::description().one))
    }

    /// What was changed in a deal, newest first.
    ///
    /// # Errors
    /// NotFound; Invalid for a bad page.
    pub async fn history(
        &self,
        caller: &Caller,
        request: &v1::ListDealHistoryRequest,
    ) -> Result<history::Page, Error> {
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.read(caller).await?;
        history::list::<Deal>(&mut tx, caller, id, request.page_size, &request.page_token).await
    }

    /// The currency of amounts that come without one.
    ///
    /// # Errors
    /// As [`Self::company`].
    pub async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        Ok(self.company(caller).await?.currency)
    }

    /// Makes a deal.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused a reference to what isn't there.
    pub async fn create(
        &self,
        caller: &Caller,
        message: v1::Deal,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let by_hand = message.probability.is_some();
        let mut tx = self.db.begin(caller).await?;
        let fields = fields::of::<Deal>(&mut tx, caller.company_id()).await?;
        let mut errors = FieldErrors::new();
        let mut deal = Deal::create(message, &fields, caller, now, &mut errors);
        errors.into_result()?;
        let (pipeline, stage) = (given(deal.pipeline_id), given(deal.stage_id));
        refs::check(&mut tx, caller, None, &deal, &self.homes).await?;
        let (pipeline, stage) =
            pipelines::stage_for(&mut tx, deal.company_id, pipeline, stage, now).await??;
        deal.probability_by_hand = by_hand;
        deal.enter(pipeline, &stage, now);
        let change = Change::new(caller, now, "created").on_conflict(error::of_constraint);
        let deal = write::insert(&mut tx, &deal, change).await?;
        tx.commit().await?;
        Ok(deal)
    }

    /// Changes the fields of a deal that the mask names.
    ///
    /// # Errors
    /// As [`Self::create`]; NotFound, Forbidden; Stale when the etag isn't the deal's.
    pub async fn update(
        &self,
        caller: &Caller,
        request: v1::UpdateDealRequest,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let v1::UpdateDealRequest {
            id,
            deal,
            mut update_mask,
            etag,
        } = request;
        let message = deal.unwrap_or_default();
        let id = write::parse_id(&id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Deal = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let by_hand = chosen_probability(&message, update_mask.as_mut());
        let fields = fields::of::<Deal>(&mut tx, before.company_id).await?;
        let mut errors = FieldErrors::new();
        let mut after = before.patch(message, update_mask.as_ref(), &fields, &mut errors);
        errors.into_result()?;
        if after.probability != before.probability && before.status != DealStatus::Open {
            return Err(error::Error::WrongState(before.status).into());
        }
        if let Some(by_hand) = by_hand {
            after.probability_by_hand = by_hand;
        }
        refs::check(&mut tx, caller, Some(&before), &after, &self.homes).await?;
        self.settle_stage(&mut tx, &before, &mut after, by_hand, now)
            .await?;
        let deal = write::update(&mut tx, &before, after, Change::new(caller, now, "updated")).await?;
        tx.commit().await?;
        Ok(deal)
    }

    /// Deletes a deal softly.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let deal: Deal = write::get_for_update(&mut tx, caller, id, "delete", Which::Present).await?;
        deal.match_etag(etag)?;
        write::delete(&mut tx, &deal, Change::new(caller, now, "deleted")).await?;
        tx.commit().await
    }

    /// Brings a deleted deal back; one that isn't deleted stays as it is.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let deal: Deal = write::get_for_update(&mut tx, caller, id, "delete", Which::Any).await?;
        deal.match_etag(etag)?;
        if deal.deleted_at.is_some() {
            self.place_last(&mut tx, &deal).await?;
        }
        let deal = write::restore(&mut tx, &deal, Change::new(caller, now, "restored")).await?;
        tx.commit().await?;
        Ok(deal)
    }

    /// Gives a deal to a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when the owner is no active member.
    pub async fn assign_owner(
        &self,
        caller: &Caller,
        request: v1::AssignDealOwnerRequest,
        now: OffsetDateTime,
    ) -> Result<Deal, Error> {
        let v1::AssignDealOwnerRequest { id, owner_id, etag } = request;
        let id = write::parse_id(&id)?;
        let owner = refs::required("owner_id", &owner_id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Deal = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let after = Deal {
            owner_id: Some(owner),
            ..before.clone()
        };
        refs::check(&mut tx, caller, Some(&before), &after, &self.homes).await?;
        let deal = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok(deal)
    }

    /// Completes a deal that comes from a file: it comes into its stage.
    ///
    /// # Errors
    /// Refused for a pipeline or a stage that isn't there.
    pub(crate) async fn complete(
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
    pub(crate) async fn place_last(&self, tx: &mut TenantTx, deal: &Deal) -> Result<(), Error> {
        let position = store::last_position(tx).await?;
        place(tx, deal, (deal.pipeline_id, deal.stage_id), position).await
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
pub(crate) type Places = HashMap<(Option<Uuid>, Option<Uuid>), (Uuid, Stage)>;

/// An id that a request gave.
fn given(id: Uuid) -> Option<Uuid> {
    (!id.is_nil()).then_some(id)
}

/// Whether a request sets the probability by hand (true), hands it back to the stage (false, by null), or says nothing.
/// What is handed back leaves the mask, as no record is without a probability.
fn chosen_probability(message: &v1::Deal, mask: Option<&mut prost_types::FieldMask>) -> Option<bool> {
    if message.probability.is_some() {
        let named = mask.is_none_or(|mask| mask.paths.iter().any(|path| path == "probability"));
        return named.then_some(true);
    }
    let mask = mask?;
    let before = mask.paths.len();
    mask.paths.retain(|path| path != "probability");
    (mask.paths.len() < before).then_some(false)
}
