//! What deals reacts to. What it tells stands in `deal_events.proto` and is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, HandleTogether, name_of};
use kontor_proto::{
    accounts::v1::{AccountsChanged, AccountsMerged},
    contacts::v1::{ContactsChanged, ContactsMerged},
    identity::v1::{CompanyChanged, CompanyCreated, CurrenciesChanged, MembersChanged, RecordsHandedOver},
    leads::v1::{ConversionUndoRequested, DealStepRequested, LeadsChanged, LeadsMerged},
};
use kontor_records::{handover, merge, refs, saga};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    model::Deal,
    service::{companies, convert::Step, pipelines},
};

/// What is heard.
#[must_use]
pub fn hears() -> Vec<String> {
    vec![
        name_of::<DealStepRequested>(),
        name_of::<ConversionUndoRequested>(),
        name_of::<CompanyCreated>(),
        name_of::<CompanyChanged>(),
        name_of::<CurrenciesChanged>(),
        name_of::<MembersChanged>(),
        name_of::<RecordsHandedOver>(),
        name_of::<AccountsChanged>(),
        name_of::<AccountsMerged>(),
        name_of::<ContactsChanged>(),
        name_of::<ContactsMerged>(),
        name_of::<LeadsChanged>(),
        name_of::<LeadsMerged>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub fn listen(host: &Host, bus: &Bus) {
    Consumer::new(host, bus)
        .on::<DealStepRequested>(Reactions)
        .on::<ConversionUndoRequested>(Reactions)
        .on::<CompanyCreated>(Reactions)
        .on::<CompanyChanged>(Reactions)
        .on::<CurrenciesChanged>(Reactions)
        .on::<MembersChanged>(refs::Members)
        .on::<RecordsHandedOver>(handover::Begin)
        .together::<AccountsChanged>(Reactions)
        .on::<AccountsMerged>(Reactions)
        .together::<ContactsChanged>(Reactions)
        .on::<ContactsMerged>(Reactions)
        .together::<LeadsChanged>(Reactions)
        .on::<LeadsMerged>(Reactions)
        .spawn();
}

/// What is done when something is heard.
struct Reactions;

impl Handle<DealStepRequested> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: DealStepRequested,
    ) -> Result<(), Error> {
        saga::step(
            tx,
            delivery.company()?,
            &Step::of(event),
            OffsetDateTime::now_utc(),
        )
        .await
    }
}

impl Handle<ConversionUndoRequested> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: ConversionUndoRequested,
    ) -> Result<(), Error> {
        saga::undo::<Step>(
            tx,
            delivery.company()?,
            &event.conversion_id,
            OffsetDateTime::now_utc(),
        )
        .await
    }
}

impl Handle<CompanyCreated> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: CompanyCreated,
    ) -> Result<(), Error> {
        let company = delivery.company()?;
        companies::founded(tx, company, &event).await?;
        pipelines::default_pipeline(tx, company, OffsetDateTime::now_utc()).await?;
        Ok(())
    }
}

impl Handle<CompanyChanged> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: CompanyChanged,
    ) -> Result<(), Error> {
        companies::changed(tx, delivery.company()?, &event).await
    }
}

impl Handle<CurrenciesChanged> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: CurrenciesChanged,
    ) -> Result<(), Error> {
        companies::counts_in(tx, delivery.company()?, &event).await
    }
}

macro_rules! named {
    ($($event:ident as $kind:literal),+) => {$(
        impl HandleTogether<$event> for Reactions {
            async fn handle_together(
                &self,
                tx: &mut TenantTx,
                company: Uuid,
                told: Vec<(Delivery, $event)>,
            ) -> Result<(), Error> {
                let changes: Vec<_> = told.into_iter().flat_map(|(_, event)| event.changes).collect();
                refs::apply(tx, company, $kind, &changes).await
            }
        }
    )+};
}

named!(
    AccountsChanged as "account",
    ContactsChanged as "contact",
    LeadsChanged as "lead"
);

macro_rules! followed {
    ($($event:ident as $kind:literal),+) => {$(
        impl Handle<$event> for Reactions {
            async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: $event) -> Result<(), Error> {
                let merging = event.merging.unwrap_or_default();
                let now = OffsetDateTime::now_utc();
                merge::follow::<Deal>(tx, delivery.company()?, $kind, &merging, now).await
            }
        }
    )+};
}

followed!(
    AccountsMerged as "account",
    ContactsMerged as "contact",
    LeadsMerged as "lead"
);

/// A deal that refers to something else is the same deal.
impl merge::Settle for Deal {}
