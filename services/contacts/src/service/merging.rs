//! What contacts add to the merging of records, and how they follow that of accounts.

use kontor_chassis::{Error, TenantTx};
use kontor_proto::{contacts::v1::ContactsMerged, records::v1::Merging};
use kontor_records::merge::{Merger, Settle};

use super::Contacts;
use crate::{model::Contact, store};

impl Merger for Contacts {
    type Merged = ContactsMerged;

    fn merged(merging: Merging) -> ContactsMerged {
        ContactsMerged {
            merging: Some(merging),
        }
    }
}

impl Settle for Contact {
    /// Whoever is made of a primary contact is the primary one of the account, unless another is by now.
    async fn settle_merge(tx: &mut TenantTx, parts: &[Contact], contact: &mut Contact) -> Result<(), Error> {
        let ranked = |part: &Contact| part.is_primary && part.account_id == contact.account_id;
        contact.is_primary = match contact.account_id {
            Some(account) if parts.iter().any(ranked) => {
                let holder = store::primary_of(tx, contact.company_id, account).await?;
                holder.is_none_or(|holder| parts.iter().any(|part| part.id == holder))
            }
            _ => false,
        };
        Ok(())
    }
}
