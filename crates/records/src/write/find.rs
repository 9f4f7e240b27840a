//! One record by its id.

use kontor_chassis::{Caller, Error, Scope};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::rights;
use crate::merge;
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
    match find(tx, caller, id, Which::Present).await? {
        Some(record) => Ok(record),
        None => Err(merge::not_found::<R>(tx, caller, id).await),
    }
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
    let read = caller.require(R::description().permission("read"))?;
    let found = if read == Scope::All {
        let row = fixed(tx, R::description().sql.get, caller, id).await?;
        row.as_ref().map(R::from_row).transpose()?
    } else {
        let found = within(tx, caller, id, read, None).await?;
        found.map(|(record, _)| record)
    };
    Ok(found.filter(|record| which.counts(record)))
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
    let permission = description.permission(action);
    // Before the record is looked for: without the right at all, nobody learns what is there.
    let scope = caller.require(permission)?;
    let read = caller.require(description.permission("read"))?;
    let found = if (read, scope) == (Scope::All, Scope::All) {
        let row = fixed(tx, description.sql.get_for_update, caller, id).await?;
        row.as_ref()
            .map(R::from_row)
            .transpose()?
            .map(|record| (record, true))
    } else {
        within(tx, caller, id, read, Some(scope)).await?
    };
    let Some((record, reached)) = found.filter(|(record, _)| which.counts(record)) else {
        return Err(merge::not_found::<R>(tx, caller, id).await);
    };
    if reached {
        Ok(record)
    } else {
        Err(Error::forbidden(permission))
    }
}

impl Which {
    fn counts<R: Record>(self, record: &R) -> bool {
        self == Self::Any || record.deleted_at().is_none()
    }
}

/// The row of an id, by a statement that is the same for all.
async fn fixed(
    tx: &mut PgConnection,
    sql: &'static str,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<PgRow>, Error> {
    let mut arguments = PgArguments::default();
    arguments.add(caller.company_id()).map_err(Error::internal)?;
    arguments.add(id).map_err(Error::internal)?;
    Ok(sqlx::query_with(sql, arguments).fetch_optional(tx).await?)
}

/// The record of an id within the scope `read`, and whether it lies within the scope of an action, for which it is locked.
async fn within<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
    read: Scope,
    action: Option<Scope>,
) -> Result<Option<(R, bool)>, Error> {
    let description = R::description();
    let mut condition = rights::one(caller, id);
    rights::narrow(read, caller, description, &mut condition);
    let reached = action.and_then(|scope| rights::reach(scope, caller, description, &mut condition));
    let sql = format!(
        "select {}, coalesce({}, false) as reached\nfrom {}\nwhere {}{}",
        description.columns,
        reached.as_deref().unwrap_or("true"),
        description.table,
        condition.text(),
        if action.is_some() { "\nfor update" } else { "" },
    );
    let row = sqlx::query_with(AssertSqlSafe(sql), condition.arguments()?)
        .fetch_optional(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((R::from_row(&row)?, row.try_get("reached")?)))
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
