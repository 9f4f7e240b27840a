//! Records in numbers.

use kontor_chassis::Error;
use kontor_proto::records::v1::{Money, MonthCount, ValueCount};
use rust_decimal::Decimal;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::leaf::Leaf;
use crate::query::Selection;
use crate::record::Record;
use crate::value::amount_text;

/// How many match.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn count<R: Record>(tx: &mut PgConnection, selection: &Selection) -> Result<i64, Error> {
    let condition = &selection.condition;
    let sql = format!(
        "select count(*)\nfrom {}\nwhere {}",
        R::description().table,
        condition.text()
    );
    Ok(
        sqlx::query_scalar_with(AssertSqlSafe(sql), condition.arguments()?)
            .fetch_one(tx)
            .await?,
    )
}

/// How often each value of a leaf occurs, the most frequent first; records without one are counted under none.
///
/// # Errors
/// Internal when the kind has no such leaf; Unavailable and Internal as the database fails.
pub async fn count_by<R: Record>(
    tx: &mut PgConnection,
    selection: &Selection,
    leaf: &str,
) -> Result<Vec<ValueCount>, Error> {
    let column = leaf_of::<R>(leaf)?.column;
    let condition = &selection.condition;
    let sql = format!(
        "select {column}::text, count(*)\nfrom {}\nwhere {}\ngroup by {column}\norder by count(*) desc, {column}",
        R::description().table,
        condition.text(),
    );
    let rows: Vec<(Option<String>, i64)> = sqlx::query_as_with(AssertSqlSafe(sql), condition.arguments()?)
        .fetch_all(tx)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(value, count)| ValueCount { value, count })
        .collect())
}

/// How many were made in each month that has any, by UTC, the oldest first.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn created_per_month<R: Record>(
    tx: &mut PgConnection,
    selection: &Selection,
) -> Result<Vec<MonthCount>, Error> {
    let condition = &selection.condition;
    let sql = format!(
        "select to_char(created_at at time zone 'UTC', 'YYYY-MM') as month, count(*)\nfrom {}\nwhere {}\ngroup by month\norder by month",
        R::description().table,
        condition.text(),
    );
    let rows: Vec<(String, i64)> = sqlx::query_as_with(AssertSqlSafe(sql), condition.arguments()?)
        .fetch_all(tx)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(month, count)| MonthCount { month, count })
        .collect())
}

/// The sum and the mean of an amount, in each currency that occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amounts {
    /// Sums, one a currency.
    pub sums: Vec<Money>,
    /// Means, one a currency, to 4 places.
    pub means: Vec<Money>,
}

/// Sums and means of a field of money.
///
/// # Errors
/// Internal when the kind has no such field; Unavailable and Internal as the database fails.
pub async fn amounts<R: Record>(
    tx: &mut PgConnection,
    selection: &Selection,
    field: &str,
) -> Result<Amounts, Error> {
    let amount = leaf_of::<R>(field)?.column;
    let currency = leaf_of::<R>(&format!("{field}_currency"))?.column;
    let condition = &selection.condition;
    let sql = format!(
        "select {currency}, sum({amount}), round(avg({amount}), 4)\nfrom {}\nwhere {}\n  and {currency} is not null\ngroup by {currency}\norder by {currency}",
        R::description().table,
        condition.text(),
    );
    let rows: Vec<(String, Decimal, Decimal)> =
        sqlx::query_as_with(AssertSqlSafe(sql), condition.arguments()?)
            .fetch_all(tx)
            .await?;
    let mut amounts = Amounts::default();
    for (currency, sum, mean) in rows {
        amounts.sums.push(Money {
            amount: amount_text(sum),
            currency: currency.clone(),
        });
        amounts.means.push(Money {
            amount: amount_text(mean),
            currency,
        });
    }
    Ok(amounts)
}

fn leaf_of<R: Record>(name: &str) -> Result<&'static Leaf, Error> {
    R::description()
        .find(name)
        .ok_or_else(|| Error::internal(format!("{} has no leaf {name}", R::description().one)))
}
