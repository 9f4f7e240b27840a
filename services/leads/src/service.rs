//! The use-cases of leads: may they, begin, load, rule, save, tell, commit.

mod bulk;
mod convert;
mod identity;
mod import;
mod merging;
mod moves;
mod numbers;
mod preview;
mod recency;
pub mod saga;
mod scores;
mod setup;
mod steps;
mod undo;
mod weights;

use kontor_chassis::{Caller, Db, Error, FieldErrors, Host};
use kontor_proto::{leads::v1, records::v1::ListQuery};
use kontor_records::{
    Record, fields, history,
    query::{self, Expansions},
    refs,
    territories::{Case, Given, Territories},
    write::{self, Change, Which},
};
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

    /// The territories that are remembered here.
    #[must_use]
    pub fn territories(&self) -> &Territories {
        &self.territories
    }

    /// A lead, with the summaries that `expand` names.
    ///
    /// # Errors
    /// NotFound; Invalid for an unknown expansion.
    pub async fn get(&self, caller: &Caller, request: &v1::GetLeadRequest) -> Result<v1::Lead, Error> {
        let mut errors = FieldErrors::new();
        let expansions = Expansions::of(&request.expand, Lead::description(), &mut errors);
        errors.into_result()?;
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.read(caller).await?;
        let lead: Lead = write::get(&mut tx, caller, id).await?;
        let mut shown = query::show(&mut tx, vec![lead], &expansions).await?;
        shown.pop().ok_or_else(|| Error::not_found("lead"))
    }

    /// A page of leads.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<query::Page<v1::Lead>, Error> {
        query::page::<Lead>(&self.db, caller, query).await
    }

    /// What was changed in a lead, newest first.
    ///
    /// # Errors
    /// NotFound; Invalid for a page that can't be meant.
    pub async fn history(
        &self,
        caller: &Caller,
        request: &v1::ListLeadHistoryRequest,
    ) -> Result<history::Page, Error> {
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.read(caller).await?;
        history::list::<Lead>(&mut tx, caller, id, request.page_size, &request.page_token).await
    }

    /// Makes a lead, scored.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused a reference to what isn't there.
    pub async fn create(
        &self,
        caller: &Caller,
        message: v1::Lead,
        now: OffsetDateTime,
    ) -> Result<Lead, Error> {
        let mut tx = self.db.begin(caller).await?;
        let fields = fields::of::<Lead>(&mut tx, caller.company_id()).await?;
        let mut errors = FieldErrors::new();
        let given = Given::of(None, message.territory_id.is_some(), message.owner_id.is_some());
        let mut lead = Lead::create(message, &fields, caller, now, &mut errors);
        errors.into_result()?;
        refs::check(&mut tx, caller, None, &lead, &self.homes).await?;
        let case = Case {
            before: None,
            record: &mut lead,
            given,
        };
        self.territories
            .settle(&mut tx, caller.company_id(), &mut [case])
            .await?;
        let weights = self.weights.of(&mut tx, lead.company_id).await?;
        lead.score = scoring::total(&lead.known(ACTIVITIES), &weights, now);
        let lead = write::insert(&mut tx, &lead, Change::new(caller, now, "created")).await?;
        let watched = self
            .recency
            .watch(&mut tx, lead.company_id, lead.created_at, &weights, now)
            .await?;
        tx.commit().await?;
        self.recency.remember(watched);
        Ok(lead)
    }

    /// Changes the fields of a lead that the mask names, and scores it again.
    ///
    /// # Errors
    /// As [`Self::create`]; NotFound, Forbidden; Stale when the etag isn't the lead's; Conflict while it converts, and after
    /// that for all but its description and tags.
    pub async fn update(
        &self,
        caller: &Caller,
        request: v1::UpdateLeadRequest,
        now: OffsetDateTime,
    ) -> Result<Lead, Error> {
        let v1::UpdateLeadRequest {
            id,
            lead,
            update_mask,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Lead = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let fields = fields::of::<Lead>(&mut tx, before.company_id).await?;
        let mut errors = FieldErrors::new();
        let message = lead.unwrap_or_default();
        let (territory, owner) = (message.territory_id.is_some(), message.owner_id.is_some());
        let given = Given::of(update_mask.as_ref(), territory, owner);
        let mut after = before.patch(message, update_mask.as_ref(), &fields, &mut errors);
        errors.into_result()?;
        let paths = update_mask.map(|mask| mask.paths).unwrap_or_default();
        may_edit(&before, &after, &paths)?;
        refs::check(&mut tx, caller, Some(&before), &after, &self.homes).await?;
        let case = Case {
            before: Some(&before),
            record: &mut after,
            given,
        };
        self.territories
            .settle(&mut tx, caller.company_id(), &mut [case])
            .await?;
        let weights = self.weights.of(&mut tx, before.company_id).await?;
        after.score = scoring::total(&after.known(ACTIVITIES), &weights, now);
        let lead = write::update(&mut tx, &before, after, Change::new(caller, now, "updated")).await?;
        tx.commit().await?;
        Ok(lead)
    }

    /// Deletes a lead softly.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Conflict while it converts.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let lead: Lead = write::get_for_update(&mut tx, caller, id, "delete", Which::Present).await?;
        lead.match_etag(etag)?;
        may_delete(&lead)?;
        write::delete(&mut tx, &lead, Change::new(caller, now, "deleted")).await?;
        tx.commit().await
    }

    /// Brings a deleted lead back; one that isn't deleted stays as it is.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Lead, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let lead: Lead = write::get_for_update(&mut tx, caller, id, "delete", Which::Any).await?;
        lead.match_etag(etag)?;
        let mut lead = write::restore(&mut tx, &lead, Change::new(caller, now, "restored")).await?;
        // Time passed it by while it was deleted.
        let weights = self.weights.of(&mut tx, lead.company_id).await?;
        let score = scoring::total(&lead.known(ACTIVITIES), &weights, now);
        if lead.score != score {
            ageing::set_scores(&mut tx, lead.company_id, &[(lead.id, score)]).await?;
            lead.score = score;
        }
        let watched = self
            .recency
            .watch(&mut tx, lead.company_id, lead.created_at, &weights, now)
            .await?;
        tx.commit().await?;
        self.recency.remember(watched);
        Ok(lead)
    }

    /// Gives a lead to a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when the owner is no active member; Conflict from its conversion on.
    pub async fn assign_owner(
        &self,
        caller: &Caller,
        request: v1::AssignLeadOwnerRequest,
        now: OffsetDateTime,
    ) -> Result<Lead, Error> {
        let v1::AssignLeadOwnerRequest { id, owner_id, etag } = request;
        let id = write::parse_id(&id)?;
        let owner = refs::required("owner_id", &owner_id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Lead = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let after = Lead {
            owner_id: Some(owner),
            ..before.clone()
        };
        may_edit(&before, &after, &["owner_id".to_owned()])?;
        refs::check(&mut tx, caller, Some(&before), &after, &self.homes).await?;
        let lead = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok(lead)
    }

    /// Puts a lead into a territory, or lets the rules decide, and answers the rule that did.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when there is no such territory; Conflict from its conversion on.
    pub async fn assign_territory(
        &self,
        caller: &Caller,
        request: v1::AssignLeadTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<(Lead, Option<String>), Error> {
        let v1::AssignLeadTerritoryRequest {
            id,
            territory_id,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let wanted = refs::wanted("territory_id", territory_id.as_deref())?;
        let mut tx = self.db.begin(caller).await?;
        let before: Lead = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let mut after = before.clone();
        let rule = self
            .territories
            .assign(&mut tx, &before, &mut after, wanted)
            .await?;
        may_edit(&before, &after, &["territory_id".to_owned()])?;
        refs::check(&mut tx, caller, Some(&before), &after, &self.homes).await?;
        let lead = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok((lead, rule))
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
