//! What an import of leads needs beyond the description: references, the company's currency, scores.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_records::{
    refs,
    territories::Case,
    transfer::{Candidate, Importer},
};
use time::OffsetDateTime;

use super::{ACTIVITIES, Leads, may_delete, may_edit};
use crate::{model::Lead, scoring};

impl Importer for Leads {
    type Record = Lead;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.homes.currency(caller).await
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        batch: &mut [Candidate<Lead>],
    ) -> Result<(), Error> {
        let weights = self.weights.of(tx, caller.company_id()).await?;
        refs::judge(tx, caller, batch, &self.homes).await?;
        let mut oldest_recent: Option<OffsetDateTime> = None;
        let mut cases = Vec::with_capacity(batch.len());
        for candidate in batch {
            if let Some(before) = &candidate.before
                && let Err(refused) = may_edit(before, &candidate.record, &[])
            {
                let (code, message) = (refused.code(), refused.to_string());
                candidate.errors.push("status", code, message);
                continue;
            }
            if candidate.errors.is_empty() {
                cases.push(Case::of(candidate));
            }
        }
        self.territories
            .settle(tx, caller.company_id(), &mut cases)
            .await?;
        for Case { record, .. } in cases {
            record.score = scoring::total(&record.known(ACTIVITIES), &weights, now);
            if scoring::lapses_at(record.created_at, &weights) > now {
                oldest_recent = Some(oldest_recent.map_or(record.created_at, |at| at.min(record.created_at)));
            }
        }
        if let Some(created_at) = oldest_recent {
            // Not remembered: whether this transaction is committed is the import's to know.
            self.recency
                .watch(tx, caller.company_id(), created_at, &weights, now)
                .await?;
        }
        Ok(())
    }

    fn may_delete(&self, lead: &Lead) -> Result<(), Error> {
        Ok(may_delete(lead)?)
    }
}
