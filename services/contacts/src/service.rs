//! The use-cases of contacts: may they, begin, load, rule, save, tell, commit.

pub mod convert;
mod identity;
mod setup;
mod stats;

use kontor_chassis::{Caller, Db, Error, FieldErrors, TenantTx};
use kontor_proto::{
    contacts::v1,
    records::v1::{BulkAction, BulkResult, FieldFilter, ListQuery},
};
use kontor_records::{
    Record, bulk, fields, history,
    query::{self, Expansions, Page},
    refs,
    write::{self, Change, Which},
};
use time::OffsetDateTime;

use crate::{error, imports::Importing, model::Contact, references::Homes, store};

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

    /// Who knows what contacts refer to.
    pub(crate) const fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Does an action to many contacts: see [`bulk::run`].
    ///
    /// # Errors
    /// As [`bulk::run`].
    pub async fn bulk(
        &self,
        caller: &Caller,
        action: BulkAction,
        now: OffsetDateTime,
    ) -> Result<BulkResult, Error> {
        bulk::run(&self.db, &Importing::new(self.clone()), caller, action, now).await
    }

    /// A page of contacts.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<Page<v1::Contact>, Error> {
        query::page::<Contact>(&self.db, caller, query).await
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

    /// A contact, with the summaries that are wanted.
    ///
    /// # Errors
    /// NotFound; Invalid for an unknown summary.
    pub async fn get(&self, caller: &Caller, id: &str, expand: &str) -> Result<v1::Contact, Error> {
        let id = write::parse_id(id)?;
        let mut errors = FieldErrors::new();
        let expansions = Expansions::of(expand, Contact::description(), &mut errors);
        errors.into_result()?;
        let mut tx = self.db.read(caller).await?;
        let contact: Contact = write::get(&mut tx, caller, id).await?;
        let shown = query::show(&mut tx, vec![contact], &expansions).await?;
        shown
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found(Contact::description().one))
    }

    /// What was changed in a contact, newest first.
    ///
    /// # Errors
    /// NotFound; Invalid for a bad page.
    pub async fn history(
        &self,
        caller: &Caller,
        request: &v1::ListContactHistoryRequest,
    ) -> Result<history::Page, Error> {
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.read(caller).await?;
        history::list::<Contact>(&mut tx, caller, id, request.page_size, &request.page_token).await
    }

    /// The currency of amounts that come without one.
    ///
    /// # Errors
    /// As identity fails.
    pub async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.homes.currency(caller).await
    }

    /// Makes a contact.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused a reference to what isn't there.
    pub async fn create(
        &self,
        caller: &Caller,
        message: v1::Contact,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let mut tx = self.db.begin(caller).await?;
        let fields = fields::of::<Contact>(&mut tx, caller.company_id()).await?;
        let mut errors = FieldErrors::new();
        let mut contact = Contact::create(message, &fields, caller, now, &mut errors);
        errors.into_result()?;
        contact.settle();
        if contact.is_primary {
            store::lock_primaries(&mut tx, caller.company_id()).await?;
        }
        self.check(&mut tx, caller, None, &contact).await?;
        self.step_down(&mut tx, caller, &contact, now).await?;
        let contact = write::insert(&mut tx, &contact, Change::new(caller, now, "created")).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// Changes the fields of a contact that the mask names.
    ///
    /// # Errors
    /// As [`Self::create`]; NotFound, Forbidden; Stale when the etag isn't the contact's.
    pub async fn update(
        &self,
        caller: &Caller,
        request: v1::UpdateContactRequest,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let v1::UpdateContactRequest {
            id,
            contact,
            update_mask,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let message = contact.unwrap_or_default();
        let mut tx = self.db.begin(caller).await?;
        if message.is_primary {
            store::lock_primaries(&mut tx, caller.company_id()).await?;
        }
        let before: Contact = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let fields = fields::of::<Contact>(&mut tx, before.company_id).await?;
        let mut errors = FieldErrors::new();
        let mut after = before.patch(message, update_mask.as_ref(), &fields, &mut errors);
        errors.into_result()?;
        if after.account_id != before.account_id && before.is_primary == after.is_primary {
            after.is_primary = false;
        }
        after.settle();
        self.check(&mut tx, caller, Some(&before), &after).await?;
        self.step_down(&mut tx, caller, &after, now).await?;
        let contact = write::update(&mut tx, &before, after, Change::new(caller, now, "updated")).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// Deletes a contact softly.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let contact: Contact = write::get_for_update(&mut tx, caller, id, "delete", Which::Present).await?;
        contact.match_etag(etag)?;
        write::delete(&mut tx, &contact, Change::new(caller, now, "deleted")).await?;
        tx.commit().await
    }

    /// Brings a deleted contact back; one that isn't deleted stays as it is.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        store::lock_primaries(&mut tx, caller.company_id()).await?;
        let contact: Contact = write::get_for_update(&mut tx, caller, id, "delete", Which::Any).await?;
        contact.match_etag(etag)?;
        let contact = self.without_rank(&mut tx, caller, contact, now).await?;
        let contact = write::restore(&mut tx, &contact, Change::new(caller, now, "restored")).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// Gives a contact to a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when the owner is no active member.
    pub async fn assign_owner(
        &self,
        caller: &Caller,
        request: v1::AssignContactOwnerRequest,
        now: OffsetDateTime,
    ) -> Result<Contact, Error> {
        let v1::AssignContactOwnerRequest { id, owner_id, etag } = request;
        let id = write::parse_id(&id)?;
        let owner = refs::required("owner_id", &owner_id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Contact = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let after = Contact {
            owner_id: Some(owner),
            ..before.clone()
        };
        self.check(&mut tx, caller, Some(&before), &after).await?;
        let contact = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok(contact)
    }

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

    /// Checks what a contact refers to.
    pub(crate) async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Contact>,
        after: &Contact,
    ) -> Result<(), Error> {
        Self::check_superior(after)?;
        refs::check(tx, caller, before, after, &self.homes).await
    }

    /// Checks that nobody reports to themselves.
    pub(crate) fn check_superior(contact: &Contact) -> Result<(), error::Error> {
        if contact.reports_to_id == Some(contact.id) {
            return Err(error::Error::UnknownSuperior);
        }
        Ok(())
    }

    /// Takes the rank from the primary contact of the account whose primary one this is to be.
    async fn step_down(
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
    async fn without_rank(
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
