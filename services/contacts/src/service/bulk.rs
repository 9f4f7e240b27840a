//! Actions on many contacts: those of every kind of record.

use std::collections::HashSet;

use kontor_chassis::{Caller, Error, FieldErrors, TenantTx};
use kontor_proto::records::v1::BulkParams;
use kontor_records::{
    bulk::{Actor, Taken},
    transfer::Candidate,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Contacts;
use crate::{model::Contact, references::Homes, store};

/// A step that no contact takes.
pub enum Never {}

impl Actor for Contacts {
    type Step = Never;
    type Homes = Homes;

    const STEPS: &'static [&'static str] = &[];

    fn homes(&self) -> &Homes {
        &self.homes
    }

    fn read(&self, _: &str, _: &BulkParams, _: &mut FieldErrors) -> Option<Never> {
        None
    }

    fn terms(step: &Never) -> (&'static str, &'static str) {
        match *step {}
    }

    async fn take(
        &self,
        _: &mut TenantTx,
        _: &Caller,
        _: OffsetDateTime,
        step: &Never,
        _: &mut [Candidate<Contact>],
    ) -> Result<Taken, Error> {
        match *step {}
    }

    /// A primary contact comes back without its rank where another has it by now.
    async fn restoring(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        _: OffsetDateTime,
        batch: &mut [Candidate<Contact>],
    ) -> Result<(), Error> {
        let ranked = batch.iter_mut().map(|candidate| &mut candidate.record);
        let ranked: Vec<&mut Contact> = ranked.filter(|contact| contact.is_primary).collect();
        if ranked.is_empty() {
            return Ok(());
        }
        let accounts: Vec<Uuid> = ranked.iter().filter_map(|contact| contact.account_id).collect();
        let taken = store::primaries_of(tx, caller.company_id(), &accounts).await?;
        let mut taken: HashSet<Uuid> = taken.into_iter().collect();
        for contact in ranked {
            contact.is_primary = contact.account_id.is_some_and(|account| taken.insert(account));
        }
        Ok(())
    }
}
