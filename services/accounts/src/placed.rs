//! How accounts lie in territories.

use kontor_chassis::{Error, TenantTx};
use kontor_records::{
    Address, Record,
    territories::{Facts, Placed, Progress},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{model::Account, store::jobs};

impl Placed for Account {
    /// Where bills go decides; where goods go, when nothing is known of that.
    fn facts(&self) -> Facts<'_> {
        let address = if self.billing_address == Address::default() {
            &self.shipping_address
        } else {
            &self.billing_address
        };
        Facts::of(
            address,
            self.industry.as_deref(),
            self.employee_count,
            self.annual_revenue.as_ref(),
        )
    }
    fn territory_id(&self) -> Option<Uuid> {
        self.territory_id
    }
    fn by_hand(&self) -> bool {
        self.territory_by_hand
    }
    fn put(&mut self, territory: Option<Uuid>, by_hand: bool) {
        self.territory_id = territory;
        self.territory_by_hand = by_hand;
    }
    async fn progressed(
        tx: &mut TenantTx,
        company: Uuid,
        job: Uuid,
        progress: Progress,
    ) -> Result<(), Error> {
        let kind = Self::description().many;
        Ok(jobs::progressed(tx, company, job, kind, progress, OffsetDateTime::now_utc()).await?)
    }
}
