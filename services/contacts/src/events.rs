//! What contacts reacts to. What it tells stands in `contact_events.proto` and is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, HandleTogether, name_of};
use kontor_proto::{
    accounts::v1::{AccountsChanged, AccountsMerged, TerritoriesChanged},
    identity::v1::{MembersChanged, RecordsHandedOver},
    leads::v1::{ContactStepRequested, ConversionUndoRequested},
};
use kontor_records::{
    handover, merge, refs, saga,
    territories::{self, Territories},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{model::Contact, service::convert::Step, store};

/// What is heard.
#[must_use]
pub fn hears() -> Vec<String> {
    vec![
        name_of::<ContactStepRequested>(),
        name_of::<ConversionUndoRequested>(),
        name_of::<MembersChanged>(),
        name_of::<RecordsHandedOver>(),
        name_of::<AccountsChanged>(),
        name_of::<AccountsMerged>(),
        name_of::<TerritoriesChanged>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub fn listen(host: &Host, bus: &Bus) {
    Consumer::new(host, bus)
        .on::<ContactStepRequested>(saga::Steps(Step::of))
        .on::<ConversionUndoRequested>(saga::Undo::<Step, _>::of(|asked: ConversionUndoRequested| {
            asked.conversion_id
        }))
        .on::<MembersChanged>(refs::Members)
        .on::<RecordsHandedOver>(handover::Begin)
        .together::<AccountsChanged>(Reactions)
        .on::<AccountsMerged>(Reactions)
        .on::<TerritoriesChanged>(Reactions)
        .spawn();
}

/// What is done when something is heard.
struct Reactions;

impl HandleTogether<AccountsChanged> for Reactions {
    async fn handle_together(
        &self,
        tx: &mut TenantTx,
        company: Uuid,
        told: Vec<(Delivery, AccountsChanged)>,
    ) -> Result<(), Error> {
        let changes: Vec<_> = told.into_iter().flat_map(|(_, event)| event.changes).collect();
        refs::apply(tx, company, "account", &changes).await?;
        let ids = changes.iter().map(|change| write::parse_id(&change.id));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Ok(store::name_accounts(tx, company, &ids).await?)
    }
}

impl Handle<TerritoriesChanged> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: TerritoriesChanged,
    ) -> Result<(), Error> {
        let company = delivery.company()?;
        territories::keep(tx, company, &event.changes).await?;
        // Contacts take no turns, so nothing need be remembered.
        territories::empty::<Contact>(tx, &Territories::default(), company, &event.changes).await
    }
}

impl Handle<AccountsMerged> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: AccountsMerged,
    ) -> Result<(), Error> {
        let company = delivery.company()?;
        let merging = event.merging.unwrap_or_default();
        // Those who move may be primary contacts.
        store::lock_primaries(tx, company).await?;
        merge::follow::<Contact>(tx, company, "account", &merging, OffsetDateTime::now_utc()).await
    }
}
