//! How leads lie in territories.

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::leads::v1::LeadTerritoryMovesProgressed;
use kontor_records::territories::{Facts, Placed, Progress};
use uuid::Uuid;

use crate::{
    model::Lead,
    states::{self, Editable},
};

impl Placed for Lead {
    fn facts(&self) -> Facts<'_> {
        Facts::of(
            &self.address,
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
    fn stays(&self) -> bool {
        match states::editable(self.status) {
            Editable::All => false,
            Editable::DescriptionAndTags | Editable::Nothing => true,
        }
    }
    async fn progressed(
        tx: &mut TenantTx,
        company: Uuid,
        job: Uuid,
        progress: Progress,
    ) -> Result<(), Error> {
        let Progress { moved, done } = progress;
        let event = LeadTerritoryMovesProgressed {
            job_id: job.to_string(),
            moved,
            done,
        };
        let event = Outgoing::new(company, None, &event).about(job);
        Ok(outbox::put(tx, &[event]).await?)
    }
}
