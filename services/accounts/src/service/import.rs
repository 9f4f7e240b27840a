//! What accounts add to the import of a file.

use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_records::{
    refs,
    territories::{Case, Given},
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
        for Candidate {
            record,
            before,
            owner_given,
            errors,
        } in batch
        {
            record.settle();
            match self.check_parent(tx, before.as_ref(), record).await {
                Ok(()) if !errors.is_empty() => {}
                Ok(()) => {
                    let before = before.as_ref();
                    let territory = record.territory_id.is_some()
                        && before.is_none_or(|before| before.territory_id != record.territory_id);
                    let owner = *owner_given;
                    let given = Given { territory, owner };
                    cases.push(Case {
                        before,
                        record,
                        given,
                    });
                }
                Err(error) if error.kind() == Kind::Refused => errors.extend(error.fields().iter().cloned()),
                Err(error) => return Err(error),
            }
        }
        self.territories.settle(tx, caller.company_id(), &mut cases).await
    }
}
