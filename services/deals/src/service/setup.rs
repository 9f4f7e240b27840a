//! What a company sets up for itself: fields of its own, and views.

use kontor_records::{fields::OwnFields, views::Views};

use super::Deals;
use crate::model::Deal;

impl Deals {
    /// The fields of deals.
    #[must_use]
    pub fn fields(&self) -> OwnFields<Deal> {
        OwnFields::new(self.db.clone())
    }

    /// The saved views of deals.
    #[must_use]
    pub fn views(&self) -> Views<Deal> {
        Views::new(self.db.clone())
    }
}
