//! Converting a lead: the beginning, and the waiting for the end. What lies between is the saga's.

use std::time::Duration;

use kontor_chassis::{
    Caller, Error, FieldErrors,
    db::{Signal, Subscription},
    idempotency::Interim,
};
use kontor_proto::leads::v1;
use kontor_records::{
    Choice, Leaf, Record, Value,
    field::Field,
    leaf, refs,
    write::{self, Change, Which},
};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{Leads, saga};
use crate::{
    conversion::{Conversion, ConversionState, Fill, Plan},
    error,
    events::request,
    model::{Lead, LeadStatus},
    references::Given,
    states::{self, Step},
    store::conversions,
};

/// Without `wait_seconds`.
pub(super) const USUAL_WAIT: i32 = 5;
const LONGEST_WAIT: i32 = 30;

/// What a caller wants of a conversion, read and in bounds.
#[derive(Debug)]
pub struct Wish {
    pub(super) lead_id: Uuid,
    etag: String,
    pub(super) given: Given,
    wants_deal: bool,
    deal: Option<v1::ConvertLeadDeal>,
    fill: Fill,
    patience: Duration,
}

impl Wish {
    /// Reads a request.
    ///
    /// # Errors
    /// Invalid names every field that can't be meant.
    pub fn of(request: v1::ConvertLeadRequest) -> Result<Self, Error> {
        let fill = Fill::from_number(request.fill.unwrap_or_default()).unwrap_or(Fill::Blanks);
        let v1::ConvertLeadRequest {
            id,
            account_id,
            contact_id,
            create_deal,
            deal,
            owner_id,
            wait_seconds,
            deal_id,
            fill: _,
            etag,
        } = request;
        let lead_id = write::parse_id(&id)?;
        let mut errors = FieldErrors::new();
        let mut read = |field: &'static str, id: Option<String>| {
            let id = id.filter(|id| !id.is_empty())?;
            refs::required(field, &id)
                .map_err(|error| errors.extend(error.fields().to_vec()))
                .ok()
        };
        let given = Given {
            account: read("account_id", account_id),
            contact: read("contact_id", contact_id),
            deal: read("deal_id", deal_id),
            owner: read("owner_id", owner_id),
            pipeline: read(
                "deal.pipeline_id",
                deal.as_ref().and_then(|deal| deal.pipeline_id.clone()),
            ),
            stage: read(
                "deal.stage_id",
                deal.as_ref().and_then(|deal| deal.stage_id.clone()),
            ),
        };
        if let Some(deal) = &deal {
            check_deal(deal, &mut errors);
        }
        errors.into_result()?;
        let wait = wait_seconds.unwrap_or(USUAL_WAIT);
        let patience = u64::try_from(wait)
            .ok()
            .filter(|_| wait <= LONGEST_WAIT)
            .ok_or(error::Error::WaitOutOfRange)?;
        Ok(Self {
            lead_id,
            etag,
            given,
            wants_deal: create_deal.unwrap_or(true) || given.deal.is_some(),
            deal,
            fill,
            patience: Duration::from_secs(patience),
        })
    }

    fn plan(&self, lead: &Lead) -> Plan {
        Plan {
            given_account_id: self.given.account,
            given_contact_id: self.given.contact,
            given_deal_id: self.given.deal,
            new_account_id: Uuid::now_v7(),
            new_contact_id: Uuid::now_v7(),
            new_deal_id: self.wants_deal.then(Uuid::now_v7),
            deal: self.deal.clone(),
            owner_id: self.given.owner.or(lead.owner_id),
            fill: self.fill,
        }
    }

    /// The conversion of this lead, before anything is done.
    pub(super) fn conversion(&self, caller: &Caller, lead: &Lead, now: OffsetDateTime) -> Conversion {
        Conversion {
            company_id: lead.company_id,
            id: Uuid::now_v7(),
            lead_id: lead.id,
            state: ConversionState::Running,
            lead_status_before: lead.status,
            requested_by: caller.user_id(),
            lead: lead.clone().into_message(),
            plan: self.plan(lead),
            account: None,
            account_name: None,
            contact: None,
            deal: None,
            failure: None,
            undo_requested_by: None,
            started_at: now,
            finished_at: None,
        }
    }

    fn gives_something(&self) -> bool {
        let Given {
            account,
            contact,
            deal,
            owner,
            pipeline,
            stage,
        } = self.given;
        [account, contact, deal, owner, pipeline, stage]
            .iter()
            .any(Option::is_some)
    }
}

/// Judges the deal's fields as deals judges them.
fn check_deal(deal: &v1::ConvertLeadDeal, errors: &mut FieldErrors) {
    let v1::ConvertLeadDeal {
        name,
        amount,
        expected_close_date,
        pipeline_id: _,
        stage_id: _,
    } = deal;
    let mut leaves: Vec<Leaf> = Vec::new();
    <Option<String>>::describe("name", &leaf::text(200), &mut leaves);
    <Option<Date>>::describe("expected_close_date", &leaf::date(), &mut leaves);
    <Option<kontor_records::Money>>::describe("amount", &leaf::money(), &mut leaves);
    let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    let given = [
        text(name.clone()),
        text(expected_close_date.clone()),
        text(amount.as_ref().map(|amount| amount.amount.clone())),
        text(amount.as_ref().map(|amount| amount.currency.clone())),
    ];
    for (leaf, value) in leaves.iter().zip(given) {
        let required = amount.is_some() && leaf.path.starts_with("amount");
        match leaf.admit(value) {
            Ok(value) if required && value.is_blank() => {
                errors.push(format!("deal.{}", leaf.path), "required", "This is required.");
            }
            Ok(_) => {}
            Err(fault) => errors.push(format!("deal.{}", fault.path(leaf)), fault.code, fault.message),
        }
    }
}

impl Leads {
    /// Converts a lead, and waits for the end as long as the caller wishes. A lead that is converting or converted answers
    /// its conversion.
    ///
    /// # Errors
    /// NotFound, Forbidden, Stale; Refused for something given that isn't there; Conflict when its state doesn't allow it
    /// or a part can't be done.
    pub async fn convert(
        &self,
        caller: &Caller,
        wish: &Wish,
        now: OffsetDateTime,
    ) -> Result<(Conversion, Lead), Error> {
        let mut ended = self.db.signals().subscribe(conversions::ENDED);
        let begun = match self.begin(caller, wish, false, now).await? {
            Begun::Unchecked => {
                self.homes.check(caller, wish.given).await?;
                self.begin(caller, wish, true, now).await?
            }
            begun => begun,
        };
        let id = match begun {
            Begun::Ended(conversion, lead) => return Ok((*conversion, *lead)),
            Begun::AtWork(id) => id,
            Begun::Unchecked => return Err(Error::internal("what was given was not checked")),
        };
        self.wait(caller, id, &mut ended, wish.patience).await;
        let mut tx = self.db.read(caller).await?;
        let conversion = conversions::find(&mut tx, caller.company_id(), id).await?;
        let conversion =
            conversion.ok_or_else(|| Error::internal("a conversion that was begun is not there"))?;
        if let Some(failure) = conversion.failure {
            return Err(error::Error::ConversionFailed(failure.reason).into());
        }
        let lead = write::get(&mut tx, caller, wish.lead_id).await?;
        Ok((conversion, lead))
    }

    /// The last conversion of a lead.
    ///
    /// # Errors
    /// NotFound, also for a lead that was never converted.
    pub async fn conversion(&self, caller: &Caller, id: &str) -> Result<Conversion, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let lead: Lead = write::get(&mut tx, caller, id).await?;
        let last = conversions::last_of(&mut tx, caller.company_id(), lead.id).await?;
        Ok(last.ok_or(error::Error::NeverConverted)?)
    }

    /// Begins the conversion, unless there is one.
    async fn begin(
        &self,
        caller: &Caller,
        wish: &Wish,
        checked: bool,
        now: OffsetDateTime,
    ) -> Result<Begun, Error> {
        let mut tx = self.db.begin(caller).await?;
        let before: Lead =
            write::get_for_update(&mut tx, caller, wish.lead_id, "convert", Which::Present).await?;
        if matches!(before.status, LeadStatus::Converting | LeadStatus::Converted)
            && let Some(live) = conversions::live_of(&mut tx, caller.company_id(), before.id).await?
        {
            return match live.state {
                ConversionState::Running => Ok(Begun::AtWork(live.id)),
                ConversionState::Undoing => Err(error::Error::Undoing.into()),
                ConversionState::Completed | ConversionState::Failed | ConversionState::Undone => {
                    Ok(Begun::Ended(Box::new(live), Box::new(before)))
                }
            };
        }
        before.match_etag(&wish.etag)?;
        let state = before.status;
        let status = states::after(state, Step::Convert).ok_or(error::Error::WrongState {
            state,
            step: Step::Convert,
        })?;
        if !checked && wish.gives_something() {
            return Ok(Begun::Unchecked);
        }
        let conversion = wish.conversion(caller, &before, now);
        conversions::insert(&mut tx, &conversion).await?;
        let mut change = Change::new(caller, now, Step::Convert.action());
        if let Some(part) = conversion.awaited() {
            change = change.telling(request(&conversion, part));
        }
        let after = Lead {
            status,
            ..before.clone()
        };
        let lead = write::update(&mut tx, &before, after, change).await?;
        saga::watch(&mut tx, &conversion, 0, now).await?;
        // Should this process die, the saga goes on without it: a repeat of the request is told that it does.
        let running = v1::ConvertLeadResponse {
            conversion: Some(conversion.to_message()),
            lead: Some(lead.into_message()),
        };
        tx.commit_midway(Some(Interim::running(&running))).await?;
        Ok(Begun::AtWork(conversion.id))
    }

    /// Waits until a conversion has ended, at most so long, and no longer than the process may live.
    pub(super) async fn wait(&self, caller: &Caller, id: Uuid, ended: &mut Subscription, patience: Duration) {
        let told = id.to_string();
        let end = async {
            loop {
                match ended.recv().await {
                    Signal::Payload(id) if *id == *told => return,
                    Signal::Payload(_) => {}
                    Signal::Missed => match self.has_ended(caller, id).await {
                        Ok(true) => return,
                        Ok(false) => {}
                        Err(error) => tracing::debug!(%error, "a conversion can't be looked at"),
                    },
                }
            }
        };
        let _ = tokio::time::timeout(patience, self.draining.run_until_cancelled(end)).await;
    }

    async fn has_ended(&self, caller: &Caller, id: Uuid) -> Result<bool, Error> {
        let mut tx = self.db.read(caller).await?;
        let conversion = conversions::find(&mut tx, caller.company_id(), id).await?;
        Ok(conversion.is_none_or(|conversion| conversion.has_ended()))
    }
}

/// How a conversion stands after it was asked for.
enum Begun {
    /// It ended before.
    Ended(Box<Conversion>, Box<Lead>),
    /// It is at work.
    AtWork(Uuid),
    /// It can begin, once it is known that everything given is there.
    Unchecked,
}
