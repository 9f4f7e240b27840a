//! What a company sets up for itself: fields of its own, and views.

use kontor_records::{fields::OwnFields, views::Views};

use super::Accounts;
use crate::model::Account;

impl Accounts {
    /// The fields of accounts.
    #[must_use]
    pub fn fields(&self) -> OwnFields<Account> {
        OwnFields::new(self.db.clone())
    }

    /// The saved views of accounts.
    #[must_use]
    pub fn views(&self) -> Views<Account> {
        Views::new(self.db.clone())
    }
}
