//! What deals add to the import of a file.

use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_records::{
    refs,
    transfer::{Candidate, Importer},
};
use time::OffsetDateTime;

use crate::{
    model::Deal,
    service::{Deals, Places},
};

/// Completes the rows of a file.
#[derive(Clone)]
pub struct Importing {
    deals: Deals,
}

impl Importing {
    /// By the rules of these use-cases.
    #[must_use]
    pub fn new(deals: Deals) -> Self {
        Self { deals }
    }

    /// The use-cases.
    pub(crate) const fn deals(&self) -> &Deals {
        &self.deals
    }
}

impl Importer for Importing {
    type Record = Deal;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.deals.currency(caller).await
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        batch: &mut [Candidate<Deal>],
    ) -> Result<(), Error> {
        refs::judge(tx, caller, batch, self.deals.homes()).await?;
        // The stages of a file are few: each is looked up once.
        let mut places = Places::new();
        for Candidate {
            record,
            before,
            owner_given: _,
            errors,
        } in batch
        {
            if !errors.is_empty() {
                continue;
            }
            match self
                .deals
                .complete(tx, before.as_ref(), record, &mut places, now)
                .await
            {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Refused => errors.extend(error.fields().iter().cloned()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
