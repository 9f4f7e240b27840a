//! What accounts add to the import of a file.

use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_records::{
    refs,
    territories::Case,
    transfer::{Candidate, Importer},
};
use time::OffsetDateTime;

use super::Accounts;
use crate::{model::Account, store};

impl Importer for Accounts {
    type Record = Account;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.homes.currency(caller).await
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Account>],
    ) -> Result<(), Error> {
        if batch.iter().any(|candidate| candidate.record.parent_id.is_some()) {
            store::hierarchy::lock(tx, caller.company_id()).await?;
        }
        refs::judge(tx, caller, batch, &self.homes).await?;
        let mut cases = Vec::with_capacity(batch.len());
        for candidate in batch {
            candidate.record.settle();
            let (before, record) = (candidate.before.as_ref(), &candidate.record);
            match self.check_parent(tx, before, record).await {
                Ok(()) if !candidate.errors.is_empty() => {}
                Ok(()) => cases.push(Case::of(candidate)),
                Err(error) if error.kind() == Kind::Refused => {
                    candidate.errors.extend(error.fields().iter().cloned());
                }
                Err(error) => return Err(error),
            }
        }
        self.territories.settle(tx, caller.company_id(), &mut cases).await
    }
}
