//! What the statistics of leads count beyond those of every kind of record.

use kontor_chassis::Error;
use kontor_records::query::Selection;
use sqlx::{AssertSqlSafe, PgConnection};

/// Leads by tens of their score: the place of the bin, and how many.
pub(crate) async fn score_bins(
    conn: &mut PgConnection,
    selection: &Selection,
) -> Result<Vec<(i32, i64)>, Error> {
    let sql = format!(
        "select least(score / 10, 9) as bin, count(*)
         from leads.leads
         where {}
         group by bin
         order by bin",
        selection.condition.text()
    );
    let arguments = selection.condition.arguments()?;
    Ok(sqlx::query_as_with(AssertSqlSafe(sql), arguments)
        .fetch_all(conn)
        .await?)
}

/// How many were converted, and the median of the days that took.
pub(crate) async fn converted(
    conn: &mut PgConnection,
    selection: &Selection,
) -> Result<(i64, Option<f64>), Error> {
    let sql = format!(
        "select count(*),
             percentile_cont(0.5) within group (
                 order by extract(epoch from conversion_converted_at - created_at)::float8 / 86400
             )
         from leads.leads
         where {}
           and status = 'converted'",
        selection.condition.text()
    );
    let arguments = selection.condition.arguments()?;
    Ok(sqlx::query_as_with(AssertSqlSafe(sql), arguments)
        .fetch_one(conn)
        .await?)
}
