//! A new record.

use kontor_chassis::{Error, TenantTx};
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

use super::change::{Change, Notes};
use crate::record::Record;

/// Writes a new record, remembers it and tells it; answers it as it is kept.
///
/// # Errors
/// What the change's `on_conflict` says of a constraint; Unavailable and Internal as the database fails.
pub async fn insert<R: Record>(tx: &mut TenantTx, record: &R, change: Change<'_>) -> Result<R, Error> {
    let conflict = change.conflicts();
    let arguments = arguments(tx, record, change).map_err(Error::internal)?;
    let row = sqlx::query_with(R::description().sql.insert, arguments)
        .fetch_one(&mut **tx)
        .await
        .map_err(|error| conflict.explain(error))?;
    Ok(R::from_row(&row)?)
}

fn arguments<R: Record>(
    tx: &mut TenantTx,
    record: &R,
    change: Change<'_>,
) -> Result<PgArguments, BoxDynError> {
    let description = R::description();
    let values = record.values();
    let search = description.search_text(&values);
    let mut arguments = PgArguments::default();
    for (leaf, value) in description.leaves.iter().zip(values) {
        if !leaf.generated {
            value.bind(leaf.kind, &mut arguments)?;
        }
    }
    arguments.add(search)?;
    change.bind(tx, record, record.version(), Notes::whole(), &mut arguments)?;
    Ok(arguments)
}
