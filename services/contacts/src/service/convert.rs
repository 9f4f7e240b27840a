//! The contact of a conversion: what is asked of contacts and what it tells. How it is linked or made once and taken back
//! is [`saga`]'s.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::{
    contacts::v1::{self, ContactStepCompleted, ContactStepFailed, ContactStepUndone},
    leads::v1::{ContactStepRequested, ConversionContext, ConversionFill, Lead, LeadSource},
    records::v1::{SagaPlan, SagaTouch},
};
use kontor_records::{
    Record,
    saga::{self, Asked, Candidate, Fill, Participant},
    write,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Contacts;
use crate::{model::Contact, store};

/// The step of a conversion that is asked for.
#[derive(Debug)]
pub struct Step {
    asked: ContactStepRequested,
    context: ConversionContext,
    lead: Lead,
}

impl Step {
    /// Reads a request.
    #[must_use]
    pub fn of(mut asked: ContactStepRequested) -> Self {
        let mut context = asked.context.take().unwrap_or_default();
        let lead = context.lead.take().unwrap_or_default();
        Self { asked, context, lead }
    }
}

impl Participant for Step {
    type Record = Contact;
    type Done = ContactStepCompleted;
    type Failed = ContactStepFailed;
    type Undone = ContactStepUndone;
    const BY_NAME: f64 = 0.6;
    const WRITES: &'static [&'static str] = &[
        "email",
        "phone",
        "mobile",
        "title",
        "source",
        "account_id",
        "mailing_address",
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
            given: self.asked.given_contact_id.as_deref(),
            new: &self.asked.new_contact_id,
        }
    }

    fn wanted(&self) -> v1::Contact {
        let lead = self.lead.clone();
        v1::Contact {
            first_name: lead.first_name.clone(),
            last_name: lead.last_name.clone(),
            owner_id: self.context.owner_id.clone(),
            account_id: Some(self.asked.account_id.clone()).filter(|id| !id.is_empty()),
            source: source_of(&lead),
            email: lead.email,
            phone: lead.phone,
            mobile: lead.mobile,
            title: lead.title,
            mailing_address: lead.address,
            ..v1::Contact::default()
        }
    }

    fn keys(&self, wanted: &Contact) -> Vec<String> {
        let email = wanted.email.as_deref();
        email
            .map(|email| format!("email {}", email.to_lowercase()))
            .into_iter()
            .collect()
    }

    async fn same(&self, tx: &mut TenantTx, wanted: &Contact) -> Result<Vec<Uuid>, Error> {
        match wanted.email.as_deref() {
            Some(email) => Ok(store::matching(tx, wanted.company_id, email).await?),
            None => Ok(Vec::new()),
        }
    }

    async fn candidates(&self, tx: &mut TenantTx, wanted: &Contact) -> Result<Vec<Candidate>, Error> {
        let email = wanted.email.as_deref();
        let phones = [wanted.phone.as_deref(), wanted.mobile.as_deref()];
        Ok(store::candidates(tx, wanted.company_id, email, phones).await?)
    }

    fn settle(before: Option<&Contact>, contact: &mut Contact) {
        // Who was the primary contact of one account isn't that of another.
        if before.is_some_and(|before| before.account_id != contact.account_id) {
            contact.is_primary = false;
        }
        contact.settle();
    }

    fn done(conversion_id: String, contact: &Contact, matched_existing: bool) -> ContactStepCompleted {
        ContactStepCompleted {
            conversion_id,
            contact_id: contact.id.to_string(),
            contact_name: contact.title(),
            matched_existing,
        }
    }

    fn failed(conversion_id: String, reason: String) -> ContactStepFailed {
        ContactStepFailed {
            conversion_id,
            reason,
        }
    }

    fn undone(conversion_id: String) -> ContactStepUndone {
        ContactStepUndone { conversion_id }
    }
}

impl Contacts {
    /// What the step of a conversion would do.
    ///
    /// # Errors
    /// Refused for a given contact that isn't there for the caller, and for one that can't be made.
    pub async fn plan_step(
        &self,
        caller: &Caller,
        request: ContactStepRequested,
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
        request: v1::ListContactTouchesRequest,
    ) -> Result<Vec<SagaTouch>, Error> {
        let v1::ListContactTouchesRequest {
            conversion_id,
            account_id,
            contact_id: _,
        } = request;
        let (company, conversion) = (caller.company_id(), write::parse_id(&conversion_id)?);
        let mut tx = self.db.read(caller).await?;
        let account = account_id.as_deref().map(write::parse_id).transpose()?;
        let linked = store::of_account(&mut tx, company, account).await?;
        saga::touches::<Contact>(&mut tx, company, conversion, &linked).await
    }
}

/// The word of a lead's source.
fn source_of(lead: &Lead) -> Option<String> {
    let word = lead.source().as_str_name().strip_prefix("LEAD_SOURCE_")?;
    (lead.source() != LeadSource::Unspecified).then(|| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_goes_along_by_its_word() {
        let lead = Lead {
            source: Some(LeadSource::ColdCall.into()),
            ..Lead::default()
        };
        assert_eq!(source_of(&lead).as_deref(), Some("cold_call"));
        assert_eq!(source_of(&Lead::default()), None);
    }
}
