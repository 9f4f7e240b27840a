//! What accounts reacts to. What it tells stands in `account_events.proto` and is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, HandleTogether, name_of};
use kontor_proto::{
    contacts::v1::ContactsChanged,
    deals::v1::DealsChanged,
    identity::v1::{MembersChanged, RecordsHandedOver},
    leads::v1::{AccountStepRequested, ConversionUndoRequested, LeadTerritoryMovesProgressed},
};
use kontor_records::{handover, keep::Placer, refs, saga, territories::Progress, write};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    service::{Accounts, convert::Step, counting},
    store::jobs,
};

/// What is heard.
#[must_use]
pub fn hears() -> Vec<String> {
    vec![
        name_of::<AccountStepRequested>(),
        name_of::<ConversionUndoRequested>(),
        name_of::<MembersChanged>(),
        name_of::<RecordsHandedOver>(),
        name_of::<LeadTerritoryMovesProgressed>(),
        name_of::<ContactsChanged>(),
        name_of::<DealsChanged>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub fn listen(host: &Host, bus: &Bus, accounts: &Accounts) {
    let territories = accounts.territories().clone();
    Consumer::new(host, bus)
        .on::<AccountStepRequested>(saga::Steps(move |asked| Step::of(asked, &territories)))
        .on::<ConversionUndoRequested>(saga::Undo::<Step, _>::of(|asked: ConversionUndoRequested| {
            asked.conversion_id
        }))
        .on::<MembersChanged>(refs::Members)
        .on::<RecordsHandedOver>(handover::Begin)
        .on::<LeadTerritoryMovesProgressed>(Reactions)
        .together::<ContactsChanged>(Reactions)
        .together::<DealsChanged>(Reactions)
        .spawn();
}

/// What is done when something is heard.
struct Reactions;

impl Handle<LeadTerritoryMovesProgressed> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: LeadTerritoryMovesProgressed,
    ) -> Result<(), Error> {
        let LeadTerritoryMovesProgressed { job_id, moved, done } = event;
        let (company, job) = (delivery.company()?, write::parse_id(&job_id)?);
        let progress = Progress { moved, done };
        Ok(jobs::progressed(tx, company, job, "leads", progress, OffsetDateTime::now_utc()).await?)
    }
}

macro_rules! counted {
    ($($event:ident by $count:path),+) => {$(
        impl HandleTogether<$event> for Reactions {
            async fn handle_together(
                &self,
                tx: &mut TenantTx,
                company: Uuid,
                told: Vec<(Delivery, $event)>,
            ) -> Result<(), Error> {
                let changes: Vec<_> = told.into_iter().flat_map(|(_, event)| event.changes).collect();
                $count(tx, company, &changes).await
            }
        }
    )+};
}

counted!(ContactsChanged by counting::contacts, DealsChanged by counting::deals);
