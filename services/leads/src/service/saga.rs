//! The course of a conversion: what is done when a part tells how it ended, and when it tells nothing.
//!
//! account → contact → deal, one after the other, each in its own service. What is told twice, or too late, changes
//! nothing. A part that can't be done ends the conversion: the others are asked to take theirs back. So they are when a person wants a
//! completed one undone; then the lead is where it was once every part has said that it is done.

use std::time::Duration;

use kontor_chassis::{Caller, Error, TenantTx, caller::Permissions};
use kontor_events::{
    Outgoing, outbox,
    timers::{self, Due, Timer},
};
use kontor_proto::leads::v1;
use kontor_records::{
    refs,
    write::{self, Change, Which},
};
use prost::Message;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    conversion::{Conversion, ConversionState, Linked, Part, timestamp},
    events::{request, undo_request},
    model::{BecameOf, Lead, LeadStatus},
    store::conversions,
};

/// The kind of the timer that asks a silent part again.
pub const WATCHDOG: &str = "conversion";
const FIRST_ROUND: Duration = Duration::from_secs(10);
const LAST_ROUND: Duration = Duration::from_secs(300);

/// What a part has told of itself.
#[derive(Debug)]
pub enum Told {
    /// It is done.
    Done {
        /// The record, as an id.
        id: String,
        /// What a person calls it.
        name: String,
        /// It was there before.
        matched_existing: bool,
    },
    /// It can't be done, for this reason.
    Failed(String),
    /// It is taken back.
    Undone,
}

/// Takes in what a part of a conversion has told, and goes on from there.
///
/// # Errors
/// Invalid for ids that can't be read; Unavailable and Internal as the database fails.
pub async fn take(
    tx: &mut TenantTx,
    company: Uuid,
    conversion_id: &str,
    part: Part,
    told: Told,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let id = refs::required("conversion_id", conversion_id)?;
    // Told to every service's leads: one that is not there was another installation's.
    let Some(mut conversion) = conversions::find_for_update(tx, company, id).await? else {
        return Err(Error::not_found("conversion"));
    };
    match told {
        Told::Done {
            id,
            name,
            matched_existing,
        } => {
            let id = refs::required("id", &id)?;
            let linked = Linked {
                id,
                matched_existing,
                undone: false,
            };
            if !conversion.take(part, linked) {
                return Ok(());
            }
            if part == Part::Account {
                conversion.account_name = Some(name);
            }
            if conversion.complete(now) {
                complete(tx, &conversion, now).await?;
            } else if let Some(next) = conversion.awaited() {
                outbox::put(tx, &[request(&conversion, next)]).await?;
            }
        }
        Told::Failed(reason) => {
            if !conversion.fail(part, reason, now) {
                return Ok(());
            }
            fail(tx, &conversion, now).await?;
        }
        Told::Undone => {
            // Of a failed conversion too; that has ended already.
            if conversion.state != ConversionState::Undoing {
                return Ok(());
            }
            if conversion.take_back(part, now) {
                undone(tx, &conversion, now).await?;
            }
        }
    }
    Ok(conversions::save(tx, &conversion).await?)
}

/// Sets the watchdog of a conversion, later with each round.
///
/// # Errors
/// As the database fails.
pub async fn watch(
    conn: &mut PgConnection,
    conversion: &Conversion,
    round: u32,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let due_at = now + (FIRST_ROUND * (1 << round.min(8))).min(LAST_ROUND);
    timers::set(
        conn,
        conversion.id,
        WATCHDOG,
        due_at,
        conversion.company_id,
        &round,
    )
    .await?;
    Ok(())
}

/// Asks a part again that has been silent for long. It answers with what it has done, or does it now.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog;

impl Due for Watchdog {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let round = u32::decode(timer.payload.as_slice()).map_err(Error::internal)?;
        let Some(conversion) = conversions::find_for_update(tx, timer.company, timer.id).await? else {
            return Ok(());
        };
        let again = match (conversion.awaited(), conversion.state) {
            (Some(part), _) => request(&conversion, part),
            (None, ConversionState::Undoing) => undo_request(&conversion),
            (None, _) => return Ok(()),
        };
        tracing::info!(conversion = %conversion.id, kind = again.kind, round, "parts of a conversion are asked again");
        outbox::put(tx, &[again]).await?;
        watch(tx, &conversion, round + 1, OffsetDateTime::now_utc()).await
    }
}

/// The lead is converted.
async fn complete(tx: &mut TenantTx, conversion: &Conversion, now: OffsetDateTime) -> Result<(), Error> {
    let became = conversion.became();
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    let event = v1::LeadConverted {
        lead_id: conversion.lead_id.to_string(),
        conversion_id: conversion.id.to_string(),
        account_id: text(became.account_id).unwrap_or_default(),
        contact_id: text(became.contact_id).unwrap_or_default(),
        deal_id: text(became.deal_id),
        converted_at: Some(timestamp(now)),
        converted_by: text(conversion.requested_by),
    };
    let told =
        Outgoing::new(conversion.company_id, conversion.requested_by, &event).about(conversion.lead_id);
    let actor = actor(conversion.company_id, conversion.requested_by);
    let change = Change::new(&actor, now, "converted").telling(told);
    let before = lead(tx, conversion).await?;
    let after = Lead {
        status: LeadStatus::Converted,
        conversion: became,
        ..before.clone()
    };
    write::update(tx, &before, after, change).await?;
    Ok(timers::cancel(tx, conversion.id).await?)
}

/// The lead is again where it was, and what was done for it is taken back.
async fn fail(tx: &mut TenantTx, conversion: &Conversion, now: OffsetDateTime) -> Result<(), Error> {
    let failed = v1::LeadConversionFailed {
        lead_id: conversion.lead_id.to_string(),
        conversion_id: conversion.id.to_string(),
        reason: conversion
            .failure
            .as_ref()
            .map(|failure| failure.reason.clone())
            .unwrap_or_default(),
    };
    let (company, by) = (conversion.company_id, conversion.requested_by);
    let actor = actor(company, by);
    let change = Change::new(&actor, now, "conversion_failed")
        .telling(Outgoing::new(company, by, &failed).about(conversion.lead_id))
        .telling(undo_request(conversion));
    let before = lead(tx, conversion).await?;
    let after = Lead {
        status: conversion.lead_status_before,
        ..before.clone()
    };
    write::update(tx, &before, after, change).await?;
    Ok(timers::cancel(tx, conversion.id).await?)
}

/// Everything is taken back: the lead is where it was before the conversion, and may be converted again.
async fn undone(tx: &mut TenantTx, conversion: &Conversion, now: OffsetDateTime) -> Result<(), Error> {
    let (company, by) = (conversion.company_id, conversion.undo_requested_by);
    let event = v1::LeadConversionUndone {
        lead_id: conversion.lead_id.to_string(),
        conversion_id: conversion.id.to_string(),
        undone_by: by.map(|id| id.to_string()),
    };
    let actor = actor(company, by);
    let change = Change::new(&actor, now, "conversion_undone")
        .telling(Outgoing::new(company, by, &event).about(conversion.lead_id));
    let before = lead(tx, conversion).await?;
    let after = Lead {
        status: conversion.lead_status_before,
        conversion: BecameOf::default(),
        ..before.clone()
    };
    write::update(tx, &before, after, change).await?;
    Ok(timers::cancel(tx, conversion.id).await?)
}

async fn lead(tx: &mut TenantTx, conversion: &Conversion) -> Result<Lead, Error> {
    let system = Caller::system(conversion.company_id);
    write::get_for_update(tx, &system, conversion.lead_id, "convert", Which::Any).await
}

/// Who asked for it, as the one who changes the lead.
fn actor(company: Uuid, by: Option<Uuid>) -> Caller {
    match by {
        Some(user) => Caller::person(user, company, Uuid::nil(), "", Permissions::default(), None),
        None => Caller::system(company),
    }
}
