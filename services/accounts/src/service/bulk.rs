//! Actions on many accounts.

use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_proto::records::v1::BulkParams;
use kontor_records::{
    bulk::{self, Actor, Taken},
    refs, territories,
    transfer::Candidate,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Accounts;
use crate::{
    model::{Account, AccountStatus},
    references::Homes,
};

/// What many accounts can do that not every kind of record can.
pub enum Many {
    /// Come into a territory, or where the rules say.
    Place(Option<Uuid>),
    /// Be active or not.
    Become(AccountStatus),
}

impl Actor for Accounts {
    type Step = Many;
    type Homes = Homes;

    const STEPS: &'static [&'static str] = &["assign_territory", "set_status"];

    fn homes(&self) -> &Homes {
        &self.homes
    }

    fn read(&self, word: &str, params: &BulkParams, errors: &mut FieldErrors) -> Option<Many> {
        match word {
            "assign_territory" => bulk::territory(params, errors).map(Many::Place),
            "set_status" => bulk::word("status", params.status.as_deref(), errors).map(Many::Become),
            _ => None,
        }
    }

    fn terms(step: &Many) -> (&'static str, &'static str) {
        match step {
            Many::Place(_) => ("update", "assigned"),
            Many::Become(_) => ("update", "updated"),
        }
    }

    fn refers(step: &Many) -> Option<(&'static str, &'static str, Uuid)> {
        match step {
            Many::Place(territory) => territory.map(|id| ("params.territory_id", territories::KIND, id)),
            Many::Become(_) => None,
        }
    }

    async fn take(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        _: OffsetDateTime,
        step: &Many,
        batch: &mut [Candidate<Account>],
    ) -> Result<Taken, Error> {
        match step {
            Many::Place(wanted) => {
                let territories = &self.territories;
                for Candidate { record, before, .. } in batch.iter_mut() {
                    if let Some(before) = before {
                        territories.assign(tx, before, record, *wanted).await?;
                    }
                }
                refs::judge(tx, caller, batch, &self.homes).await?;
                Ok(Taken::Settled)
            }
            Many::Become(status) => {
                for candidate in batch {
                    candidate.record.status = *status;
                }
                Ok(Taken::Changed)
            }
        }
    }
}
