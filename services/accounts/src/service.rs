//! The use-cases of accounts: what they need beyond those of every kind of record ([`keep`](kontor_records::keep)), and those
//! that only they have.

mod bulk;
pub mod convert;
pub mod counting;
mod hierarchy;
mod import;
mod merging;
mod moves;
mod stats;
mod territories;

use kontor_chassis::{Caller, Db, Error, TenantTx};
use kontor_proto::accounts::v1;
use kontor_records::{
    keep::{Edit, Intent, Keeper, Placer},
    refs,
    territories::{Given, Territories},
};
use prost_types::FieldMask;

use crate::{error, model::Account, references::Homes, store};

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

    /// Checks that an account isn't above itself.
    async fn check_parent(
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

impl Keeper for Accounts {
    type Said = Given;

    fn db(&self) -> &Db {
        &self.db
    }

    fn said(account: &v1::Account, mask: Option<&mut FieldMask>) -> Given {
        let (territory, owner) = (account.territory_id.is_some(), account.owner_id.is_some());
        Given::of(mask.as_deref(), territory, owner)
    }

    /// Who belongs to whom changes one at a time: two accounts that are put below each other would wait for one another.
    async fn hold(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        intent: Intent<'_, v1::Account>,
    ) -> Result<(), Error> {
        match intent {
            Intent::Update(account) if account.parent_id.is_none() => Ok(()),
            Intent::Update(_) | Intent::Merge => Ok(store::hierarchy::lock(tx, caller.company_id()).await?),
            Intent::Create(_) | Intent::Restore => Ok(()),
        }
    }

    async fn check(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: Option<&Account>,
        after: &Account,
        _: &[String],
    ) -> Result<(), Error> {
        refs::check(tx, caller, before, after, &self.homes).await?;
        self.check_parent(tx, before, after).await
    }

    async fn settle(
        &self,
        tx: &mut TenantTx,
        edit: Edit<'_, Self>,
        account: &mut Account,
    ) -> Result<(), Error> {
        account.settle();
        self.territories
            .settle_one(tx, edit.before, account, edit.said)
            .await
    }
}

impl Placer for Accounts {
    fn territories(&self) -> &Territories {
        &self.territories
    }
}
