//! What accounts add to the import of a file.

use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_records::transfer::{Candidate, Importer};
use time::OffsetDateTime;

use crate::{model::Account, service::Accounts, store};

/// Completes the rows of a file.
#[derive(Clone)]
pub struct Importing {
    accounts: Accounts,
}

impl Importing {
    /// By the rules of these use-cases.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

impl Importer for Importing {
    type Record = Account;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.accounts.currency(caller).await
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Account>],
    ) -> Result<(), Error> {
        if batch.iter().any(|candidate| candidate.record.parent_id.is_some()) {
            store::lock_hierarchy(tx, caller.company_id()).await?;
        }
        for Candidate {
            record,
            before,
            errors,
        } in batch
        {
            record.settle();
            match self.accounts.check(tx, caller, before.as_ref(), record).await {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Refused => errors.extend(error.fields().iter().cloned()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
