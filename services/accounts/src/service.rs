//! The use-cases of accounts: may they, begin, load, rule, save, tell, commit.

pub mod convert;
pub mod counting;
mod hierarchy;
mod identity;
mod moves;
mod setup;
mod stats;
mod territories;

use kontor_chassis::{Caller, Db, Error, FieldErrors, TenantTx};
use kontor_proto::{
    accounts::v1,
    records::v1::{BulkAction, BulkResult, ListQuery},
};
use kontor_records::{
    Record, bulk, fields, history,
    query::{self, Expansions, Page},
    refs,
    territories::{Case, Given, Territories},
    write::{self, Change, Which},
};
use time::OffsetDateTime;

use crate::{error, imports::Importing, model::Account, references::Homes, store};

/// The use-cases. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    homes: Homes,
    territories: Territories,
}

impl Accounts {
    /// On this database; references are looked up at their homes.
    #[must_use]
    pub fn new(db: Db, homes: Homes) -> Self {
        Self {
            db,
            homes,
            territories: Territories::default(),
        }
    }

    /// The territories that are remembered here.
    #[must_use]
    pub fn territories(&self) -> &Territories {
        &self.territories
    }

    /// Who knows what accounts refer to.
    pub(crate) const fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Does an action to many accounts: see [`bulk::run`].
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

    /// A page of accounts.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<Page<v1::Account>, Error> {
        query::page::<Account>(&self.db, caller, query).await
    }

    /// An account, with the summaries that are wanted.
    ///
    /// # Errors
    /// NotFound; Invalid for an unknown summary.
    pub async fn get(&self, caller: &Caller, id: &str, expand: &str) -> Result<v1::Account, Error> {
        let id = write::parse_id(id)?;
        let mut errors = FieldErrors::new();
        let expansions = Expansions::of(expand, Account::description(), &mut errors);
        errors.into_result()?;
        let mut tx = self.db.read(caller).await?;
        let account: Account = write::get(&mut tx, caller, id).await?;
        let shown = query::show(&mut tx, vec![account], &expansions).await?;
        shown
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found(Account::description().one))
    }

    /// What was changed in an account, newest first.
    ///
    /// # Errors
    /// NotFound; Invalid for a bad page.
    pub async fn history(
        &self,
        caller: &Caller,
        request: &v1::ListAccountHistoryRequest,
    ) -> Result<history::Page, Error> {
        let id = write::parse_id(&request.id)?;
        let mut tx = self.db.read(caller).await?;
        history::list::<Account>(&mut tx, caller, id, request.page_size, &request.page_token).await
    }

    /// The currency of amounts that come without one.
    ///
    /// # Errors
    /// As identity fails.
    pub async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        self.homes.currency(caller).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused a reference to what isn't there.
    pub async fn create(
        &self,
        caller: &Caller,
        message: v1::Account,
        now: OffsetDateTime,
    ) -> Result<Account, Error> {
        let mut tx = self.db.begin(caller).await?;
        let fields = fields::of::<Account>(&mut tx, caller.company_id()).await?;
        let mut errors = FieldErrors::new();
        let given = Given::of(None, message.territory_id.is_some(), message.owner_id.is_some());
        let mut account = Account::create(message, &fields, caller, now, &mut errors);
        errors.into_result()?;
        account.settle();
        self.check(&mut tx, caller, None, &account).await?;
        let case = Case {
            before: None,
            record: &mut account,
            given,
        };
        self.territories
            .settle(&mut tx, caller.company_id(), &mut [case])
            .await?;
        let account = write::insert(&mut tx, &account, Change::new(caller, now, "created")).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Changes the fields of an account that the mask names.
    ///
    /// # Errors
    /// As [`Self::create`]; NotFound, Forbidden; Stale when the etag isn't the account's.
    pub async fn update(
        &self,
        caller: &Caller,
        request: v1::UpdateAccountRequest,
        now: OffsetDateTime,
    ) -> Result<Account, Error> {
        let v1::UpdateAccountRequest {
            id,
            account,
            update_mask,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let message = account.unwrap_or_default();
        let mut tx = self.db.begin(caller).await?;
        if message.parent_id.is_some() {
            // Before any account is locked: two that are put below each other would wait for one another.
            store::hierarchy::lock(&mut tx, caller.company_id()).await?;
        }
        let before: Account = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let fields = fields::of::<Account>(&mut tx, before.company_id).await?;
        let mut errors = FieldErrors::new();
        let (territory, owner) = (message.territory_id.is_some(), message.owner_id.is_some());
        let given = Given::of(update_mask.as_ref(), territory, owner);
        let mut after = before.patch(message, update_mask.as_ref(), &fields, &mut errors);
        errors.into_result()?;
        after.settle();
        self.check(&mut tx, caller, Some(&before), &after).await?;
        let case = Case {
            before: Some(&before),
            record: &mut after,
            given,
        };
        self.territories
            .settle(&mut tx, caller.company_id(), &mut [case])
            .await?;
        let account = write::update(&mut tx, &before, after, Change::new(caller, now, "updated")).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Deletes an account softly.
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
        let account: Account = write::get_for_update(&mut tx, caller, id, "delete", Which::Present).await?;
        account.match_etag(etag)?;
        write::delete(&mut tx, &account, Change::new(caller, now, "deleted")).await?;
        tx.commit().await
    }

    /// Brings a deleted account back; one that isn't deleted stays as it is.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale.
    pub async fn restore(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Account, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.begin(caller).await?;
        let account: Account = write::get_for_update(&mut tx, caller, id, "delete", Which::Any).await?;
        account.match_etag(etag)?;
        let account = write::restore(&mut tx, &account, Change::new(caller, now, "restored")).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Gives an account to a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when the owner is no active member.
    pub async fn assign_owner(
        &self,
        caller: &Caller,
        request: v1::AssignAccountOwnerRequest,
        now: OffsetDateTime,
    ) -> Result<Account, Error> {
        let v1::AssignAccountOwnerRequest { id, owner_id, etag } = request;
        let id = write::parse_id(&id)?;
        let owner = refs::required("owner_id", &owner_id)?;
        let mut tx = self.db.begin(caller).await?;
        let before: Account = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let after = Account {
            owner_id: Some(owner),
            ..before.clone()
        };
        self.check(&mut tx, caller, Some(&before), &after).await?;
        let account = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Puts an account into a territory, or lets the rules decide, and answers the rule that did.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused when there is no such territory.
    pub async fn assign_territory(
        &self,
        caller: &Caller,
        request: v1::AssignAccountTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<(Account, Option<String>), Error> {
        let v1::AssignAccountTerritoryRequest {
            id,
            territory_id,
            etag,
        } = request;
        let id = write::parse_id(&id)?;
        let wanted = refs::wanted("territory_id", territory_id.as_deref())?;
        let mut tx = self.db.begin(caller).await?;
        let before: Account = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
        before.match_etag(&etag)?;
        let mut after = before.clone();
        let rule = self
            .territories
            .assign(&mut tx, &before, &mut after, wanted)
            .await?;
        self.check(&mut tx, caller, Some(&before), &after).await?;
        let account = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
        tx.commit().await?;
        Ok((account, rule))
    }

    /// Checks what an account refers to, and that it isn't above itself.
    pub(crate) async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Account>,
        after: &Account,
    ) -> Result<(), Error> {
        refs::check(tx, caller, before, after, &self.homes).await?;
        self.check_parent(tx, before, after).await
    }

    /// Checks that an account isn't above itself.
    pub(crate) async fn check_parent(
        &self,
        tx: &mut TenantTx,
        before: Option<&Account>,
        after: &Account,
    ) -> Result<(), Error> {
        let Some(parent) = after
            .parent_id
            .filter(|parent| before.and_then(|b| b.parent_id) != Some(*parent))
        else {
            return Ok(());
        };
        if parent == after.id || store::hierarchy::belongs_to(tx, after.company_id, parent, after.id).await? {
            return Err(error::Error::ParentLoop.into());
        }
        Ok(())
    }
}
