//! What identity hears from the other services: every change of a record, for the audit log.
//!
//! The service wrote the event in the transaction of the change, and it is noted here once, so the log can lag behind by
//! moments and can't lack what happened.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, name_of};
use kontor_proto::accounts::v1::{AccountsChanged, TerritoriesChanged};
use kontor_proto::activities::v1::ActivitiesChanged;
use kontor_proto::contacts::v1::ContactsChanged;
use kontor_proto::deals::v1::DealsChanged;
use kontor_proto::leads::v1::LeadsChanged;
use kontor_proto::records::v1::RecordChange;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::model::audit::{Deed, Doer};
use crate::model::session::Origin;
use crate::store;

/// What is heard.
#[must_use]
pub fn hears() -> Vec<String> {
    vec![
        name_of::<AccountsChanged>(),
        name_of::<ContactsChanged>(),
        name_of::<LeadsChanged>(),
        name_of::<DealsChanged>(),
        name_of::<ActivitiesChanged>(),
        name_of::<TerritoriesChanged>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub(crate) fn listen(host: &Host, bus: &Bus) {
    Consumer::new(host, bus)
        .on::<AccountsChanged>(Notes)
        .on::<ContactsChanged>(Notes)
        .on::<LeadsChanged>(Notes)
        .on::<DealsChanged>(Notes)
        .on::<ActivitiesChanged>(Notes)
        .on::<TerritoriesChanged>(Notes)
        .spawn();
}

/// Notes changes in the audit log.
struct Notes;

macro_rules! notes {
    ($($event:ident of $resource:literal),+) => {$(
        impl Handle<$event> for Notes {
            async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: $event) -> Result<(), Error> {
                note(tx, delivery, $resource, event.changes).await
            }
        }
    )+};
}

notes!(
    AccountsChanged of "account",
    ContactsChanged of "contact",
    LeadsChanged of "lead",
    DealsChanged of "deal",
    ActivitiesChanged of "activity"
);

impl Handle<TerritoriesChanged> for Notes {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: TerritoriesChanged,
    ) -> Result<(), Error> {
        let changes = event.changes.into_iter().filter_map(|told| told.change);
        note(tx, delivery, "territory", changes.collect()).await
    }
}

async fn note(
    tx: &mut TenantTx,
    delivery: &Delivery,
    resource: &str,
    changes: Vec<RecordChange>,
) -> Result<(), Error> {
    let Some(first) = changes.first() else {
        return Ok(());
    };
    // The changes of one event were made by one person in one transaction.
    let doer = Doer {
        company_id: delivery.company()?,
        user_id: first.by.as_deref().and_then(|by| by.parse::<Uuid>().ok()),
        origin: Origin {
            device: delivery.headers.device.clone(),
            address: delivery.headers.address.clone(),
        },
        at: first
            .at
            .and_then(|at| {
                let second = OffsetDateTime::from_unix_timestamp(at.seconds).ok()?;
                Some(second + Duration::nanoseconds(at.nanos.into()))
            })
            .or(delivery.headers.time)
            .unwrap_or_else(OffsetDateTime::now_utc),
    };
    let deeds: Vec<Deed> = changes
        .into_iter()
        .map(|change| Deed {
            fields: change.fields,
            ..Deed::on(resource, &change.action, change.id, change.name).of_version(change.version)
        })
        .collect();
    store::audit::append(tx, &doer, &deeds).await?;
    Ok(())
}
