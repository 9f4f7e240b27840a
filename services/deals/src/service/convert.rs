//! The deal of a conversion: what is asked of deals and what it tells. How it is linked or made once and taken back
//! is [`saga`]'s.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::{
    deals::v1::{self, DealStepCompleted, DealStepFailed, DealStepUndone},
    leads::v1::{ConversionContext, ConversionFill, DealStepRequested, Lead, LeadSource},
    records::v1::{SagaPlan, SagaTouch},
};
use kontor_records::{
    Record,
    saga::{self, Asked, Candidate, Fill, Participant},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Deals;
use crate::{model::Deal, service::pipelines, store};

/// The step of a conversion that is asked for.
#[derive(Debug)]
pub struct Step {
    asked: DealStepRequested,
    context: ConversionContext,
    lead: Lead,
}

impl Step {
    /// Reads a request.
    #[must_use]
    pub fn of(mut asked: DealStepRequested) -> Self {
        let mut context = asked.context.take().unwrap_or_default();
        let lead = context.lead.take().unwrap_or_default();
        Self { asked, context, lead }
    }
}

impl Participant for Step {
    type Record = Deal;
    type Done = DealStepCompleted;
    type Failed = DealStepFailed;
    type Undone = DealStepUndone;
    const WRITES: &'static [&'static str] = &[
        "account_id",
        "contact_ids",
        "lead_id",
        "amount",
        "expected_close_date",
        "source",
    ];

    fn asked(&self) -> Asked<'_> {
        Asked {
            saga: &self.context.conversion_id,
            by: self.context.requested_by.as_deref(),
            fill: match self.context.fill() {
                ConversionFill::Keep => Fill::Keep,
                ConversionFill::Overwrite => Fill::Overwrite,
                ConversionFill::Unspecified | ConversionFill::Blanks => Fill::Blanks,
            },
            given: self.asked.given_deal_id.as_deref(),
            new: &self.asked.new_deal_id,
        }
    }

    fn wanted(&self) -> v1::Deal {
        let (lead, deal) = (&self.lead, self.asked.deal.clone().unwrap_or_default());
        let given = |id: &String| Some(id.clone()).filter(|id| !id.is_empty());
        v1::Deal {
            name: name_of(deal.name.as_deref(), lead),
            owner_id: self.context.owner_id.clone(),
            account_id: given(&self.asked.account_id),
            contact_ids: given(&self.asked.contact_id).into_iter().collect(),
            lead_id: given(&lead.id),
            amount: deal.amount.or_else(|| lead.budget.clone()),
            expected_close_date: deal.expected_close_date,
            source: source_of(lead),
            pipeline_id: deal.pipeline_id,
            stage_id: deal.stage_id,
            ..v1::Deal::default()
        }
    }

    fn keys(&self, _: &Deal) -> Vec<String> {
        Vec::new()
    }

    /// A deal is linked only when it is given.
    async fn same(&self, _: &mut TenantTx, _: &Deal) -> Result<Vec<Uuid>, Error> {
        Ok(Vec::new())
    }

    async fn candidates(&self, tx: &mut TenantTx, wanted: &Deal) -> Result<Vec<Candidate>, Error> {
        Ok(store::candidates(tx, wanted.company_id, &wanted.name, wanted.account_id).await?)
    }

    async fn place(
        &self,
        tx: &mut TenantTx,
        deal: &mut Deal,
        now: OffsetDateTime,
    ) -> Result<Result<(), String>, Error> {
        let given = |id: Uuid| Some(id).filter(|id| !id.is_nil());
        let (pipeline, stage) = (given(deal.pipeline_id), given(deal.stage_id));
        let place = pipelines::stage_for(tx, deal.company_id, pipeline, stage, now).await?;
        Ok(place
            .map(|(pipeline, stage)| deal.enter(pipeline, &stage, now))
            .map_err(|refusal| refusal.to_string()))
    }

    fn done(conversion_id: String, deal: &Deal, matched_existing: bool) -> DealStepCompleted {
        DealStepCompleted {
            conversion_id,
            deal_id: deal.id.to_string(),
            deal_name: deal.title(),
            matched_existing,
        }
    }

    fn failed(conversion_id: String, reason: String) -> DealStepFailed {
        DealStepFailed {
            conversion_id,
            reason,
        }
    }

    fn undone(conversion_id: String) -> DealStepUndone {
        DealStepUndone { conversion_id }
    }
}

impl Deals {
    /// What the step of a conversion would do.
    ///
    /// # Errors
    /// Refused for a given deal that isn't there for the caller, and for one that can't be made.
    pub async fn plan_step(
        &self,
        caller: &Caller,
        request: DealStepRequested,
        now: OffsetDateTime,
    ) -> Result<SagaPlan, Error> {
        saga::plan(&self.db, caller, &Step::of(request), now).await
    }

    /// What stands in the way of taking a conversion back.
    ///
    /// # Errors
    /// Invalid for ids that can't be read.
    pub async fn touches(
        &self,
        caller: &Caller,
        request: v1::ListDealTouchesRequest,
    ) -> Result<Vec<SagaTouch>, Error> {
        let v1::ListDealTouchesRequest {
            conversion_id,
            account_id,
            contact_id,
        } = request;
        let (company, conversion) = (caller.company_id(), write::parse_id(&conversion_id)?);
        let mut tx = self.db.read(caller).await?;
        let account = account_id.as_deref().map(write::parse_id).transpose()?;
        let contact = contact_id.as_deref().map(write::parse_id).transpose()?;
        let linked = store::with(&mut tx, company, account, contact).await?;
        saga::touches::<Deal>(&mut tx, company, conversion, &linked).await
    }
}

/// The name of a new deal: what the caller wants, else the company's or the person's.
fn name_of(wanted: Option<&str>, lead: &Lead) -> String {
    let names = [wanted, lead.company_name.as_deref(), Some(&lead.full_name)];
    names
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(|name| !name.is_empty())
        .unwrap_or("Deal")
        .to_owned()
}

/// The word of a lead's source.
fn source_of(lead: &Lead) -> Option<String> {
    let word = lead.source().as_str_name().strip_prefix("LEAD_SOURCE_")?;
    (lead.source() != LeadSource::Unspecified).then(|| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use kontor_proto::{leads::v1::ConvertLeadDeal, records::v1::Money};

    use super::*;

    fn request(lead: Lead, deal: ConvertLeadDeal) -> Step {
        Step::of(DealStepRequested {
            context: Some(ConversionContext {
                lead: Some(lead),
                ..ConversionContext::default()
            }),
            deal: Some(deal),
            ..DealStepRequested::default()
        })
    }

    fn money(amount: &str, currency: &str) -> Money {
        Money {
            amount: amount.into(),
            currency: currency.into(),
        }
    }

    #[test]
    fn a_deal_is_worth_the_budget_unless_the_caller_says_otherwise() {
        let lead = Lead {
            budget: Some(money("500", "EUR")),
            ..Lead::default()
        };
        let wanted = request(lead.clone(), ConvertLeadDeal::default()).wanted();
        assert_eq!(wanted.amount, Some(money("500", "EUR")));
        let said = ConvertLeadDeal {
            amount: Some(money("7.50", "USD")),
            ..ConvertLeadDeal::default()
        };
        assert_eq!(request(lead, said).wanted().amount, Some(money("7.50", "USD")));
    }

    #[test]
    fn a_deal_is_named_after_the_company_or_else_the_person() {
        let mut lead = Lead {
            full_name: "Ada Lovelace".into(),
            ..Lead::default()
        };
        assert_eq!(name_of(None, &lead), "Ada Lovelace");
        lead.company_name = Some("Engines".into());
        assert_eq!(name_of(None, &lead), "Engines");
        assert_eq!(name_of(Some("Big one"), &lead), "Big one");
    }
}
