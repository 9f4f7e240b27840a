//! What a company sets up for itself: fields of its own, and views.

use kontor_records::{fields::OwnFields, views::Views};

use super::Leads;
use crate::model::Lead;

impl Leads {
    /// The fields of leads.
    #[must_use]
    pub fn fields(&self) -> OwnFields<Lead> {
        OwnFields::new(self.db.clone())
    }

    /// The saved views of leads.
    #[must_use]
    pub fn views(&self) -> Views<Lead> {
        Views::new(self.db.clone())
    }
}
