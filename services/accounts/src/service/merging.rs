//! What accounts add to the merging of records.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::{accounts::v1::AccountsMerged, records::v1::Merging};
use kontor_records::merge::{Merger, Settle};

use super::Accounts;
use crate::{model::Account, store};

impl Merger for Accounts {
    type Merged = AccountsMerged;

    fn merged(merging: Merging) -> AccountsMerged {
        AccountsMerged {
            merging: Some(merging),
        }
    }

    /// Children go to another parent, so that nobody else may change who belongs to whom meanwhile.
    async fn prepare(&self, tx: &mut TenantTx, caller: &Caller) -> Result<(), Error> {
        Ok(store::hierarchy::lock(tx, caller.company_id()).await?)
    }

    fn may_merge(&self, _: &Account) -> Result<(), Error> {
        Ok(())
    }
}

impl Settle for Account {}
