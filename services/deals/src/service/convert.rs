//! The deal of a conversion: linked or made once, told again when asked again, and taken back.

use kontor_chassis::{Caller, Error, TenantTx, caller::Permissions};
use kontor_events::{Outgoing, outbox};
use kontor_proto::{
    deals::v1::{DealStepCompleted, DealStepFailed},
    leads::v1::{ConversionContext, ConversionFill, ConversionUndoRequested, DealStepRequested},
};
use kontor_records::{
    Record,
    write::{self, Change, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    conversion::{self, Details, Filled, Step},
    model::Deal,
    service::pipelines,
    store::steps,
};

/// Does the step of a conversion, unless it was done or taken back before, and tells how it ended.
///
/// # Errors
/// Invalid for a request that can't be read; Unavailable and Internal as the database fails.
pub async fn step(
    tx: &mut TenantTx,
    company: Uuid,
    request: DealStepRequested,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let context = request.context.clone().unwrap_or_default();
    let conversion = write::parse_id(&context.conversion_id)?;
    steps::lock(tx, company, &[format!("conversion {conversion}")]).await?;
    let step = match steps::find(tx, company, conversion).await? {
        Some(step) => step,
        None => {
            let step = link_or_make(tx, company, &context, &request, now).await?;
            steps::save(tx, company, conversion, &step).await?;
            step
        }
    };
    tell(tx, company, conversion, step).await
}

/// Takes back what was done for a conversion, and remembers that nothing is to be done for it any more.
///
/// # Errors
/// As [`step`].
pub async fn undo(
    tx: &mut TenantTx,
    company: Uuid,
    request: &ConversionUndoRequested,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let conversion = write::parse_id(&request.conversion_id)?;
    steps::lock(tx, company, &[format!("conversion {conversion}")]).await?;
    if let Some(Step::Completed {
        deal,
        matched_existing,
        version,
        filled,
    }) = steps::find(tx, company, conversion).await?
    {
        if matched_existing {
            empty(tx, company, deal, &filled, now).await?;
        } else {
            remove(tx, company, conversion, deal, version, now).await?;
        }
    }
    steps::save(tx, company, conversion, &Step::Undone).await?;
    Ok(())
}

async fn link_or_make(
    tx: &mut TenantTx,
    company: Uuid,
    context: &ConversionContext,
    request: &DealStepRequested,
    now: OffsetDateTime,
) -> Result<Step, Error> {
    let details = match Details::of_request(request) {
        Ok(details) => details,
        Err(unreadable) => {
            return Ok(Step::Failed {
                reason: unreadable.0.to_owned(),
            });
        }
    };
    let actor = actor(company, context)?;
    if let Some(given) = &request.given_deal_id {
        let given = write::parse_id(given)?;
        return Ok(match load(tx, company, given, Which::Present).await? {
            Some(deal) => link(tx, &actor, deal, &details, context.fill(), now).await?,
            None => Step::Failed {
                reason: "The deal that was to be linked is not there any more.".to_owned(),
            },
        });
    }
    let wanted = request.deal.clone().unwrap_or_default();
    let pipeline = wanted.pipeline_id.as_deref().map(write::parse_id).transpose()?;
    let stage = wanted.stage_id.as_deref().map(write::parse_id).transpose()?;
    let (pipeline, stage) = match pipelines::stage_for(tx, company, pipeline, stage, now).await? {
        Ok(place) => place,
        Err(refusal) => {
            return Ok(Step::Failed {
                reason: refusal.to_string(),
            });
        }
    };
    let mut deal = Deal::draft(write::parse_id(&request.new_deal_id)?, &actor, now);
    deal.name = conversion::name_of(request);
    deal.owner_id = context.owner_id.as_deref().map(write::parse_id).transpose()?;
    details.write(&mut deal);
    deal.enter(pipeline, &stage, now);
    let deal = write::insert(tx, &deal, Change::new(&actor, now, "created")).await?;
    Ok(Step::Completed {
        deal: deal.id,
        matched_existing: false,
        version: deal.version,
        filled: Filled::default(),
    })
}

/// Links a deal that is there, and writes into it what the conversion is to write.
async fn link(
    tx: &mut TenantTx,
    actor: &Caller,
    before: Deal,
    lead: &Details,
    fill: ConversionFill,
    now: OffsetDateTime,
) -> Result<Step, Error> {
    let (after, filled) = {
        let own = Details::of_deal(&before);
        let full = own.filled(lead, fill);
        let mut after = before.clone();
        full.clone().write(&mut after);
        (after, Filled::between(own, full))
    };
    let deal = write::update(tx, &before, after, Change::new(actor, now, "linked")).await?;
    steps::follow(tx, deal.company_id, deal.id, before.version, deal.version).await?;
    Ok(Step::Completed {
        deal: deal.id,
        matched_existing: true,
        version: deal.version,
        filled,
    })
}

/// Takes out of a deal what a conversion wrote into it.
async fn empty(
    tx: &mut TenantTx,
    company: Uuid,
    deal: Uuid,
    filled: &Filled,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(before) = load(tx, company, deal, Which::Any).await? else {
        return Ok(());
    };
    let mut after = before.clone();
    filled.taken_back(Details::of_deal(&before)).write(&mut after);
    let system = Caller::system(company);
    let deal = write::update(tx, &before, after, Change::new(&system, now, "conversion_undone")).await?;
    Ok(steps::follow(tx, company, deal.id, before.version, deal.version).await?)
}

/// Deletes a deal that a conversion made: unless somebody has worked on it since, or another conversion linked it,
/// which is then the one that made it.
async fn remove(
    tx: &mut TenantTx,
    company: Uuid,
    conversion: Uuid,
    deal: Uuid,
    version: i64,
    now: OffsetDateTime,
) -> Result<(), Error> {
    // Locked first: a conversion that links it at this moment is seen, or sees it deleted.
    let Some(before) = load(tx, company, deal, Which::Present).await? else {
        return Ok(());
    };
    if let Some(heir) = steps::heir(tx, company, conversion, deal).await? {
        steps::inherit(tx, company, heir).await?;
        return Ok(());
    }
    if before.version == version {
        let system = Caller::system(company);
        write::delete(tx, &before, Change::new(&system, now, "conversion_undone")).await?;
    }
    Ok(())
}

async fn tell(tx: &mut TenantTx, company: Uuid, conversion: Uuid, step: Step) -> Result<(), Error> {
    let conversion_id = conversion.to_string();
    let message = match step {
        Step::Completed {
            deal,
            matched_existing,
            ..
        } => {
            let name = load(tx, company, deal, Which::Any)
                .await?
                .map(|deal| deal.title());
            let event = DealStepCompleted {
                conversion_id,
                deal_id: deal.to_string(),
                deal_name: name.unwrap_or_default(),
                matched_existing,
            };
            Outgoing::new(company, None, &event)
        }
        Step::Failed { reason } => Outgoing::new(
            company,
            None,
            &DealStepFailed {
                conversion_id,
                reason,
            },
        ),
        Step::Undone => return Ok(()),
    };
    Ok(outbox::put(tx, &[message.about(conversion).addressed()]).await?)
}

async fn load(tx: &mut TenantTx, company: Uuid, id: Uuid, which: Which) -> Result<Option<Deal>, Error> {
    match write::get_for_update(tx, &Caller::system(company), id, "update", which).await {
        Ok(deal) => Ok(Some(deal)),
        Err(error) if error.kind() == kontor_chassis::Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who asked for the conversion, as the one who changes records; nobody when the suite did by itself.
fn actor(company: Uuid, context: &ConversionContext) -> Result<Caller, Error> {
    Ok(match &context.requested_by {
        Some(user) => Caller::person(
            write::parse_id(user)?,
            company,
            Uuid::nil(),
            "",
            Permissions::default(),
            None,
        ),
        None => Caller::system(company),
    })
}
