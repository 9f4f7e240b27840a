//! How contacts lie in territories: where a person put them, whatever the rules say of accounts and leads.

use kontor_records::territories::{Facts, Placed};
use uuid::Uuid;

use crate::model::Contact;

impl Placed for Contact {
    fn facts(&self) -> Facts<'_> {
        Facts::default()
    }
    fn territory_id(&self) -> Option<Uuid> {
        self.territory_id
    }
    fn by_hand(&self) -> bool {
        true
    }
    fn put(&mut self, territory: Option<Uuid>, _: bool) {
        self.territory_id = territory;
    }
}
