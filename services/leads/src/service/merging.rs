//! What leads add to the merging of records.

use kontor_chassis::Error;
use kontor_proto::{leads::v1::LeadsMerged, records::v1::Merging};
use kontor_records::merge::{Merger, Settle};

use super::Leads;
use crate::{
    error,
    model::Lead,
    states::{self, Editable},
};

impl Merger for Leads {
    type Merged = LeadsMerged;

    fn merged(merging: Merging) -> LeadsMerged {
        LeadsMerged {
            merging: Some(merging),
        }
    }

    /// A lead that has become something else stays what it was.
    fn may_merge(&self, lead: &Lead) -> Result<(), Error> {
        match states::editable(lead.status) {
            Editable::All => Ok(()),
            Editable::Nothing => Err(error::Error::Converting.into()),
            Editable::DescriptionAndTags => Err(error::Error::Converted.into()),
        }
    }
}

impl Settle for Lead {}
