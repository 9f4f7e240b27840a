//! Actions on many leads.

use futures_util::{StreamExt as _, stream};
use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_proto::{leads::v1, records::v1::BulkParams};
use kontor_records::{
    bulk::{self, Actor, Taken, refuse},
    refs, territories,
    transfer::Candidate,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{ACTIVITIES, Leads, Wish, may_edit, reason};
use crate::{
    error,
    model::{Lead, LeadRating, LeadStatus},
    references::Homes,
    scoring,
    states::{self, Step},
    store::ageing,
};

/// Conversions that are at work at a time.
const AT_A_TIME: usize = 32;
/// How many seconds to wait for the end of each; it goes on when nobody waits any more, and the answer says so.
const PATIENCE: i64 = 10;
/// So many seconds after the beginning nothing is waited for any more: the answer must come in time.
const LONGEST: i64 = 40;

/// What many leads can do that no other kind of record can.
pub enum Many {
    /// Take a step; disqualified for a reason.
    Take(Step, Option<String>),
    /// Come into a state by whatever step leads there.
    Become(LeadStatus, Option<String>),
    /// Be rated by a person.
    Rate(LeadRating),
    /// Come into a territory, or where the rules say.
    Place(Option<Uuid>),
    /// Be scored as they stand now.
    Score,
    /// Become accounts, contacts and deals.
    Convert,
}

impl Actor for Leads {
    type Step = Many;
    type Homes = Homes;

    const STEPS: &'static [&'static str] = &[
        "qualify",
        "disqualify",
        "assign_territory",
        "set_status",
        "set_rating",
        "score",
        "convert",
    ];

    fn homes(&self) -> &Homes {
        &self.homes
    }

    fn read(&self, word: &str, params: &BulkParams, errors: &mut FieldErrors) -> Option<Many> {
        match word {
            "qualify" => Some(Many::Take(Step::Qualify, None)),
            "disqualify" => Some(Many::Take(Step::Disqualify, Some(why(params, errors)?))),
            "assign_territory" => bulk::territory(params, errors).map(Many::Place),
            "set_status" => {
                let status = bulk::word("status", params.status.as_deref(), errors)?;
                let reason = match status {
                    LeadStatus::Disqualified => Some(why(params, errors)?),
                    LeadStatus::New
                    | LeadStatus::Working
                    | LeadStatus::Qualified
                    | LeadStatus::Converting
                    | LeadStatus::Converted => None,
                };
                Some(Many::Become(status, reason))
            }
            "set_rating" => bulk::word("rating", params.rating.as_deref(), errors).map(Many::Rate),
            "score" => Some(Many::Score),
            "convert" => Some(Many::Convert),
            _ => None,
        }
    }

    fn terms(step: &Many) -> (&'static str, &'static str) {
        match step {
            Many::Take(step, _) => ("update", step.action()),
            Many::Become(..) | Many::Rate(_) | Many::Score => ("update", "updated"),
            Many::Place(_) => ("update", "assigned"),
            Many::Convert => ("convert", Step::Convert.action()),
        }
    }

    fn refers(step: &Many) -> Option<(&'static str, &'static str, Uuid)> {
        match step {
            Many::Place(territory) => territory.map(|id| ("params.territory_id", territories::KIND, id)),
            Many::Take(..) | Many::Become(..) | Many::Rate(_) | Many::Score | Many::Convert => None,
        }
    }

    async fn take(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        step: &Many,
        batch: &mut [Candidate<Lead>],
    ) -> Result<Taken, Error> {
        match step {
            Many::Take(step, reason) => {
                each(batch, |lead| advance(lead, *step, reason.clone()));
                Ok(Taken::Changed)
            }
            Many::Become(status, reason) => {
                each(batch, |lead| match leading_to(lead.status, *status)? {
                    Some(step) => advance(lead, step, reason.clone()),
                    None => Ok(()),
                });
                Ok(Taken::Changed)
            }
            Many::Rate(rating) => {
                each(batch, |lead| {
                    lead.rating = Some(*rating);
                    Ok(())
                });
                Ok(Taken::Changed)
            }
            Many::Place(wanted) => {
                self.place_many(tx, caller, *wanted, batch).await?;
                Ok(Taken::Settled)
            }
            Many::Score => {
                let weights = self.weights.of(tx, caller.company_id()).await?;
                let scores: Vec<(Uuid, i32)> = batch
                    .iter()
                    .map(|candidate| &candidate.record)
                    .map(|lead| (lead, scoring::total(&lead.known(ACTIVITIES), &weights, now)))
                    .filter(|(lead, score)| lead.score != *score)
                    .map(|(lead, score)| (lead.id, score))
                    .collect();
                ageing::set_scores(tx, caller.company_id(), &scores).await?;
                Ok(Taken::Written)
            }
            Many::Convert => Err(Error::internal("leads are converted one by one")),
        }
    }

    /// A conversion asks other services, so no transaction holds many of them.
    async fn take_alone(
        &self,
        caller: &Caller,
        now: OffsetDateTime,
        step: &Many,
        ids: &[Uuid],
    ) -> Option<Vec<(Uuid, Error)>> {
        let Many::Convert = step else { return None };
        let convert = |id: Uuid| async move {
            let left = LONGEST - (OffsetDateTime::now_utc() - now).whole_seconds();
            let converted = self.convert_one(caller, id, left.clamp(0, PATIENCE), now);
            converted.await.err().map(|error| (id, error))
        };
        let refused = stream::iter(ids.iter().copied())
            .map(convert)
            .buffer_unordered(AT_A_TIME)
            .filter_map(std::future::ready);
        Some(refused.collect().await)
    }
}

impl Leads {
    /// Converts one of many as nobody had to say anything about it.
    async fn convert_one(
        &self,
        caller: &Caller,
        id: Uuid,
        patience: i64,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let wish = Wish::of(v1::ConvertLeadRequest {
            id: id.to_string(),
            wait_seconds: i32::try_from(patience).ok(),
            ..v1::ConvertLeadRequest::default()
        })?;
        let (conversion, _) = self.convert(caller, &wish, now).await?;
        if conversion.has_ended() {
            Ok(())
        } else {
            Err(error::Error::ConversionGoesOn.into())
        }
    }

    async fn place_many(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        wanted: Option<Uuid>,
        batch: &mut [Candidate<Lead>],
    ) -> Result<(), Error> {
        for candidate in batch.iter_mut() {
            let Candidate { record, before, .. } = candidate;
            let Some(before) = before else { continue };
            self.territories.assign(tx, before, record, wanted).await?;
            if let Err(refused) = may_edit(before, record, &["territory_id".to_owned()]) {
                refuse(candidate, &refused.into());
            }
        }
        refs::judge(tx, caller, batch, &self.homes).await
    }
}

/// Changes each lead, or tells it why not.
fn each(batch: &mut [Candidate<Lead>], change: impl Fn(&mut Lead) -> Result<(), error::Error>) {
    for candidate in batch {
        if let Err(refused) = change(&mut candidate.record) {
            refuse(candidate, &refused.into());
        }
    }
}

fn advance(lead: &mut Lead, step: Step, reason: Option<String>) -> Result<(), error::Error> {
    let state = lead.status;
    lead.status = states::after(state, step).ok_or(error::Error::WrongState { state, step })?;
    lead.disqualified_reason = reason;
    Ok(())
}

/// The step from one state to another; none when it is there.
fn leading_to(from: LeadStatus, to: LeadStatus) -> Result<Option<Step>, error::Error> {
    if from == to {
        return Ok(None);
    }
    let step = match (from, to) {
        (LeadStatus::Disqualified, LeadStatus::Working) => Step::Reopen,
        (_, LeadStatus::Working) => Step::Start,
        (_, LeadStatus::Qualified) => Step::Qualify,
        (_, LeadStatus::Disqualified) => Step::Disqualify,
        // No step leads there but a conversion.
        (state, LeadStatus::New | LeadStatus::Converting | LeadStatus::Converted) => {
            return Err(error::Error::Unreachable { state, wanted: to });
        }
    };
    Ok(Some(step))
}

fn why(params: &BulkParams, errors: &mut FieldErrors) -> Option<String> {
    match reason(params.reason.as_deref().unwrap_or_default()) {
        Ok(reason) => Some(reason),
        Err(error) => {
            errors.push("params.reason", error.code(), error.to_string());
            None
        }
    }
}
