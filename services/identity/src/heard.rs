//! What identity hears from the other services: every change of a record, for the audit log.
//!
//! The service wrote the event in the transaction of the change, and it is noted here once, so the log can lag behind by
//! moments and can't lack what happened.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, HandleTogether, Headers, name_of};
use kontor_proto::accounts::v1::{AccountsChanged, TerritoriesChanged};
use kontor_proto::activities::v1::ActivitiesChanged;
use kontor_proto::contacts::v1::ContactsChanged;
use kontor_proto::deals::v1::DealsChanged;
use kontor_proto::leads::v1::LeadsChanged;
use kontor_proto::records::v1::{RecordChange, SettingsChanged};
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
        name_of::<SettingsChanged>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub(crate) fn listen(host: &Host, bus: &Bus) {
    Consumer::new(host, bus)
        .together::<AccountsChanged>(Notes)
        .together::<ContactsChanged>(Notes)
        .together::<LeadsChanged>(Notes)
        .together::<DealsChanged>(Notes)
        .together::<ActivitiesChanged>(Notes)
        .together::<TerritoriesChanged>(Notes)
        .together::<SettingsChanged>(Notes)
        .spawn();
}

/// Notes changes in the audit log.
struct Notes;

macro_rules! notes {
    ($($event:ident of $resource:literal),+) => {$(
        impl HandleTogether<$event> for Notes {
            async fn handle_together(
                &self,
                tx: &mut TenantTx,
                company: Uuid,
                told: Vec<(Delivery, $event)>,
            ) -> Result<(), Error> {
                let told = told.into_iter().map(|(delivery, event)| (delivery, event.changes));
                note(tx, company, $resource, told).await
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

impl HandleTogether<TerritoriesChanged> for Notes {
    async fn handle_together(
        &self,
        tx: &mut TenantTx,
        company: Uuid,
        told: Vec<(Delivery, TerritoriesChanged)>,
    ) -> Result<(), Error> {
        let told = told.into_iter().map(|(delivery, event)| {
            let changes = event.changes.into_iter().filter_map(|told| told.change);
            (delivery, changes.collect())
        });
        note(tx, company, "territory", told).await
    }
}

impl HandleTogether<SettingsChanged> for Notes {
    async fn handle_together(
        &self,
        tx: &mut TenantTx,
        company: Uuid,
        told: Vec<(Delivery, SettingsChanged)>,
    ) -> Result<(), Error> {
        for (delivery, SettingsChanged { resource, change }) in told {
            let told = std::iter::once((delivery, change.into_iter().collect()));
            note(tx, company, &resource, told).await?;
        }
        Ok(())
    }
}

async fn note(
    tx: &mut TenantTx,
    company: Uuid,
    resource: &str,
    told: impl Iterator<Item = (Delivery, Vec<RecordChange>)>,
) -> Result<(), Error> {
    let deeds: Vec<(Doer, Vec<Deed>)> = told
        .filter_map(|(delivery, changes)| {
            let doer = doer(company, delivery, changes.first()?);
            let deeds = changes.into_iter().map(|change| Deed {
                fields: change.fields,
                ..Deed::on(resource, &change.action, change.id, change.name).of_version(change.version)
            });
            Some((doer, deeds.collect()))
        })
        .collect();
    let deeds: Vec<(&Doer, &Deed)> = deeds
        .iter()
        .flat_map(|(doer, deeds)| deeds.iter().map(move |deed| (doer, deed)))
        .collect();
    Ok(store::audit::append_all(tx, company, &deeds).await?)
}

/// The changes of one event were made by one person in one transaction.
fn doer(company_id: Uuid, delivery: Delivery, first: &RecordChange) -> Doer {
    let Headers {
        device,
        address,
        time,
        ..
    } = delivery.headers;
    Doer {
        company_id,
        user_id: first.by.as_deref().and_then(|by| by.parse::<Uuid>().ok()),
        origin: Origin { device, address },
        at: first
            .at
            .and_then(|at| {
                let second = OffsetDateTime::from_unix_timestamp(at.seconds).ok()?;
                Some(second + Duration::nanoseconds(at.nanos.into()))
            })
            .or(time)
            .unwrap_or_else(OffsetDateTime::now_utc),
    }
}
