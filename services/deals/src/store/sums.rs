//! Deals in sums: of a selection, grouped, one row a currency, so that no sum mixes two.

use kontor_chassis::Error;
use kontor_records::query::Selection;
use rust_decimal::Decimal;
use sqlx::{
    Arguments, AssertSqlSafe, FromRow, PgConnection,
    postgres::{PgArguments, PgRow},
};
use uuid::Uuid;

use crate::month::Span;

/// What the deals of a stage are worth in one currency.
#[derive(Debug, FromRow)]
pub struct Staged {
    /// The stage.
    pub stage_id: Uuid,
    /// ISO 4217; none of deals without an amount.
    pub currency: Option<String>,
    /// How many.
    pub count: i64,
    /// Their amounts.
    pub amount: Decimal,
    /// Their weighted amounts.
    pub weighted: Decimal,
}

/// The deals of a selection by stage.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn by_stage(conn: &mut PgConnection, selection: &Selection) -> Result<Vec<Staged>, Error> {
    let sql = format!(
        "select stage_id, amount_currency as currency, count(*) as count,
            coalesce(sum(amount), 0) as amount, coalesce(sum(weighted_amount), 0) as weighted
         from deals.deals
         where {}
         group by stage_id, amount_currency
         order by stage_id, amount_currency",
        selection.condition.text()
    );
    rows(conn, selection, sql, selection.condition.arguments()?).await
}

/// What is thought to be sold.
#[derive(Debug, FromRow)]
pub struct Expected {
    /// `YYYY-MM`; none of deals without a day.
    pub month: Option<String>,
    /// Whose.
    pub owner_id: Option<Uuid>,
    /// How it counts.
    pub category: String,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Amounts.
    pub amount: Decimal,
    /// Weighted amounts.
    pub weighted: Decimal,
}

/// The open deals of a selection that are thought to be won in a span; those without a day when the span is everything.
/// What is left out of the forecast is left out here.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn expected(
    conn: &mut PgConnection,
    selection: &Selection,
    span: Span,
) -> Result<Vec<Expected>, Error> {
    let place = selection.condition.parameters();
    let (from, until) = (place + 1, place + 2);
    let sql = format!(
        "select to_char(expected_close_date, 'YYYY-MM') as month, owner_id, forecast_category as category,
            amount_currency as currency, coalesce(sum(amount), 0) as amount,
            coalesce(sum(weighted_amount), 0) as weighted
         from deals.deals
         where {}
           and status = 'open'
           and forecast_category <> 'omitted'
           and (${from}::date is null or expected_close_date >= ${from})
           and (${until}::date is null or expected_close_date < ${until})
         group by 1, 2, 3, 4",
        selection.condition.text()
    );
    let arguments = with_span(selection, span)?;
    rows(conn, selection, sql, arguments).await
}

/// What was closed.
#[derive(Debug, FromRow)]
pub struct Closed {
    /// `YYYY-MM` by the company's clock.
    pub month: String,
    /// Whose.
    pub owner_id: Option<Uuid>,
    /// How it came.
    pub source: Option<String>,
    /// From which stage.
    pub stage_id: Uuid,
    /// Won, or lost.
    pub is_won: bool,
    /// ISO 4217.
    pub currency: Option<String>,
    /// How many.
    pub count: i64,
    /// Amounts.
    pub amount: Decimal,
}

/// The deals of a selection that were closed in a span, in months of a time zone.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn closed(
    conn: &mut PgConnection,
    selection: &Selection,
    span: Span,
    time_zone: &str,
) -> Result<Vec<Closed>, Error> {
    let place = selection.condition.parameters();
    let sql = format!(
        "select to_char(closed_at at time zone ${zone}, 'YYYY-MM') as month, owner_id, source, stage_id,
            status = 'won' as is_won, amount_currency as currency, count(*) as count,
            coalesce(sum(amount), 0) as amount
         from deals.deals
         where {within}
         group by 1, 2, 3, 4, 5, 6",
        zone = place + 3,
        within = closed_within(selection),
    );
    let arguments = with_zone(selection, span, time_zone)?;
    rows(conn, selection, sql, arguments).await
}

/// Why deals of a selection were lost in a span, the most frequent reason first.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn lost_reasons(
    conn: &mut PgConnection,
    selection: &Selection,
    span: Span,
    time_zone: &str,
) -> Result<Vec<(String, i64)>, Error> {
    let sql = format!(
        "select lost_reason, count(*)
         from deals.deals
         where {}
           and lost_reason is not null
         group by lost_reason
         order by count(*) desc, lost_reason",
        closed_within(selection)
    );
    let arguments = with_zone(selection, span, time_zone)?;
    rows(conn, selection, sql, arguments).await
}

/// The median of the days from made to closed, of the deals of a selection that were closed in a span.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn median_days(
    conn: &mut PgConnection,
    selection: &Selection,
    span: Span,
    time_zone: &str,
) -> Result<Option<f64>, Error> {
    let sql = format!(
        "select percentile_cont(0.5) within group (
                order by greatest(extract(epoch from closed_at - created_at)::float8 / 86400, 0)
            )
         from deals.deals
         where {}",
        closed_within(selection)
    );
    let arguments = with_zone(selection, span, time_zone)?;
    let row: Vec<(Option<f64>,)> = rows(conn, selection, sql, arguments).await?;
    Ok(row.first().and_then(|(days,)| *days))
}

/// That a deal of the selection was closed between the two days that follow its parameters, by the clock that follows
/// them.
fn closed_within(selection: &Selection) -> String {
    let place = selection.condition.parameters();
    let (from, until, zone) = (place + 1, place + 2, place + 3);
    format!(
        "{}
           and status <> 'open'
           and (${from}::date is null or closed_at >= ${from}::timestamp at time zone ${zone})
           and (${until}::date is null or closed_at < ${until}::timestamp at time zone ${zone})",
        selection.condition.text()
    )
}

fn with_span(selection: &Selection, span: Span) -> Result<PgArguments, Error> {
    let mut arguments = selection.condition.arguments()?;
    arguments
        .add(span.from)
        .and_then(|()| arguments.add(span.until))
        .map_err(Error::internal)?;
    Ok(arguments)
}

fn with_zone(selection: &Selection, span: Span, time_zone: &str) -> Result<PgArguments, Error> {
    let mut arguments = with_span(selection, span)?;
    arguments.add(time_zone).map_err(Error::internal)?;
    Ok(arguments)
}

async fn rows<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
    conn: &mut PgConnection,
    selection: &Selection,
    sql: String,
    arguments: PgArguments,
) -> Result<Vec<T>, Error> {
    Ok(sqlx::query_as_with(AssertSqlSafe(sql), arguments)
        .persistent(!selection.searches)
        .fetch_all(conn)
        .await?)
}
