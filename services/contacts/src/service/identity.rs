//! Whether two contacts are one.

use kontor_records::{duplicates::Duplicates, merge::Merges};

use super::Contacts;
use crate::{imports::Importing, model::Contact};

impl Contacts {
    /// The duplicates among contacts.
    #[must_use]
    pub fn duplicates(&self) -> Duplicates<Contact> {
        Duplicates::new(self.db.clone())
    }

    /// The merges of contacts.
    #[must_use]
    pub fn merges(&self) -> Merges<Importing> {
        Merges::new(self.db.clone(), Importing::new(self.clone()))
    }
}
