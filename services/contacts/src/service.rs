//! The use-cases of contacts: what they need beyond those of every kind of record ([`keep`](kontor_records::keep)), and those
//! that only they have.

mod bulk;
pub mod convert;
mod import;
mod merging;
mod primary;
mod stats;

use kontor_chassis::{Caller, Db, Error, TenantTx};
use kontor_proto::{
    contacts::v1,
    records::v1::{FieldFilter, ListQuery},
};
use kontor_records::{
    keep::{Edit, Intent, Keeper},
    query::{self, Page},
    refs, write,
};
use prost_types::FieldMask;
use time::OffsetDateTime;

use crate::{error, model::Contact, references::Homes, store};

/// The use-cases. Cheap to clone.
#[derive(Clone)]
pub struct Contacts {
    db: Db,
    homes: Homes,
}

impl Contacts {
    /// On this database; references are looked up at their homes.
    #[must_use]
    pub fn new(db: Db, homes: Homes) -> Self {
        Self { db, homes }
    }

    /// A page of an account's contacts, the primary one first unless another order is asked for.
    ///
    /// # Errors
    /// NotFound when there is no such account; Invalid names every bad parameter.
    pub async fn list_of_account(
        &self,
        caller: &Caller,
        account: &str,
        mut query: ListQuery,
    ) -> Result<Page<v1::Contact>, Error> {
        let account = write::parse_id(account)?;
        let mut tx = self.db.read(caller).await?;
        if !refs::is_there(&mut tx, caller, "account", account, &self.homes).await? {
            return Err(Error::not_found("account"));
        }
        if query.order_by.is_empty() {
            "-is_primary,last_name,first_name".clone_into(&mut query.order_by);
        }
        let of_account = FieldFilter {
            parameter: "account_id".to_owned(),
            values: vec![account.to_string()],
        };
        query.field_filters.push(of_account);
        query::list::<Contact>(&mut tx, caller, &query).await
    }

    /// Checks that nobody reports to themselves.
    fn check_superior(contact: &Contact) -> Result<(), error::Error> {
        if contact.reports_to_id == Some(contact.id) {
            return Err(error::Error::UnknownSuperior);
        }
        Ok(())
    }
}

impl Keeper for Contacts {
    type Said = ();

    fn db(&self) -> &Db {
        &self.db
    }

    fn said(_: &v1::Contact, _: Option<&mut FieldMask>) {}

    /// Two contacts that are to be the primary one of an account would wait for one another.
    async fn hold(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        intent: Intent<'_, v1::Contact>,
    ) -> Result<(), Error> {
        match intent {
            Intent::Create(contact) | Intent::Update(contact) if !contact.is_primary => Ok(()),
            Intent::Create(_) | Intent::Update(_) | Intent::Restore | Intent::Merge => {
                Ok(store::lock_primaries(tx, caller.company_id()).await?)
            }
        }
    }

    async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Contact>,
        after: &Contact,
        _: &[String],
    ) -> Result<(), Error> {
        Self::check_superior(after)?;
        refs::check(tx, caller, before, after, &self.homes).await
    }

    async fn settle(
        &self,
        tx: &mut TenantTx,
        edit: Edit<'_, Self>,
        contact: &mut Contact,
    ) -> Result<(), Error> {
        // Who was the primary contact of one account isn't that of another, unless the request says so.
        if let Some(before) = edit.before
            && before.account_id != contact.account_id
            && before.is_primary == contact.is_primary
        {
            contact.is_primary = false;
        }
        contact.settle();
        self.step_down(tx, edit.caller, contact, edit.now).await
    }

    /// A primary contact comes back without its rank, when another has it by now.
    async fn returning(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        contact: Contact,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        self.without_rank(tx, caller, contact, now).await
    }
}
