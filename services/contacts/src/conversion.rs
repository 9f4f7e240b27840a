//! The contact of a conversion: what a lead writes into one, and how that is taken back. Pure.

use kontor_proto::{
    leads::v1::{ConversionFill, Lead, LeadSource},
    records::v1 as records,
};
use kontor_records::Address;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::Contact;

/// What was done for a conversion.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A contact is linked or made.
    Completed {
        /// The contact.
        contact: Uuid,
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

/// What a lead says of a person; also the same part of a contact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    email: Option<String>,
    phone: Option<String>,
    mobile: Option<String>,
    title: Option<String>,
    source: Option<String>,
    account_id: Option<Uuid>,
    mailing_address: Option<[Option<String>; 5]>,
}

/// The part of a contact before and after a conversion wrote into it; nothing when it wrote nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filled(Option<Box<(Details, Details)>>);

impl Details {
    /// What the lead says, and the account it came to.
    #[must_use]
    pub fn of_lead(lead: &Lead, account: Uuid) -> Self {
        Self {
            email: lead.email.clone(),
            phone: lead.phone.clone(),
            mobile: lead.mobile.clone(),
            title: lead.title.clone(),
            source: source_of(lead),
            account_id: Some(account),
            mailing_address: lead.address.clone().and_then(|address| {
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

    /// What the contact holds.
    #[must_use]
    pub fn of_contact(contact: &Contact) -> Self {
        let Address {
            street,
            city,
            state,
            postal_code,
            country,
        } = contact.mailing_address.clone();
        Self {
            email: contact.email.clone(),
            phone: contact.phone.clone(),
            mobile: contact.mobile.clone(),
            title: contact.title.clone(),
            source: contact.source.clone(),
            account_id: contact.account_id,
            mailing_address: some_line([street, city, state, postal_code, country]),
        }
    }

    /// Puts them into a contact.
    pub fn write(self, contact: &mut Contact) {
        let Self {
            email,
            phone,
            mobile,
            title,
            source,
            account_id,
            mailing_address,
        } = self;
        contact.email = email;
        contact.phone = phone;
        contact.mobile = mobile;
        contact.title = title;
        contact.source = source;
        contact.move_to(account_id);
        let [street, city, state, postal_code, country] = mailing_address.unwrap_or_default();
        contact.mailing_address = Address {
            street,
            city,
            state,
            postal_code,
            country,
        };
    }

    /// A contact's details with a lead's written into them.
    #[must_use]
    pub fn filled(&self, lead: &Self, fill: ConversionFill) -> Self {
        let (first, second) = match fill {
            ConversionFill::Keep => return self.clone(),
            ConversionFill::Overwrite => (lead, self),
            ConversionFill::Unspecified | ConversionFill::Blanks => (self, lead),
        };
        Self {
            email: either(&first.email, &second.email),
            phone: either(&first.phone, &second.phone),
            mobile: either(&first.mobile, &second.mobile),
            title: either(&first.title, &second.title),
            source: either(&first.source, &second.source),
            account_id: either(&first.account_id, &second.account_id),
            mailing_address: either(&first.mailing_address, &second.mailing_address),
        }
    }
}

impl Filled {
    /// What changed from one to the other.
    #[must_use]
    pub fn between(before: Details, after: Details) -> Self {
        Self((before != after).then(|| Box::new((before, after))))
    }

    /// A contact's details with what was written taken back, but for what somebody has changed since.
    #[must_use]
    pub fn taken_back(&self, now: Details) -> Details {
        let Some((before, after)) = self.0.as_deref() else {
            return now;
        };
        Details {
            email: back(now.email, &before.email, &after.email),
            phone: back(now.phone, &before.phone, &after.phone),
            mobile: back(now.mobile, &before.mobile, &after.mobile),
            title: back(now.title, &before.title, &after.title),
            source: back(now.source, &before.source, &after.source),
            account_id: back(now.account_id, &before.account_id, &after.account_id),
            mailing_address: back(
                now.mailing_address,
                &before.mailing_address,
                &after.mailing_address,
            ),
        }
    }
}

/// The word of a lead's source.
fn source_of(lead: &Lead) -> Option<String> {
    let word = match lead.source() {
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

    fn details(phone: Option<&str>, title: Option<&str>) -> Details {
        Details {
            phone: phone.map(str::to_owned),
            title: title.map(str::to_owned),
            ..Details::default()
        }
    }

    #[test]
    fn a_linked_contact_keeps_its_account_and_gets_one_when_it_has_none() {
        let (old, new) = (Uuid::now_v7(), Uuid::now_v7());
        let lead = Details::of_lead(&Lead::default(), new);
        let placed = Details {
            account_id: Some(old),
            ..Details::default()
        };
        assert_eq!(placed.filled(&lead, ConversionFill::Blanks).account_id, Some(old));
        assert_eq!(
            Details::default()
                .filled(&lead, ConversionFill::Blanks)
                .account_id,
            Some(new)
        );
        assert_eq!(
            placed.filled(&lead, ConversionFill::Overwrite).account_id,
            Some(new)
        );
    }

    #[test]
    fn taking_back_leaves_what_somebody_changed_since() {
        let filled = Filled::between(details(None, None), details(Some("+1 555"), Some("CTO")));
        let now = details(Some("+1 555"), Some("CEO"));
        assert_eq!(filled.taken_back(now), details(None, Some("CEO")));
    }

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
