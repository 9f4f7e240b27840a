//! What deals add to the import of a file.

use kontor_chassis::{Caller, Error, Kind, TenantTx};
use kontor_records::{
    refs,
    transfer::{Candidate, Importer},
};
use time::OffsetDateTime;

use super::{Deals, Places};
use crate::{model::Deal, store};

impl Importer for Deals {
    type Record = Deal;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        Ok(self.company(caller).await?.currency)
    }

    /// As for a single one that changes its stage.
    async fn hold_many(&self, tx: &mut TenantTx, caller: &Caller) -> Result<(), Error> {
        Ok(store::pipelines::share(tx, caller.company_id()).await?)
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        batch: &mut [Candidate<Deal>],
    ) -> Result<(), Error> {
        refs::judge(tx, caller, batch, &self.homes).await?;
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
            match self.come_in(tx, before.as_ref(), record, &mut places, now).await {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Refused => errors.extend(error.fields().iter().cloned()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
