//! How the database serves a list: for the tests that fail when it would read a whole table.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::records::v1::ListQuery;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::list::{page_size, statement};
use super::order::Order;
use super::selection::Selection;
use crate::fields;
use crate::record::Record;

/// The plan of the first page of a list, as the database would carry it out for this caller.
///
/// # Errors
/// Invalid, naming every bad parameter; Forbidden when the caller may read none; Unavailable and Internal as the database
/// fails.
pub async fn explain<R: Record>(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<String, Error> {
    let mut errors = FieldErrors::new();
    let size = page_size(query.page_size, &mut errors);
    let fields = fields::of::<R>(conn, caller.company_id()).await?;
    let order = Order::of(&query.order_by, &fields, &mut errors);
    errors.into_result()?;
    let Selection { condition, .. } = Selection::settled::<R>(conn, caller, query).await?;
    let sql = format!("explain {}", statement(&fields, &condition, &order, size + 1));
    let lines: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(sql), condition.arguments()?)
        .persistent(false)
        .fetch_all(conn)
        .await?;
    Ok(lines.join("\n"))
}
