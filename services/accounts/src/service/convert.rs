//! The account of a conversion: linked or made once, told again when asked again, and taken back.

use kontor_chassis::{Caller, Error, TenantTx, caller::Permissions};
use kontor_events::{Outgoing, outbox};
use kontor_proto::{
    accounts::v1::{AccountStepCompleted, AccountStepFailed},
    leads::v1::{AccountStepRequested, ConversionContext, ConversionFill, ConversionUndoRequested},
};
use kontor_records::{
    Record,
    write::{self, Change, Which},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    conversion::{self, Details, Filled, Step},
    matching,
    model::{Account, AccountType},
    store::{self, steps},
};

/// Does the step of a conversion, unless it was done or taken back before, and tells how it ended.
///
/// # Errors
/// Invalid for a request that can't be read; Unavailable and Internal as the database fails.
pub async fn step(
    tx: &mut TenantTx,
    company: Uuid,
    request: AccountStepRequested,
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
        account,
        matched_existing,
        version,
        filled,
    }) = steps::find(tx, company, conversion).await?
    {
        if matched_existing {
            empty(tx, company, account, &filled, now).await?;
        } else {
            remove(tx, company, conversion, account, version, now).await?;
        }
    }
    steps::save(tx, company, conversion, &Step::Undone).await?;
    Ok(())
}

async fn link_or_make(
    tx: &mut TenantTx,
    company: Uuid,
    context: &ConversionContext,
    request: &AccountStepRequested,
    now: OffsetDateTime,
) -> Result<Step, Error> {
    let lead = context.lead.clone().unwrap_or_default();
    let details = Details::of_lead(&lead);
    let actor = actor(company, context)?;
    if let Some(given) = &request.given_account_id {
        let given = write::parse_id(given)?;
        return Ok(match load(tx, company, given, Which::Present).await? {
            Some(account) => link(tx, &actor, account, &details, context.fill(), now).await?,
            None => Step::Failed {
                reason: "The account that was to be linked is not there any more.".to_owned(),
            },
        });
    }
    let name = conversion::name_of(&lead);
    let name_key = matching::name_key(name);
    let domain = lead.website.as_deref().and_then(matching::domain);
    let mut keys = vec![format!("name {name_key}")];
    keys.extend(domain.iter().map(|domain| format!("domain {domain}")));
    steps::lock(tx, company, &keys).await?;
    if let [only] = store::matching(tx, company, &name_key, domain.as_deref())
        .await?
        .as_slice()
        && let Some(account) = load(tx, company, *only, Which::Present).await?
    {
        return link(tx, &actor, account, &details, context.fill(), now).await;
    }
    let mut account = Account::draft(write::parse_id(&request.new_account_id)?, &actor, now);
    account.name = name.to_owned();
    account.r#type = Some(AccountType::Prospect);
    account.owner_id = context.owner_id.as_deref().map(write::parse_id).transpose()?;
    details.write(&mut account);
    account.settle();
    let account = write::insert(tx, &account, Change::new(&actor, now, "created")).await?;
    Ok(Step::Completed {
        account: account.id,
        matched_existing: false,
        version: account.version,
        filled: Filled::default(),
    })
}

/// Links an account that is there, and writes into it what the conversion is to write.
async fn link(
    tx: &mut TenantTx,
    actor: &Caller,
    before: Account,
    lead: &Details,
    fill: ConversionFill,
    now: OffsetDateTime,
) -> Result<Step, Error> {
    let (after, filled) = {
        let own = Details::of_account(&before);
        let full = own.filled(lead, fill);
        let mut after = before.clone();
        full.clone().write(&mut after);
        after.settle();
        (after, Filled::between(own, full))
    };
    let account = write::update(tx, &before, after, Change::new(actor, now, "linked")).await?;
    steps::follow(
        tx,
        account.company_id,
        account.id,
        before.version,
        account.version,
    )
    .await?;
    Ok(Step::Completed {
        account: account.id,
        matched_existing: true,
        version: account.version,
        filled,
    })
}

/// Takes out of an account what a conversion wrote into it.
async fn empty(
    tx: &mut TenantTx,
    company: Uuid,
    account: Uuid,
    filled: &Filled,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(before) = load(tx, company, account, Which::Any).await? else {
        return Ok(());
    };
    let mut after = before.clone();
    filled.taken_back(Details::of_account(&before)).write(&mut after);
    after.settle();
    let system = Caller::system(company);
    let account = write::update(tx, &before, after, Change::new(&system, now, "conversion_undone")).await?;
    Ok(steps::follow(tx, company, account.id, before.version, account.version).await?)
}

/// Deletes an account that a conversion made: unless somebody has worked on it since, or another conversion linked it,
/// which is then the one that made it.
async fn remove(
    tx: &mut TenantTx,
    company: Uuid,
    conversion: Uuid,
    account: Uuid,
    version: i64,
    now: OffsetDateTime,
) -> Result<(), Error> {
    // Locked first: a conversion that links it at this moment is seen, or sees it deleted.
    let Some(before) = load(tx, company, account, Which::Present).await? else {
        return Ok(());
    };
    if let Some(heir) = steps::heir(tx, company, conversion, account).await? {
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
            account,
            matched_existing,
            ..
        } => {
            let name = load(tx, company, account, Which::Any)
                .await?
                .map(|account| account.title());
            let event = AccountStepCompleted {
                conversion_id,
                account_id: account.to_string(),
                account_name: name.unwrap_or_default(),
                matched_existing,
            };
            Outgoing::new(company, None, &event)
        }
        Step::Failed { reason } => Outgoing::new(
            company,
            None,
            &AccountStepFailed {
                conversion_id,
                reason,
            },
        ),
        Step::Undone => return Ok(()),
    };
    Ok(outbox::put(tx, &[message.about(conversion).addressed()]).await?)
}

async fn load(tx: &mut TenantTx, company: Uuid, id: Uuid, which: Which) -> Result<Option<Account>, Error> {
    match write::get_for_update(tx, &Caller::system(company), id, "update", which).await {
        Ok(account) => Ok(Some(account)),
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
