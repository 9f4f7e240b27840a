//! What companies count in.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::company::Company;

/// What the company counts in; none when not all of it was told yet.
///
/// # Errors
/// When the database refuses.
pub async fn get(conn: &mut PgConnection, company: Uuid) -> Result<Option<Company>, sqlx::Error> {
    let rows: Vec<(String, String, Option<String>, Option<Decimal>)> = sqlx::query_as(
        "select c.currency, c.time_zone, r.currency, r.rate
         from deals.companies c
         left join deals.rates r on r.company_id = c.company_id
         where c.company_id = $1
           and c.version >= 0
           and c.rates_version >= 0",
    )
    .bind(company)
    .fetch_all(conn)
    .await?;
    let mut rates = BTreeMap::new();
    let mut found = None;
    for (own, time_zone, currency, rate) in rows {
        rates.extend(currency.zip(rate));
        found = Some((own, time_zone));
    }
    Ok(found.map(|(currency, time_zone)| Company {
        currency,
        time_zone,
        rates,
    }))
}

/// Keeps currency and time zone as a version of the company tells them, unless a newer one is known. A time zone that
/// PostgreSQL doesn't know counts as UTC.
///
/// # Errors
/// When the database refuses.
pub async fn put(
    conn: &mut PgConnection,
    company: Uuid,
    currency: &str,
    time_zone: &str,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into deals.companies as c (company_id, currency, time_zone, version, rates_version)
         select $1, $2,
            coalesce((select name from pg_timezone_names where lower(name) = lower($3) limit 1), 'UTC'),
            $4, -1
         on conflict (company_id) do update
         set currency = case when c.rates_version > excluded.version then c.currency else excluded.currency end,
            time_zone = excluded.time_zone,
            version = excluded.version
         where c.version < excluded.version",
    )
    .bind(company)
    .bind(currency)
    .bind(time_zone)
    .bind(version)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the currency and every rate as a version of the company tells them, unless a newer one is known.
///
/// # Errors
/// When the database refuses.
pub async fn put_rates(
    conn: &mut PgConnection,
    company: Uuid,
    currency: &str,
    rates: &BTreeMap<String, Decimal>,
    version: i64,
) -> Result<(), sqlx::Error> {
    let newer = sqlx::query(
        "insert into deals.companies as c (company_id, currency, time_zone, version, rates_version)
         values ($1, $2, 'UTC', -1, $3)
         on conflict (company_id) do update
         set currency = case when c.version > excluded.rates_version then c.currency else excluded.currency end,
            rates_version = excluded.rates_version
         where c.rates_version < excluded.rates_version",
    )
    .bind(company)
    .bind(currency)
    .bind(version)
    .execute(&mut *conn)
    .await?;
    if newer.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "with gone as (
            delete from deals.rates
            where company_id = $1
              and currency <> all ($2)
         )
         insert into deals.rates (company_id, currency, rate)
         select $1, r.currency, r.rate
         from unnest($2::text[], $3::numeric[]) as r (currency, rate)
         on conflict (company_id, currency) do update
         set rate = excluded.rate",
    )
    .bind(company)
    .bind(rates.keys().cloned().collect::<Vec<_>>())
    .bind(rates.values().copied().collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
