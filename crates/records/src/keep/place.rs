//! Putting a record into a territory.

use kontor_chassis::{Caller, Error};
use time::OffsetDateTime;

use super::keeper::Keeper;
use crate::record::Record;
use crate::refs;
use crate::territories::{Placed, Territories};
use crate::write::{self, Change, Which};

/// A service whose records lie in territories, each where a person or a rule put it.
pub trait Placer: Keeper<Record: Placed> {
    /// The territories that are remembered here.
    fn territories(&self) -> &Territories;
}

/// Puts a record into a territory, or lets the rules decide, and answers the rule that did.
///
/// # Errors
/// NotFound, Forbidden, Stale; Refused when there is no such territory; what the service says of its state.
pub async fn assign_territory<K: Placer>(
    keeper: &K,
    caller: &Caller,
    id: &str,
    territory_id: Option<&str>,
    etag: &str,
    now: OffsetDateTime,
) -> Result<(K::Record, Option<String>), Error> {
    let id = write::parse_id(id)?;
    let wanted = refs::wanted("territory_id", territory_id)?;
    let mut tx = keeper.db().begin(caller).await?;
    let before: K::Record = write::get_for_update(&mut tx, caller, id, "update", Which::Present).await?;
    before.match_etag(etag)?;
    let mut after = before.clone();
    let rule = keeper
        .territories()
        .assign(&mut tx, &before, &mut after, wanted)
        .await?;
    let asked = ["territory_id".to_owned()];
    keeper
        .check(&mut tx, caller, Some(&before), &after, &asked)
        .await?;
    let record = write::update(&mut tx, &before, after, Change::new(caller, now, "assigned")).await?;
    tx.commit().await?;
    Ok((record, rule))
}
