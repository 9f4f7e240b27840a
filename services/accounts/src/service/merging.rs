//! What accounts add to the merging of records.

use kontor_proto::{accounts::v1::AccountsMerged, records::v1::Merging};
use kontor_records::merge::{Merger, Settle};

use super::Accounts;
use crate::model::Account;

impl Merger for Accounts {
    type Merged = AccountsMerged;

    fn merged(merging: Merging) -> AccountsMerged {
        AccountsMerged {
            merging: Some(merging),
        }
    }
}

impl Settle for Account {}
