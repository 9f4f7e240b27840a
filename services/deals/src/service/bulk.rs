//! Actions on many deals.

use std::collections::HashMap;

use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_proto::records::v1::BulkParams;
use kontor_records::{
    bulk::{self, Actor, Taken, refuse},
    transfer::Candidate,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Deals, pipelines};
use crate::{
    error,
    model::{Deal, DealStatus, Step},
    pipeline::Stage,
    references::Homes,
};

/// The step that many deals take together.
pub struct Many(Step);

impl Actor for Deals {
    type Step = Many;
    type Homes = Homes;

    const STEPS: &'static [&'static str] = &["set_status"];

    fn homes(&self) -> &Homes {
        &self.homes
    }

    fn read(&self, _: &str, params: &BulkParams, errors: &mut FieldErrors) -> Option<Many> {
        let step = match bulk::word("status", params.status.as_deref(), errors)? {
            DealStatus::Open => Step::Reopen,
            DealStatus::Won => Step::Win,
            DealStatus::Lost => {
                let reason = params.reason.as_deref().unwrap_or_default().trim();
                if !(1..=500).contains(&reason.chars().count()) {
                    let refused = error::Error::ReasonRequired;
                    errors.push("params.reason", refused.code(), refused.to_string());
                    return None;
                }
                Step::Lose(reason.to_owned())
            }
        };
        Some(Many(step))
    }

    fn terms(Many(step): &Many) -> (&'static str, &'static str) {
        ("update", step.action())
    }

    async fn take(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        Many(step): &Many,
        batch: &mut [Candidate<Deal>],
    ) -> Result<Taken, Error> {
        let mut stages: HashMap<Uuid, Stage> = HashMap::new();
        for candidate in batch {
            let deal = &mut candidate.record;
            if deal.status == reached(step) {
                continue;
            }
            let stage = if let Some(stage) = stages.get(&deal.stage_id) {
                stage
            } else {
                let place = (Some(deal.pipeline_id), Some(deal.stage_id));
                let company = caller.company_id();
                let (_, stage) = pipelines::stage_for(tx, company, place.0, place.1, now).await??;
                stages.entry(deal.stage_id).or_insert(stage)
            };
            match deal.take(step.clone(), stage, now) {
                Ok(()) if *step == Step::Reopen => self.place_last(tx, deal).await?,
                Ok(()) => {}
                Err(status) => refuse(candidate, &error::Error::WrongState(status).into()),
            }
        }
        Ok(Taken::Settled)
    }

    /// A card comes back behind all others of its stage.
    async fn restoring(
        &self,
        tx: &mut TenantTx,
        _: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Deal>],
    ) -> Result<(), Error> {
        for candidate in batch {
            self.place_last(tx, &candidate.record).await?;
        }
        Ok(())
    }
}

/// The status that a step leads to: who has it need not take it.
fn reached(step: &Step) -> DealStatus {
    match step {
        Step::Win => DealStatus::Won,
        Step::Lose(_) => DealStatus::Lost,
        Step::Reopen => DealStatus::Open,
    }
}
