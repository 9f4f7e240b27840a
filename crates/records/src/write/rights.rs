//! How far a permission reaches: the one place where that is said, in SQL, so that reading, listing, searching, counting,
//! exporting and changing many answer alike.

use kontor_chassis::{Caller, Error, Scope};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::description::Description;
use crate::leaf::Kind;
use crate::query::Condition;
use crate::record::Record;
use crate::territories::KIND as TERRITORY;
use crate::value::Value;

/// The condition that a record lies within the scope; none when every record does.
///
/// One's own are those one owns, or made when nobody owns them. `territory` reaches those and the records that lie in a
/// territory one is a member of, or in one below it; of a kind that lies in no territory, one's own. A kind that
/// nobody owns is reached as a whole.
pub(crate) fn reach(
    scope: Scope,
    caller: &Caller,
    description: &Description,
    condition: &mut Condition,
) -> Option<String> {
    if scope == Scope::All || description.find("owner_id").is_none() {
        return None;
    }
    let me = condition.bind(Kind::Id, caller.user_id().map_or(Value::Null, Value::Id));
    // Two comparisons rather than one of `coalesce`, as there are indexes for them.
    let own = format!("owner_id = {me} or owner_id is null and created_by = {me}");
    let lies_in_territories = description
        .find("territory_id")
        .is_some_and(|leaf| leaf.refers == Some(TERRITORY));
    if scope == Scope::Own || !lies_in_territories {
        return Some(format!("({own})"));
    }
    let company = condition.bind(Kind::Id, Value::Id(caller.company_id()));
    // Asked once a statement, not once a row.
    Some(format!(
        "({own} or territory_id = any((select territories_of({company}, {me}))::uuid[]))"
    ))
}

/// Adds that a record lies within the scope.
pub(crate) fn narrow(scope: Scope, caller: &Caller, description: &Description, condition: &mut Condition) {
    if let Some(reached) = reach(scope, caller, description, condition) {
        condition.and(&reached);
    }
}

/// Whether the caller may do this with a record that they may read.
///
/// # Errors
/// Forbidden, naming the permission; Unavailable and Internal as the database fails.
pub async fn may<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    action: &str,
    record: &R,
) -> Result<(), Error> {
    let description = R::description();
    let permission = description.permission(action);
    let scope = caller.require(permission)?;
    let mut condition = one(caller, record.id());
    let Some(reached) = reach(scope, caller, description, &mut condition) else {
        return Ok(());
    };
    condition.and(&reached);
    let sql = format!(
        "select exists (select from {} where {})",
        description.table,
        condition.text()
    );
    let reached: bool = sqlx::query_scalar_with(AssertSqlSafe(sql), condition.arguments()?)
        .fetch_one(conn)
        .await?;
    if reached {
        Ok(())
    } else {
        Err(Error::forbidden(permission))
    }
}

/// The condition that a record of the caller's company has this id.
pub(crate) fn one(caller: &Caller, id: uuid::Uuid) -> Condition {
    let mut condition = Condition::default();
    let company = condition.bind(Kind::Id, Value::Id(caller.company_id()));
    condition.and(&format!("company_id = {company}"));
    let id = condition.bind(Kind::Id, Value::Id(id));
    condition.and(&format!("id = {id}"));
    condition
}
