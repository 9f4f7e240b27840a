//! The account of a conversion: what a lead writes into one, and how that is taken back. Pure.

use kontor_proto::{
    leads::v1::{ConversionFill, Lead},
    records::v1 as records,
};
use kontor_records::{Address, Money};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::Account;

/// What was done for a conversion.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An account is linked or made.
    Completed {
        /// The account.
        account: Uuid,
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

/// What a lead says of its company; also the same part of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    website: Option<String>,
    phone: Option<String>,
    industry: Option<String>,
    employee_count: Option<i64>,
    annual_revenue: Option<(Decimal, String)>,
    billing_address: Option<[Option<String>; 5]>,
}

/// The part of an account before and after a conversion wrote into it; nothing when it wrote nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filled(Option<Box<(Details, Details)>>);

impl Details {
    /// What the lead says.
    #[must_use]
    pub fn of_lead(lead: &Lead) -> Self {
        let revenue = lead.annual_revenue.as_ref().and_then(|money| {
            let amount = money.amount.parse().ok()?;
            Some((amount, money.currency.clone()))
        });
        Self {
            website: lead.website.clone(),
            phone: lead.phone.clone(),
            industry: lead.industry.clone(),
            employee_count: lead.employee_count,
            annual_revenue: revenue,
            billing_address: lead.address.clone().and_then(|address| {
                let records::Address {
                    street,
                    city,
                    state,
                    postal_code,
                    country,
                } = address;
                some_line([street, city, state, postal_code, country])
            }),
        }
    }

    /// What the account holds.
    #[must_use]
    pub fn of_account(account: &Account) -> Self {
        let Address {
            street,
            city,
            state,
            postal_code,
            country,
        } = account.billing_address.clone();
        Self {
            website: account.website.clone(),
            phone: account.phone.clone(),
            industry: account.industry.clone(),
            employee_count: account.employee_count,
            annual_revenue: account
                .annual_revenue
                .clone()
                .map(|money| (money.amount, money.currency)),
            billing_address: some_line([street, city, state, postal_code, country]),
        }
    }

    /// Puts them into an account.
    pub fn write(self, account: &mut Account) {
        let Self {
            website,
            phone,
            industry,
            employee_count,
            annual_revenue,
            billing_address,
        } = self;
        account.website = website;
        account.phone = phone;
        account.industry = industry;
        account.employee_count = employee_count;
        account.annual_revenue = annual_revenue.map(|(amount, currency)| Money { amount, currency });
        let [street, city, state, postal_code, country] = billing_address.unwrap_or_default();
        account.billing_address = Address {
            street,
            city,
            state,
            postal_code,
            country,
        };
    }

    /// An account's details with a lead's written into them.
    #[must_use]
    pub fn filled(&self, lead: &Self, fill: ConversionFill) -> Self {
        let (first, second) = match fill {
            ConversionFill::Keep => return self.clone(),
            ConversionFill::Overwrite => (lead, self),
            ConversionFill::Unspecified | ConversionFill::Blanks => (self, lead),
        };
        Self {
            website: either(&first.website, &second.website),
            phone: either(&first.phone, &second.phone),
            industry: either(&first.industry, &second.industry),
            employee_count: either(&first.employee_count, &second.employee_count),
            annual_revenue: either(&first.annual_revenue, &second.annual_revenue),
            billing_address: either(&first.billing_address, &second.billing_address),
        }
    }
}

impl Filled {
    /// What changed from one to the other.
    #[must_use]
    pub fn between(before: Details, after: Details) -> Self {
        Self((before != after).then(|| Box::new((before, after))))
    }

    /// An account's details with what was written taken back, but for what somebody has changed since.
    #[must_use]
    pub fn taken_back(&self, now: Details) -> Details {
        let Some((before, after)) = self.0.as_deref() else {
            return now;
        };
        Details {
            website: back(now.website, &before.website, &after.website),
            phone: back(now.phone, &before.phone, &after.phone),
            industry: back(now.industry, &before.industry, &after.industry),
            employee_count: back(now.employee_count, &before.employee_count, &after.employee_count),
            annual_revenue: back(now.annual_revenue, &before.annual_revenue, &after.annual_revenue),
            billing_address: back(
                now.billing_address,
                &before.billing_address,
                &after.billing_address,
            ),
        }
    }
}

/// The name that the account of a lead has: its company's, or the person's own.
#[must_use]
pub fn name_of(lead: &Lead) -> &str {
    lead.company_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .unwrap_or(&lead.full_name)
}

fn some_line(lines: [Option<String>; 5]) -> Option<[Option<String>; 5]> {
    lines.iter().any(Option::is_some).then_some(lines)
}

fn either<T: Clone>(first: &Option<T>, second: &Option<T>) -> Option<T> {
    first.as_ref().or(second.as_ref()).cloned()
}

fn back<T: Clone + PartialEq>(now: Option<T>, before: &Option<T>, after: &Option<T>) -> Option<T> {
    if now == *after { before.clone() } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(website: Option<&str>, industry: Option<&str>) -> Details {
        Details {
            website: website.map(str::to_owned),
            industry: industry.map(str::to_owned),
            ..Details::default()
        }
    }

    #[test]
    fn blanks_are_filled_and_what_is_there_stays() {
        let account = details(Some("https://a.example"), None);
        let lead = details(Some("https://b.example"), Some("Software"));
        let filled = account.filled(&lead, ConversionFill::Blanks);
        assert_eq!(filled, details(Some("https://a.example"), Some("Software")));
        assert_eq!(account.filled(&lead, ConversionFill::Unspecified), filled);
    }

    #[test]
    fn a_lead_that_overwrites_clears_nothing() {
        let account = details(Some("https://a.example"), Some("Steel"));
        let lead = details(None, Some("Software"));
        let filled = account.filled(&lead, ConversionFill::Overwrite);
        assert_eq!(filled, details(Some("https://a.example"), Some("Software")));
    }

    #[test]
    fn an_account_that_is_kept_stays_as_it_is() {
        let account = details(None, None);
        let lead = details(Some("https://b.example"), None);
        assert_eq!(account.filled(&lead, ConversionFill::Keep), account);
    }

    #[test]
    fn taking_back_leaves_what_somebody_changed_since() {
        let before = details(None, None);
        let after = details(Some("https://b.example"), Some("Software"));
        let filled = Filled::between(before, after);
        let now = details(Some("https://b.example"), Some("Services"));
        assert_eq!(filled.taken_back(now), details(None, Some("Services")));
    }

    #[test]
    fn an_account_bears_the_company_s_name_or_else_the_person_s() {
        let mut lead = Lead {
            full_name: "Ada Lovelace".into(),
            ..Lead::default()
        };
        assert_eq!(name_of(&lead), "Ada Lovelace");
        lead.company_name = Some(" Analytical Engines ".into());
        assert_eq!(name_of(&lead), "Analytical Engines");
        lead.company_name = Some("  ".into());
        assert_eq!(name_of(&lead), "Ada Lovelace");
    }
}
