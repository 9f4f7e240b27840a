//! What deals reacts to. What it tells stands in `deal_events.proto` and is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, name_of};
use kontor_proto::{
    accounts::v1::{AccountsChanged, AccountsMerged},
    contacts::v1::{ContactsChanged, ContactsMerged},
    identity::v1::{CompanyChanged, CompanyCreated, CurrenciesChanged, MembersChanged, RecordsHandedOver},
    leads::v1::{ConversionUndoRequested, DealStepRequested, LeadsChanged, LeadsMerged},
};
use kontor_records::{handover, merge, refs, saga};
use time::OffsetDateTime;

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
        .on::<DealStepRequested>(saga::Steps(Step::of))
        .on::<ConversionUndoRequested>(saga::Undo::<Step, _>::of(|asked: ConversionUndoRequested| {
            asked.conversion_id
        }))
        .on::<CompanyCreated>(Reactions)
        .on::<CompanyChanged>(Reactions)
        .on::<CurrenciesChanged>(Reactions)
        .on::<MembersChanged>(refs::Members)
        .on::<RecordsHandedOver>(handover::Begin)
        .together::<AccountsChanged>(refs::Names("account", |told: AccountsChanged| told.changes))
        .on::<AccountsMerged>(merge::Follow::<Deal, _>::of("account", |told: AccountsMerged| {
            told.merging
        }))
        .together::<ContactsChanged>(refs::Names("contact", |told: ContactsChanged| told.changes))
        .on::<ContactsMerged>(merge::Follow::<Deal, _>::of("contact", |told: ContactsMerged| {
            told.merging
        }))
        .together::<LeadsChanged>(refs::Names("lead", |told: LeadsChanged| told.changes))
        .on::<LeadsMerged>(merge::Follow::<Deal, _>::of("lead", |told: LeadsMerged| {
            told.merging
        }))
        .spawn();
}

/// What is done when something is heard.
struct Reactions;

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

/// A deal that refers to something else is the same deal.
impl merge::Settle for Deal {}
