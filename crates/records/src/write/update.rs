//! Changing, deleting and restoring a record that was read in the same transaction.

use kontor_chassis::{Error, TenantTx};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

use super::change::{Change, Notes};
use crate::description::Description;
use crate::merge;
use crate::record::Record;
use crate::value::Value;

/// Writes what differs between the two, remembers it field by field, and tells it; answers the record as it is kept.
/// Nothing is written when nothing differs.
///
/// # Errors
/// Stale when it was changed since `before` was read (never when it was read for update); what the change's
/// `on_conflict` says of a constraint; Unavailable and Internal as the database fails.
pub async fn update<R: Record>(
    tx: &mut TenantTx,
    before: &R,
    after: R,
    change: Change<'_>,
) -> Result<R, Error> {
    let description = R::description();
    let (old, new) = (before.values(), after.values());
    if old == new {
        return Ok(after);
    }
    let notes = Notes::of(&description.leaves, &old, &new);
    write(tx, old, after, notes, change).await
}

/// Deletes a record softly.
///
/// # Errors
/// As [`update`].
pub async fn delete<R: Record>(tx: &mut TenantTx, before: &R, change: Change<'_>) -> Result<R, Error> {
    let mut after = before.clone();
    after.set_deleted_at(Some(change.now));
    write(tx, before.values(), after, Notes::whole(), change).await
}

/// Brings a deleted record back; one that isn't deleted stays as it is.
///
/// # Errors
/// As [`update`]; Conflict for one that was merged into another.
pub async fn restore<R: Record>(tx: &mut TenantTx, before: &R, change: Change<'_>) -> Result<R, Error> {
    if before.deleted_at().is_none() {
        return Ok(before.clone());
    }
    merge::refuse_restore(tx, before).await?;
    let mut after = before.clone();
    after.set_deleted_at(None);
    bring_back(tx, before, after, change).await
}

/// Brings a deleted record back as `after`, also one that was merged into another: the merge is taken back.
pub(crate) async fn bring_back<R: Record>(
    tx: &mut TenantTx,
    before: &R,
    after: R,
    change: Change<'_>,
) -> Result<R, Error> {
    write(tx, before.values(), after, Notes::whole(), change).await
}

async fn write<R: Record>(
    tx: &mut TenantTx,
    old: Vec<Value>,
    mut after: R,
    notes: Notes,
    change: Change<'_>,
) -> Result<R, Error> {
    after.touch(change.caller.user_id(), change.now);
    let description = R::description();
    let written = Written::between(description, &old, after.values());
    let sql = description.sql.update(&written.columns);
    let version = after.version();
    let mut arguments = PgArguments::default();
    let conflict = change.conflicts();
    arguments
        .add(after.company_id())
        .and_then(|()| arguments.add(after.id()))
        .and_then(|()| arguments.add(version))
        .and_then(|()| written.bind(&mut arguments))
        .and_then(|()| change.bind(tx, &after, version + 1, notes, &mut arguments))
        .map_err(Error::internal)?;
    let row = sqlx::query_with(AssertSqlSafe(sql), arguments)
        .fetch_optional(&mut **tx)
        .await
        .map_err(|error| conflict.explain(error))?
        .ok_or_else(Error::stale)?;
    Ok(R::from_row(&row)?)
}

/// The columns that change, with their new values.
struct Written {
    columns: Vec<&'static str>,
    values: Vec<(crate::leaf::Kind, Value)>,
    search: Option<String>,
}

impl Written {
    fn between(description: &Description, old: &[Value], new: Vec<Value>) -> Self {
        let leaves = &description.leaves;
        let found = leaves
            .iter()
            .zip(old.iter().zip(&new))
            .any(|(leaf, (old, new))| leaf.searchable && old != new);
        let search = found.then(|| description.search_text(&new));
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for (leaf, (old, new)) in leaves.iter().zip(old.iter().zip(new)) {
            if *old != new && !leaf.generated && leaf.column != "version" {
                columns.push(leaf.column);
                values.push((leaf.kind, new));
            }
        }
        columns.extend(search.as_ref().map(|_| "search"));
        Self {
            columns,
            values,
            search,
        }
    }

    fn bind(self, arguments: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError> {
        for (kind, value) in self.values {
            value.bind(kind, arguments)?;
        }
        self.search.map_or(Ok(()), |search| arguments.add(search))
    }
}
