//! How many contacts and open deals accounts have, as contacts and deals tell.

use kontor_chassis::{Error, TenantTx};
use kontor_proto::records::v1::RecordChange;
use kontor_records::write;
use uuid::Uuid;

use crate::store::counts::{self, Counted, Kind};

/// Takes over what contacts tells of its records. Told twice or in another order, it counts the same.
///
/// # Errors
/// Invalid when an id can't be read; Unavailable and Internal as the database fails.
pub async fn contacts(tx: &mut TenantTx, company: Uuid, changes: &[RecordChange]) -> Result<(), Error> {
    let records = counted(changes, |contact| !contact.deleted)?;
    Ok(counts::keep(tx, company, Kind::Contact, &records).await?)
}

/// As [`contacts`], of deals: those that are open count.
///
/// # Errors
/// As [`contacts`].
pub async fn deals(tx: &mut TenantTx, company: Uuid, changes: &[RecordChange]) -> Result<(), Error> {
    let open = |deal: &RecordChange| deal.told.get("status").is_some_and(|status| status == "open");
    let records = counted(changes, |deal| !deal.deleted && open(deal))?;
    Ok(counts::keep(tx, company, Kind::Deal, &records).await?)
}

/// Whose these records are; nobody's when they don't count. A change that says nothing of that is left out.
fn counted(changes: &[RecordChange], counts: impl Fn(&RecordChange) -> bool) -> Result<Vec<Counted>, Error> {
    let told = changes
        .iter()
        .filter_map(|change| Some((change, change.told.get("account_id")?)));
    told.map(|(change, account)| {
        let account = Some(account).filter(|account| !account.is_empty() && counts(change));
        Ok(Counted {
            record: write::parse_id(&change.id)?,
            account: account.map(|id| write::parse_id(id)).transpose()?,
            version: change.version,
        })
    })
    .collect()
}
