//! What leads tells, and what it reacts to. That leads were changed is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, Outgoing, name_of, timers::Timers};
use kontor_proto::{
    accounts::v1::{
        AccountStepCompleted, AccountStepFailed, AccountStepUndone, TerritoriesChanged,
        TerritoryMovesRequested,
    },
    contacts::v1::{ContactStepCompleted, ContactStepFailed, ContactStepUndone},
    deals::v1::{DealStepCompleted, DealStepFailed, DealStepUndone},
    identity::v1::{MembersChanged, RecordsHandedOver},
    leads::v1,
};
use kontor_records::{
    Choice, handover,
    keep::Placer,
    refs,
    territories::{self, MOVES, Mover, Sweep, Territories},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    conversion::{Conversion, Linked, Part},
    model::Lead,
    service::{
        Leads,
        saga::{self, Told, WATCHDOG, Watchdog},
    },
};

/// Asks a service for its part of a conversion. Asked again, it answers again.
#[must_use]
pub fn request(conversion: &Conversion, part: Part) -> Outgoing {
    let (company, by) = (conversion.company_id, conversion.requested_by);
    let request = match part {
        Part::Account => Outgoing::new(company, by, &account_step(conversion)),
        Part::Contact => Outgoing::new(company, by, &contact_step(conversion)),
        Part::Deal => Outgoing::new(company, by, &deal_step(conversion)),
    };
    request.about(conversion.id).addressed()
}

/// Asks every service to take back its part of a conversion. Asked again, it answers again.
#[must_use]
pub fn undo_request(conversion: &Conversion) -> Outgoing {
    let request = v1::ConversionUndoRequested {
        conversion_id: conversion.id.to_string(),
    };
    let by = conversion.undo_requested_by.or(conversion.requested_by);
    Outgoing::new(conversion.company_id, by, &request)
        .about(conversion.id)
        .addressed()
}

pub(crate) fn account_step(conversion: &Conversion) -> v1::AccountStepRequested {
    v1::AccountStepRequested {
        context: Some(context(conversion)),
        given_account_id: text(conversion.plan.given_account_id),
        new_account_id: conversion.plan.new_account_id.to_string(),
    }
}

pub(crate) fn contact_step(conversion: &Conversion) -> v1::ContactStepRequested {
    v1::ContactStepRequested {
        context: Some(context(conversion)),
        given_contact_id: text(conversion.plan.given_contact_id),
        new_contact_id: conversion.plan.new_contact_id.to_string(),
        account_id: known(conversion.account.as_ref()),
        account_name: conversion.account_name.clone().unwrap_or_default(),
    }
}

pub(crate) fn deal_step(conversion: &Conversion) -> v1::DealStepRequested {
    v1::DealStepRequested {
        context: Some(context(conversion)),
        given_deal_id: text(conversion.plan.given_deal_id),
        new_deal_id: text(conversion.plan.new_deal_id).unwrap_or_default(),
        account_id: known(conversion.account.as_ref()),
        contact_id: known(conversion.contact.as_ref()),
        deal: conversion.plan.deal.clone(),
    }
}

fn context(conversion: &Conversion) -> v1::ConversionContext {
    v1::ConversionContext {
        conversion_id: conversion.id.to_string(),
        lead: Some(conversion.lead.clone()),
        owner_id: text(conversion.plan.owner_id),
        requested_by: text(conversion.requested_by),
        fill: conversion.plan.fill.number(),
    }
}

fn text(id: Option<Uuid>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn known(linked: Option<&Linked>) -> String {
    text(linked.map(|linked| linked.id)).unwrap_or_default()
}

/// What is heard.
#[must_use]
pub fn hears() -> Vec<String> {
    vec![
        name_of::<AccountStepCompleted>(),
        name_of::<AccountStepFailed>(),
        name_of::<AccountStepUndone>(),
        name_of::<ContactStepCompleted>(),
        name_of::<ContactStepFailed>(),
        name_of::<ContactStepUndone>(),
        name_of::<DealStepCompleted>(),
        name_of::<DealStepFailed>(),
        name_of::<DealStepUndone>(),
        name_of::<MembersChanged>(),
        name_of::<TerritoriesChanged>(),
        name_of::<TerritoryMovesRequested>(),
        name_of::<RecordsHandedOver>(),
    ]
}

/// Begins to hear, until the service shuts down.
pub fn listen(host: &Host, bus: &Bus, leads: &Leads) {
    Consumer::new(host, bus)
        .on::<AccountStepCompleted>(Reactions)
        .on::<AccountStepFailed>(Reactions)
        .on::<AccountStepUndone>(Reactions)
        .on::<ContactStepCompleted>(Reactions)
        .on::<ContactStepFailed>(Reactions)
        .on::<ContactStepUndone>(Reactions)
        .on::<DealStepCompleted>(Reactions)
        .on::<DealStepFailed>(Reactions)
        .on::<DealStepUndone>(Reactions)
        .on::<MembersChanged>(refs::Members)
        .on::<TerritoriesChanged>(Moves(leads.territories().clone()))
        .on::<TerritoryMovesRequested>(Moves(leads.territories().clone()))
        .on::<RecordsHandedOver>(handover::Begin)
        .spawn();
}

/// What is done at a time and only to leads: silent conversions, leads that age or move between territories, weights that
/// changed.
#[must_use]
pub fn timers(host: &Host, leads: &Leads) -> Timers {
    Timers::new(host)
        .on(WATCHDOG, Watchdog)
        .on(
            MOVES,
            Mover::<Lead>::new(host.db.clone(), leads.territories().clone()),
        )
        .on(
            crate::service::LAPSE,
            crate::service::Lapse(leads.weights().clone()),
        )
        .on(
            crate::service::RESCORE,
            crate::service::Rescore(leads.weights().clone()),
        )
}

/// What is done when something is heard.
struct Reactions;

macro_rules! reaction {
    ($event:ident, $part:expr, $told:expr) => {
        impl Handle<$event> for Reactions {
            async fn handle(
                &self,
                tx: &mut TenantTx,
                delivery: &Delivery,
                event: $event,
            ) -> Result<(), Error> {
                let (company, conversion) = (delivery.company()?, event.conversion_id.clone());
                let read: fn($event) -> Told = $told;
                let now = OffsetDateTime::now_utc();
                saga::take(tx, company, &conversion, $part, read(event), now).await
            }
        }
    };
}

reaction!(AccountStepCompleted, Part::Account, |event| Told::Done {
    id: event.account_id,
    name: event.account_name,
    matched_existing: event.matched_existing,
});
reaction!(AccountStepFailed, Part::Account, |event| Told::Failed(
    event.reason
));
reaction!(AccountStepUndone, Part::Account, |_| Told::Undone);
reaction!(ContactStepCompleted, Part::Contact, |event| Told::Done {
    id: event.contact_id,
    name: event.contact_name,
    matched_existing: event.matched_existing,
});
reaction!(ContactStepFailed, Part::Contact, |event| Told::Failed(
    event.reason
));
reaction!(ContactStepUndone, Part::Contact, |_| Told::Undone);
reaction!(DealStepCompleted, Part::Deal, |event| Told::Done {
    id: event.deal_id,
    name: event.deal_name,
    matched_existing: event.matched_existing,
});
reaction!(DealStepFailed, Part::Deal, |event| Told::Failed(event.reason));
reaction!(DealStepUndone, Part::Deal, |_| Told::Undone);

/// What is done when something is heard of territories.
struct Moves(Territories);

impl Handle<TerritoriesChanged> for Moves {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: TerritoriesChanged,
    ) -> Result<(), Error> {
        let company = delivery.company()?;
        territories::keep(tx, company, &event.changes).await?;
        territories::empty::<Lead>(tx, &self.0, company, &event.changes).await
    }
}

impl Handle<TerritoryMovesRequested> for Moves {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: TerritoryMovesRequested,
    ) -> Result<(), Error> {
        let TerritoryMovesRequested {
            job_id,
            territory,
            requested_by,
        } = event;
        let (company, territory) = (delivery.company()?, territory.unwrap_or_default());
        let changed = territory.change.clone().unwrap_or_default();
        // This may have come before the event that tells of the change itself.
        territories::keep(tx, company, &[territory]).await?;
        let sweep = Sweep {
            id: write::parse_id(&job_id)?,
            territory_id: write::parse_id(&changed.id)?,
            emptying: false,
            actor: requested_by.as_deref().map(write::parse_id).transpose()?,
        };
        territories::begin::<Lead>(tx, company, sweep).await
    }
}
