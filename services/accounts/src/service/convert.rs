//! The account of a conversion: what is asked of accounts and what it tells. How it is linked or made once and taken back
//! is [`saga`]'s.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::{
    accounts::v1::{self, AccountStepCompleted, AccountStepFailed, AccountStepUndone},
    leads::v1::{AccountStepRequested, ConversionContext, ConversionFill, Lead},
    records::v1::{SagaPlan, SagaTouch},
};
use kontor_records::{
    Record,
    saga::{self, Asked, Candidate, Fill, Participant},
    territories::{Given, Territories},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Accounts;
use crate::{model::Account, store};

/// The step of a conversion that is asked for.
#[derive(Debug)]
pub struct Step {
    asked: AccountStepRequested,
    context: ConversionContext,
    lead: Lead,
    territories: Territories,
}

impl Step {
    /// Reads a request. A new account is placed by the rules of these territories.
    #[must_use]
    pub fn of(mut asked: AccountStepRequested, territories: &Territories) -> Self {
        let mut context = asked.context.take().unwrap_or_default();
        let lead = context.lead.take().unwrap_or_default();
        Self {
            asked,
            context,
            lead,
            territories: territories.clone(),
        }
    }
}

impl Participant for Step {
    type Record = Account;
    type Done = AccountStepCompleted;
    type Failed = AccountStepFailed;
    type Undone = AccountStepUndone;
    const BY_NAME: f64 = 0.8;
    const WRITES: &'static [&'static str] = &[
        "website",
        "phone",
        "industry",
        "employee_count",
        "annual_revenue",
        "billing_address",
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
            given: self.asked.given_account_id.as_deref(),
            new: &self.asked.new_account_id,
        }
    }

    fn wanted(&self) -> v1::Account {
        let lead = self.lead.clone();
        v1::Account {
            name: name_of(&lead).to_owned(),
            r#type: Some(v1::AccountType::Prospect.into()),
            owner_id: self.context.owner_id.clone(),
            website: lead.website,
            phone: lead.phone,
            industry: lead.industry,
            employee_count: lead.employee_count,
            annual_revenue: lead.annual_revenue,
            billing_address: lead.address,
            ..v1::Account::default()
        }
    }

    fn keys(&self, wanted: &Account) -> Vec<String> {
        let mut keys = vec![format!("name {}", wanted.name_key)];
        keys.extend(wanted.domain.iter().map(|domain| format!("domain {domain}")));
        keys
    }

    async fn same(&self, tx: &mut TenantTx, wanted: &Account) -> Result<Vec<Uuid>, Error> {
        let domain = wanted.domain.as_deref();
        Ok(store::matching(tx, wanted.company_id, &wanted.name_key, domain).await?)
    }

    async fn candidates(&self, tx: &mut TenantTx, wanted: &Account) -> Result<Vec<Candidate>, Error> {
        let domain = wanted.domain.as_deref();
        let phone = wanted.phone.as_deref();
        Ok(store::candidates(tx, wanted.company_id, &wanted.name_key, domain, phone).await?)
    }

    async fn place(
        &self,
        tx: &mut TenantTx,
        account: &mut Account,
        _now: OffsetDateTime,
    ) -> Result<Result<(), String>, Error> {
        let given = Given {
            territory: false,
            owner: self.context.owner_id.is_some(),
        };
        self.territories.settle_one(tx, None, account, given).await?;
        Ok(Ok(()))
    }

    fn settle(_: Option<&Account>, account: &mut Account) {
        account.settle();
    }

    fn done(conversion_id: String, account: &Account, matched_existing: bool) -> AccountStepCompleted {
        AccountStepCompleted {
            conversion_id,
            account_id: account.id.to_string(),
            account_name: account.title(),
            matched_existing,
        }
    }

    fn failed(conversion_id: String, reason: String) -> AccountStepFailed {
        AccountStepFailed {
            conversion_id,
            reason,
        }
    }

    fn undone(conversion_id: String) -> AccountStepUndone {
        AccountStepUndone { conversion_id }
    }
}

impl Accounts {
    /// What the step of a conversion would do.
    ///
    /// # Errors
    /// Refused for a given account that isn't there for the caller, and for one that can't be made.
    pub async fn plan_step(
        &self,
        caller: &Caller,
        request: AccountStepRequested,
        now: OffsetDateTime,
    ) -> Result<SagaPlan, Error> {
        saga::plan(&self.db, caller, &Step::of(request, &self.territories), now).await
    }

    /// What stands in the way of taking a conversion back.
    ///
    /// # Errors
    /// Invalid for ids that can't be read.
    pub async fn touches(
        &self,
        caller: &Caller,
        request: v1::ListAccountTouchesRequest,
    ) -> Result<Vec<SagaTouch>, Error> {
        let v1::ListAccountTouchesRequest {
            conversion_id,
            account_id,
            contact_id: _,
        } = request;
        let (company, conversion) = (caller.company_id(), write::parse_id(&conversion_id)?);
        let mut tx = self.db.read(caller).await?;
        let account = account_id.as_deref().map(write::parse_id).transpose()?;
        let parts = store::parts_of(&mut tx, company, account).await?;
        saga::touches::<Account>(&mut tx, company, conversion, &parts).await
    }
}

/// The name that the account of a lead has: its company's, or the person's own.
fn name_of(lead: &Lead) -> &str {
    lead.company_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .unwrap_or(&lead.full_name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
