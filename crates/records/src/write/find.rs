//! One record by its id.

use kontor_chassis::{Caller, Error};
use sqlx::Arguments as _;
use sqlx::postgres::{PgArguments, PgConnection};
use uuid::Uuid;

use super::rights::{may, reaches};
use crate::record::Record;

/// Which records count as being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are not deleted.
    Present,
    /// Deleted ones too.
    Any,
}

/// The id in a request's `id`.
///
/// # Errors
/// Invalid at `id` when it is none.
pub fn parse_id(id: &str) -> Result<Uuid, Error> {
    crate::admit::id(id).map_err(|fault| Error::invalid_field("id", fault.code, fault.message))
}

/// The record, for a caller who may read it.
///
/// # Errors
/// NotFound when it isn't there, is deleted, is another company's or is one that the caller may not read.
pub async fn get<R: Record>(tx: &mut PgConnection, caller: &Caller, id: Uuid) -> Result<R, Error> {
    find(tx, caller, id, Which::Present)
        .await?
        .ok_or_else(|| Error::not_found(R::description().one))
}

/// The record, if it is there and the caller may read it.
///
/// # Errors
/// Forbidden when the caller may read none; Unavailable and Internal as the database fails.
pub async fn find<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
    which: Which,
) -> Result<Option<R>, Error> {
    load(tx, R::description().sql.get, caller, id, which).await
}

/// The record, locked until the transaction ends, for a caller who may do `action` (`update`, `delete`, …) with it.
///
/// # Errors
/// NotFound as [`get`]; Forbidden when the caller may read but not do it.
pub async fn get_for_update<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
    action: &str,
    which: Which,
) -> Result<R, Error> {
    let description = R::description();
    // Before the record is looked for: without the right at all, nobody learns what is there.
    caller.require(description.permission(action))?;
    let record: R = load(tx, description.sql.get_for_update, caller, id, which)
        .await?
        .ok_or_else(|| Error::not_found(description.one))?;
    may(caller, action, &record)?;
    Ok(record)
}

async fn load<R: Record>(
    tx: &mut PgConnection,
    sql: &'static str,
    caller: &Caller,
    id: Uuid,
    which: Which,
) -> Result<Option<R>, Error> {
    let scope = caller.require(R::description().permission("read"))?;
    let mut arguments = PgArguments::default();
    arguments.add(caller.company_id()).map_err(Error::internal)?;
    arguments.add(id).map_err(Error::internal)?;
    let row = sqlx::query_with(sql, arguments).fetch_optional(tx).await?;
    let record = row.as_ref().map(R::from_row).transpose()?;
    Ok(record
        .filter(|record| which == Which::Any || record.deleted_at().is_none())
        .filter(|record| reaches(scope, caller, record)))
}

/// The company's records of these ids, deleted ones too, whatever the caller may read: for their names.
pub(crate) async fn all_of<R: Record>(
    tx: &mut PgConnection,
    company: Uuid,
    ids: &[Uuid],
) -> Result<Vec<R>, Error> {
    let mut arguments = PgArguments::default();
    arguments.add(company).map_err(Error::internal)?;
    arguments.add(ids).map_err(Error::internal)?;
    let rows = sqlx::query_with(R::description().sql.all_of, arguments)
        .fetch_all(tx)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}
