//! The deal of a conversion: what a lead writes into one, and how that is taken back. Pure.

use kontor_proto::{
    leads::v1::{ConversionFill, DealStepRequested, LeadSource},
    records::v1 as records,
};
use kontor_records::Money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};
use uuid::Uuid;

use crate::model::Deal;

/// What was done for a conversion.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A deal is linked or made.
    Completed {
        /// The deal.
        deal: Uuid,
        /// It was there before; else this conversion made it.
        matched_existing: bool,
        /// Its version after the step.
        version: i64,
        /// What was written into one that was there.
        filled: Filled,
    },
    /// It can't be done.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
    /// It was taken back, or is never to be done.
    Undone,
}

/// What a lead says of a deal; also the same part of a deal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    account_id: Option<Uuid>,
    contact_ids: Vec<Uuid>,
    lead_id: Option<Uuid>,
    amount: Option<(Decimal, String)>,
    expected_close_date: Option<Date>,
    source: Option<String>,
}

/// The part of a deal before and after a conversion wrote into it; nothing when it wrote nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filled(Option<Box<(Details, Details)>>);

/// A part of a request that can't be read; a sentence says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

impl Details {
    /// What the request says: the caller's wishes before the lead's own fields.
    ///
    /// # Errors
    /// When an id, the amount or the date can't be read.
    pub fn of_request(request: &DealStepRequested) -> Result<Self, Unreadable> {
        let lead = request.context.as_ref().and_then(|context| context.lead.as_ref());
        let wanted = request.deal.as_ref();
        let amount = wanted
            .and_then(|deal| deal.amount.as_ref())
            .or_else(|| lead?.budget.as_ref());
        let day = wanted.and_then(|deal| deal.expected_close_date.as_deref());
        Ok(Self {
            account_id: Some(id(&request.account_id, "The account's id can't be read.")?),
            contact_ids: vec![id(&request.contact_id, "The contact's id can't be read.")?],
            lead_id: lead
                .map(|lead| id(&lead.id, "The lead's id can't be read."))
                .transpose()?,
            amount: amount.map(money).transpose()?,
            expected_close_date: day.map(date).transpose()?,
            source: lead.and_then(|lead| source_word(lead.source())),
        })
    }

    /// What the deal holds.
    #[must_use]
    pub fn of_deal(deal: &Deal) -> Self {
        Self {
            account_id: deal.account_id,
            contact_ids: deal.contact_ids.clone(),
            lead_id: deal.lead_id,
            amount: deal.amount.clone().map(|money| (money.amount, money.currency)),
            expected_close_date: deal.expected_close_date,
            source: deal.source.clone(),
        }
    }

    /// Puts them into a deal.
    pub fn write(self, deal: &mut Deal) {
        let Self {
            account_id,
            contact_ids,
            lead_id,
            amount,
            expected_close_date,
            source,
        } = self;
        deal.account_id = account_id;
        deal.contact_ids = contact_ids;
        deal.lead_id = lead_id;
        deal.amount = amount.map(|(amount, currency)| Money { amount, currency });
        deal.expected_close_date = expected_close_date;
        deal.source = source;
    }

    /// A deal's details with a request's written into them. A contact is added to those that are there.
    #[must_use]
    pub fn filled(&self, lead: &Self, fill: ConversionFill) -> Self {
        let (first, second) = match fill {
            ConversionFill::Keep => return self.clone(),
            ConversionFill::Overwrite => (lead, self),
            ConversionFill::Unspecified | ConversionFill::Blanks => (self, lead),
        };
        let mut contact_ids = self.contact_ids.clone();
        contact_ids.extend(
            lead.contact_ids
                .iter()
                .filter(|id| !self.contact_ids.contains(id)),
        );
        Self {
            account_id: first.account_id.or(second.account_id),
            contact_ids,
            lead_id: first.lead_id.or(second.lead_id),
            amount: first.amount.clone().or_else(|| second.amount.clone()),
            expected_close_date: first.expected_close_date.or(second.expected_close_date),
            source: first.source.clone().or_else(|| second.source.clone()),
        }
    }
}

impl Filled {
    /// What changed from one to the other.
    #[must_use]
    pub fn between(before: Details, after: Details) -> Self {
        Self((before != after).then(|| Box::new((before, after))))
    }

    /// A deal's details with what was written taken back, but for what somebody has changed since.
    #[must_use]
    pub fn taken_back(&self, now: Details) -> Details {
        let Some((before, after)) = self.0.as_deref() else {
            return now;
        };
        Details {
            account_id: back(now.account_id, &before.account_id, &after.account_id),
            contact_ids: back(now.contact_ids, &before.contact_ids, &after.contact_ids),
            lead_id: back(now.lead_id, &before.lead_id, &after.lead_id),
            amount: back(now.amount, &before.amount, &after.amount),
            expected_close_date: back(
                now.expected_close_date,
                &before.expected_close_date,
                &after.expected_close_date,
            ),
            source: back(now.source, &before.source, &after.source),
        }
    }
}

/// The name of a new deal: what the caller wants, else the company's or the person's.
#[must_use]
pub fn name_of(request: &DealStepRequested) -> String {
    let lead = request.context.as_ref().and_then(|context| context.lead.as_ref());
    let wanted = request.deal.as_ref().and_then(|deal| deal.name.as_deref());
    let company = lead.and_then(|lead| lead.company_name.as_deref());
    let person = lead.map(|lead| lead.full_name.as_str());
    let names = [wanted, company, person];
    names
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(|name| !name.is_empty())
        .unwrap_or("Deal")
        .to_owned()
}

fn id(text: &str, otherwise: &'static str) -> Result<Uuid, Unreadable> {
    text.parse().map_err(|_| Unreadable(otherwise))
}

fn money(money: &records::Money) -> Result<(Decimal, String), Unreadable> {
    let amount = money
        .amount
        .parse()
        .map_err(|_| Unreadable("The deal's amount can't be read."))?;
    Ok((amount, money.currency.clone()))
}

fn date(text: &str) -> Result<Date, Unreadable> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| Unreadable("The deal's closing date can't be read."))
}

/// The word of a lead's source.
fn source_word(source: LeadSource) -> Option<String> {
    let word = match source {
        LeadSource::Unspecified => return None,
        LeadSource::Website => "website",
        LeadSource::Referral => "referral",
        LeadSource::ColdCall => "cold_call",
        LeadSource::EmailCampaign => "email_campaign",
        LeadSource::SocialMedia => "social_media",
        LeadSource::Event => "event",
        LeadSource::Partner => "partner",
        LeadSource::Advertisement => "advertisement",
        LeadSource::Other => "other",
    };
    Some(word.to_owned())
}

fn back<T: Clone + PartialEq>(now: T, before: &T, after: &T) -> T {
    if now == *after { before.clone() } else { now }
}

#[cfg(test)]
mod tests {
    use kontor_proto::leads::v1::{ConversionContext, ConvertLeadDeal, Lead};

    use super::*;

    fn request(lead: Lead, deal: Option<ConvertLeadDeal>) -> DealStepRequested {
        DealStepRequested {
            context: Some(ConversionContext {
                lead: Some(lead),
                ..ConversionContext::default()
            }),
            account_id: Uuid::now_v7().to_string(),
            contact_id: Uuid::now_v7().to_string(),
            deal,
            ..DealStepRequested::default()
        }
    }

    fn lead() -> Lead {
        Lead {
            id: Uuid::now_v7().to_string(),
            full_name: "Ada Lovelace".into(),
            budget: Some(records::Money {
                amount: "500".into(),
                currency: "EUR".into(),
            }),
            ..Lead::default()
        }
    }

    #[test]
    fn a_deal_is_worth_the_budget_unless_the_caller_says_otherwise() {
        let details = Details::of_request(&request(lead(), None)).unwrap();
        assert_eq!(details.amount, Some((Decimal::from(500), "EUR".into())));
        let amount = Some(records::Money {
            amount: "7.50".into(),
            currency: "USD".into(),
        });
        let wanted = ConvertLeadDeal {
            amount,
            ..ConvertLeadDeal::default()
        };
        let details = Details::of_request(&request(lead(), Some(wanted))).unwrap();
        assert_eq!(details.amount, Some(("7.50".parse().unwrap(), "USD".into())));
    }

    #[test]
    fn a_deal_is_named_after_the_company_or_else_the_person() {
        assert_eq!(name_of(&request(lead(), None)), "Ada Lovelace");
        let employed = Lead {
            company_name: Some("Engines".into()),
            ..lead()
        };
        assert_eq!(name_of(&request(employed.clone(), None)), "Engines");
        let wanted = ConvertLeadDeal {
            name: Some("Big one".into()),
            ..ConvertLeadDeal::default()
        };
        assert_eq!(name_of(&request(employed, Some(wanted))), "Big one");
    }

    #[test]
    fn a_linked_deal_gets_the_contact_beside_its_own() {
        let own = Uuid::now_v7();
        let deal = Details {
            contact_ids: vec![own],
            ..Details::default()
        };
        let lead = Details::of_request(&request(lead(), None)).unwrap();
        let filled = deal.filled(&lead, ConversionFill::Blanks);
        assert_eq!(filled.contact_ids, [own, lead.contact_ids[0]]);
        assert_eq!(
            filled.filled(&lead, ConversionFill::Blanks),
            filled,
            "and only once"
        );
    }

    #[test]
    fn a_date_that_is_none_is_told() {
        let wanted = ConvertLeadDeal {
            expected_close_date: Some("soon".into()),
            ..ConvertLeadDeal::default()
        };
        let unreadable = Details::of_request(&request(lead(), Some(wanted))).unwrap_err();
        assert_eq!(unreadable, Unreadable("The deal's closing date can't be read."));
    }
}
