//! How many records match: exactly up to a limit, by the planner's estimate above it.

use std::sync::LazyLock;
use std::time::Duration;

use kontor_chassis::Error;
use moka::sync::Cache;
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::selection::Selection;

/// Counted exactly up to here.
const EXACT: i64 = 10_000;

/// Estimates, by what they are of: counting up to the limit takes many times what the page itself takes, and an estimate
/// is as good for the next moments. What was counted exactly is never kept.
static ESTIMATES: LazyLock<Cache<String, i64>> = LazyLock::new(|| {
    Cache::builder()
        .max_capacity(1_000)
        .time_to_live(Duration::from_secs(3))
        .build()
});

/// How many, and whether that is an estimate.
pub(crate) async fn total(
    tx: &mut PgConnection,
    table: &str,
    selection: &Selection,
) -> Result<(i64, bool), Error> {
    let condition = &selection.condition;
    let known = condition.fingerprint(table);
    if let Some(estimate) = ESTIMATES.get(&known) {
        return Ok((estimate, true));
    }
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
    let estimate = rows.max(counted);
    ESTIMATES.insert(known, estimate);
    Ok((estimate, true))
}
