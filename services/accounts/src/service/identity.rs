//! Whether two accounts are one.

use kontor_records::{duplicates::Duplicates, merge::Merges};

use super::Accounts;
use crate::{imports::Importing, model::Account};

impl Accounts {
    /// The duplicates among accounts.
    #[must_use]
    pub fn duplicates(&self) -> Duplicates<Account> {
        Duplicates::new(self.db.clone())
    }

    /// The merges of accounts.
    #[must_use]
    pub fn merges(&self) -> Merges<Importing> {
        Merges::new(self.db.clone(), Importing::new(self.clone()))
    }
}
