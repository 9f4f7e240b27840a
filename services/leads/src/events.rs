//! What leads tells, and what it reacts to. That leads were changed is written with the change itself.

use kontor_chassis::{Error, Host, TenantTx};
use kontor_events::{Bus, Consumer, Delivery, Handle, Outgoing, timers::Timers};
use kontor_proto::{
    accounts::v1::{AccountStepCompleted, AccountStepFailed, TerritoriesChanged, TerritoryMovesRequested},
    contacts::v1::{ContactStepCompleted, ContactStepFailed},
    deals::v1::{DealStepCompleted, DealStepFailed},
    identity::v1::{MembersChanged, RecordsHandedOver},
    leads::v1,
};
use kontor_records::{
    Choice,
    handover::{self, HandOver},
    implied::MEMBER,
    refs,
    territories::{self, MOVES, Mover, Sweep, Territories},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    conversion::{Conversion, Part},
    model::Lead,
    service::{
        Leads,
        saga::{self, Told, WATCHDOG, Watchdog},
    },
};

/// Asks a service for its part of a conversion. Asked again, it answers again.
#[must_use]
pub fn request(conversion: &Conversion, part: Part) -> Outgoing {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    let known =
        |linked: &Option<crate::conversion::Linked>| text(linked.as_ref().map(|l| l.id)).unwrap_or_default();
    let plan = &conversion.plan;
    let context = Some(v1::ConversionContext {
        conversion_id: conversion.id.to_string(),
        lead: Some(conversion.lead.clone()),
        owner_id: text(plan.owner_id),
        requested_by: text(conversion.requested_by),
        fill: plan.fill.number(),
    });
    let (company, by) = (conversion.company_id, conversion.requested_by);
    let request = match part {
        Part::Account => {
            let request = v1::AccountStepRequested {
                context,
                given_account_id: text(plan.given_account_id),
                new_account_id: plan.new_account_id.to_string(),
            };
            Outgoing::new(company, by, &request)
        }
        Part::Contact => {
            let request = v1::ContactStepRequested {
                context,
                given_contact_id: text(plan.given_contact_id),
                new_contact_id: plan.new_contact_id.to_string(),
                account_id: known(&conversion.account),
                account_name: conversion.account_name.clone().unwrap_or_default(),
            };
            Outgoing::new(company, by, &request)
        }
        Part::Deal => {
            let request = v1::DealStepRequested {
                context,
                given_deal_id: text(plan.given_deal_id),
                new_deal_id: text(plan.new_deal_id).unwrap_or_default(),
                account_id: known(&conversion.account),
                contact_id: known(&conversion.contact),
                deal: plan.deal.clone(),
            };
            Outgoing::new(company, by, &request)
        }
    };
    request.about(conversion.id).addressed()
}

/// Begins to hear, until the service shuts down.
pub fn listen(host: &Host, bus: &Bus, leads: &Leads) {
    Consumer::new(host, bus)
        .on::<AccountStepCompleted>(Reactions)
        .on::<AccountStepFailed>(Reactions)
        .on::<ContactStepCompleted>(Reactions)
        .on::<ContactStepFailed>(Reactions)
        .on::<DealStepCompleted>(Reactions)
        .on::<DealStepFailed>(Reactions)
        .on::<MembersChanged>(Reactions)
        .on::<TerritoriesChanged>(Moves(leads.territories().clone()))
        .on::<TerritoryMovesRequested>(Moves(leads.territories().clone()))
        .on::<RecordsHandedOver>(handover::Begin)
        .spawn();
}

/// What is done at a time: silent conversions, leads that change hands, age or move between territories, weights that
/// changed.
#[must_use]
pub fn timers(host: &Host, leads: &Leads) -> Timers {
    Timers::new(host)
        .on(WATCHDOG, Watchdog)
        .on(handover::TIMER, HandOver::<crate::model::Lead>::default())
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
    ($completed:ident, $failed:ident, $part:expr, $id:ident, $name:ident) => {
        impl Handle<$completed> for Reactions {
            async fn handle(
                &self,
                tx: &mut TenantTx,
                delivery: &Delivery,
                event: $completed,
            ) -> Result<(), Error> {
                let $completed {
                    conversion_id,
                    $id: id,
                    $name: name,
                    matched_existing,
                } = event;
                let told = Told::Done {
                    id,
                    name,
                    matched_existing,
                };
                saga::take(
                    tx,
                    delivery.company()?,
                    &conversion_id,
                    $part,
                    told,
                    OffsetDateTime::now_utc(),
                )
                .await
            }
        }

        impl Handle<$failed> for Reactions {
            async fn handle(
                &self,
                tx: &mut TenantTx,
                delivery: &Delivery,
                event: $failed,
            ) -> Result<(), Error> {
                let $failed {
                    conversion_id,
                    reason,
                } = event;
                let told = Told::Failed(reason);
                saga::take(
                    tx,
                    delivery.company()?,
                    &conversion_id,
                    $part,
                    told,
                    OffsetDateTime::now_utc(),
                )
                .await
            }
        }
    };
}

reaction!(
    AccountStepCompleted,
    AccountStepFailed,
    Part::Account,
    account_id,
    account_name
);
reaction!(
    ContactStepCompleted,
    ContactStepFailed,
    Part::Contact,
    contact_id,
    contact_name
);
reaction!(DealStepCompleted, DealStepFailed, Part::Deal, deal_id, deal_name);

impl Handle<MembersChanged> for Reactions {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: MembersChanged,
    ) -> Result<(), Error> {
        refs::apply(tx, delivery.company()?, MEMBER, &event.changes).await
    }
}

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
