//! What goes on behind the rpcs.

use kontor_chassis::{Error, Host};
use kontor_events::timers::Timers;
use kontor_events::{Bus, Relay};

use super::keeper::Keeper;
use crate::bulk::{JOBS, Jobs};
use crate::fields;
use crate::handover::{self, HandOver};
use crate::transfer::Imports;

/// Begins what goes on behind the rpcs of every kind of record, until the service shuts down: what is told leaves, definitions of
/// fields stay fresh, and timers wake handing over, actions on very many records and imports, beside the service's own
/// `timers`. Answers the imports, which rpcs begin.
///
/// # Errors
/// When the record has more columns than an import can stage, which its tests would show.
pub fn in_background<K: Keeper>(
    host: &Host,
    bus: &Bus,
    keeper: &K,
    timers: Timers,
) -> Result<Imports<K>, Error> {
    let imports = Imports::new(host, keeper.clone())?;
    let timers = timers
        .on(handover::TIMER, HandOver::<K::Record>::default())
        .on(JOBS, Jobs::new(host.db.clone(), keeper.clone()));
    imports.watched_by(timers).spawn();
    fields::keep_fresh::<K::Record>(host);
    Relay::spawn(host, bus);
    Ok(imports)
}
