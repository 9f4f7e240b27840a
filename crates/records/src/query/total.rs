//! How many records match: exactly up to a limit, by the planner's estimate above it.

use kontor_chassis::Error;
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::selection::Selection;
use crate::record::Record;

/// Counted exactly up to here.
const EXACT: i64 = 10_000;

/// How many, and whether that is an estimate.
pub(crate) async fn total<R: Record>(
    tx: &mut PgConnection,
    selection: &Selection,
) -> Result<(i64, bool), Error> {
    let table = R::description().table;
    let condition = &selection.condition;
    let matching = format!("select 1\nfrom {table}\nwhere {}", condition.text());
    let capped = format!(
        "select count(*)\nfrom (\n{matching}\nlimit {}\n) capped",
        EXACT + 1
    );
    let counted: i64 = sqlx::query_scalar_with(AssertSqlSafe(capped), condition.arguments()?)
        .persistent(!selection.searches)
        .fetch_one(&mut *tx)
        .await?;
    if counted <= EXACT {
        return Ok((counted, false));
    }
    let explain = format!("explain (format json) {matching}");
    let plan: Json = sqlx::query_scalar_with(AssertSqlSafe(explain), condition.arguments()?)
        .persistent(false)
        .fetch_one(tx)
        .await?;
    let rows = plan
        .pointer("/0/Plan/Plan Rows")
        .and_then(Json::as_i64)
        .unwrap_or_default();
    Ok((rows.max(counted), true))
}
