//! Whether two leads are one.

use kontor_records::{duplicates::Duplicates, merge::Merges};

use super::Leads;
use crate::model::Lead;

impl Leads {
    /// The duplicates among leads.
    #[must_use]
    pub fn duplicates(&self) -> Duplicates<Lead> {
        Duplicates::new(self.db.clone())
    }

    /// The merges of leads.
    #[must_use]
    pub fn merges(&self) -> Merges<Leads> {
        Merges::new(self.db.clone(), self.clone())
    }
}
