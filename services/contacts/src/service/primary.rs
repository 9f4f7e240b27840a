//! Who is the primary contact of an account.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_records::{
    Record,
    write::{self, Change, Which},
};
use time::OffsetDateTime;

use super::Contacts;
use crate::{error, model::Contact, store};

impl Contacts {
    /// Makes a contact the primary one of its account; the former one steps down.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused for a contact of no account.
    pub async fn set_primary(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        store::lock_primaries(&mut tx, caller.company_id()).await?;
        let before: Contact = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(etag)?;
        let after = Contact {
            is_primary: true,
            ..before.clone()
        };
        self.step_down(&mut tx, caller, &after, now).await?;
        let contact =
            write::update(&mut tx, &before, after, Change::new(caller, now, "made_primary")).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// Takes the rank from the primary contact of the account whose primary one this is to be.
    pub(super) async fn step_down(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        next: &Contact,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if !next.is_primary {
            return Ok(());
        }
        let account = next.account_id.ok_or(error::Error::NoAccount)?;
        let former = store::primary_of(tx, next.company_id, account)
            .await?
            .filter(|former| *former != next.id);
        let Some(former) = former else { return Ok(()) };
        // Not the caller's doing by right of that contact: it follows from the right to change the other one.
        let system = Caller::system(next.company_id);
        let former: Contact = write::get_for_update(tx, &system, former, "update", Which::Present).await?;
        let after = Contact {
            is_primary: false,
            ..former.clone()
        };
        write::update(tx, &former, after, Change::new(caller, now, "stepped_down")).await?;
        Ok(())
    }

    /// A deleted primary contact without its rank, when another has it by now.
    pub(super) async fn without_rank(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        contact: Contact,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let (true, Some(account)) = (contact.is_primary, contact.account_id) else {
            return Ok(contact);
        };
        match store::primary_of(tx, contact.company_id, account).await? {
            Some(other) if other != contact.id => {
                let after = Contact {
                    is_primary: false,
                    ..contact.clone()
                };
                write::update(tx, &contact, after, Change::new(caller, now, "stepped_down")).await
            }
            _ => Ok(contact),
        }
    }
}
