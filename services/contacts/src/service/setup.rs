//! What a company sets up for itself: fields of its own, and views.

use kontor_records::{fields::OwnFields, views::Views};

use super::Contacts;
use crate::model::Contact;

impl Contacts {
    /// The fields of contacts.
    #[must_use]
    pub fn fields(&self) -> OwnFields<Contact> {
        OwnFields::new(self.db.clone())
    }

    /// The saved views of contacts.
    #[must_use]
    pub fn views(&self) -> Views<Contact> {
        Views::new(self.db.clone())
    }
}
