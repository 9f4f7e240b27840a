//! Telling the audit log that something a company has set up was changed, in the transaction of the change.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::records::v1::{RecordChange, SettingsChanged};
use time::OffsetDateTime;

use crate::wire::timestamp;

/// What was done to it.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'d> {
    /// What kind of thing: `pipeline`.
    pub resource: &'d str,
    /// `created`, `updated`, `deleted`.
    pub action: &'d str,
    /// Which one.
    pub id: &'d str,
    /// What a person calls it.
    pub name: &'d str,
}

/// Tells of it.
///
/// # Errors
/// As the database fails.
pub async fn note(
    tx: &mut TenantTx,
    caller: &Caller,
    deed: Deed<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Deed {
        resource,
        action,
        id,
        name,
    } = deed;
    let change = RecordChange {
        id: id.to_owned(),
        name: name.to_owned(),
        deleted: action == "deleted",
        // Only to know it again when it is told twice: the clock never says the same of two changes of one thing.
        version: i64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or_default(),
        action: action.to_owned(),
        by: caller.user_id().map(|id| id.to_string()),
        at: Some(timestamp(now)),
        ..RecordChange::default()
    };
    let event = SettingsChanged {
        resource: resource.to_owned(),
        change: Some(change),
    };
    let told = Outgoing::new(caller.company_id(), caller.user_id(), &event)
        .about(id)
        .asked_from(caller.origin());
    Ok(outbox::put(tx, &[told]).await?)
}
