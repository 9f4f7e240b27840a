//! What contacts add to the import of a file.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_records::{
    refs,
    transfer::{Candidate, Importer},
};
use time::OffsetDateTime;

use super::Contacts;
use crate::model::Contact;

impl Importer for Contacts {
    type Record = Contact;

    async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.homes.currency(caller).await
    }

    async fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Contact>],
    ) -> Result<(), Error> {
        refs::judge(tx, caller, batch, &self.homes).await?;
        for Candidate {
            record,
            before,
            owner_given: _,
            errors,
        } in batch
        {
            record.settle();
            // Who is the primary contact is said by a person: two rows of a file could both say it of one account.
            record.is_primary = before
                .as_ref()
                .is_some_and(|b| b.is_primary && b.account_id == record.account_id);
            if let Err(error) = Contacts::check_superior(record) {
                errors.push(error.field(), error.code(), error.to_string());
            }
        }
        Ok(())
    }
}
