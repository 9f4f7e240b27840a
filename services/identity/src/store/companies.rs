//! Rows of `companies`, `roles` and `currency_rates`.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::company::Company;

/// A built-in role to add.
pub(crate) struct NewRole {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
}

/// Puts the rest of the transaction into another company.
pub(crate) async fn enter(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select set_config('kontor.company_id', $1, true)")
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a company.
pub(crate) async fn insert(conn: &mut PgConnection, company: &Company) -> Result<(), sqlx::Error> {
    let Company {
        id,
        name,
        currency,
        time_zone,
        locale,
        fiscal_year_start_month,
        website,
        version,
        created_at,
        updated_at,
    } = company;
    sqlx::query(
        "insert into identity.companies (
           id, name, currency, time_zone, locale, fiscal_year_start_month, website, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(name)
    .bind(currency)
    .bind(time_zone)
    .bind(locale)
    .bind(fiscal_year_start_month)
    .bind(website)
    .bind(version)
    .bind(created_at)
    .bind(updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds the built-in roles of a company.
pub(crate) async fn insert_built_in_roles(
    conn: &mut PgConnection,
    company_id: Uuid,
    roles: &[NewRole],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = roles.iter().map(|role| role.id).collect();
    let names: Vec<&str> = roles.iter().map(|role| role.name).collect();
    sqlx::query(
        "insert into identity.roles (company_id, id, name, built_in, created_at, updated_at)
         select $1, new.id, new.name, true, $4, $4
         from unnest($2::uuid[], $3::text[]) as new (id, name)",
    )
    .bind(company_id)
    .bind(ids)
    .bind(names)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A company that the caller's transaction may see: the token's, or one that the person is a member of.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Company>, sqlx::Error> {
    let row = sqlx::query("select * from identity.companies where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(decode).transpose()
}

/// The token's company, locked until the end of the transaction. Row-Level Security locks no other.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Company>, sqlx::Error> {
    let row = sqlx::query("select * from identity.companies where id = $1 for no key update")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(decode).transpose()
}

/// The companies of which a person is an active member, by name.
pub(crate) async fn of_member(conn: &mut PgConnection, user_id: Uuid) -> Result<Vec<Company>, sqlx::Error> {
    let rows = sqlx::query(
        "select c.*
         from identity.memberships m
         join identity.companies c on c.id = m.company_id
         where m.user_id = $1
           and m.active
         order by lower(c.name), c.id",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?;
    rows.iter().map(decode).collect()
}

/// Writes everything that can change of a company.
pub(crate) async fn update(conn: &mut PgConnection, company: &Company) -> Result<(), sqlx::Error> {
    let Company {
        id,
        name,
        currency,
        time_zone,
        locale,
        fiscal_year_start_month,
        website,
        version,
        created_at: _,
        updated_at,
    } = company;
    sqlx::query(
        "update identity.companies
         set name = $2,
           currency = $3,
           time_zone = $4,
           locale = $5,
           fiscal_year_start_month = $6,
           website = $7,
           version = $8,
           updated_at = $9
         where id = $1",
    )
    .bind(id)
    .bind(name)
    .bind(currency)
    .bind(time_zone)
    .bind(locale)
    .bind(fiscal_year_start_month)
    .bind(website)
    .bind(version)
    .bind(updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// The rates of a company's other currencies, as decimal strings, by currency.
pub(crate) async fn rates(
    conn: &mut PgConnection,
    company_id: Uuid,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select currency, trim_scale(rate)::text
         from identity.currency_rates
         where company_id = $1
         order by currency",
    )
    .bind(company_id)
    .fetch_all(conn)
    .await
}

/// Writes the rates of a company's other currencies instead of those before.
pub(crate) async fn replace_rates(
    conn: &mut PgConnection,
    company_id: Uuid,
    rates: &[(String, String)],
) -> Result<(), sqlx::Error> {
    let (currencies, rates): (Vec<&str>, Vec<&str>) = rates
        .iter()
        .map(|(currency, rate)| (currency.as_str(), rate.as_str()))
        .unzip();
    sqlx::query("delete from identity.currency_rates where company_id = $1")
        .bind(company_id)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into identity.currency_rates (company_id, currency, rate)
         select $1, new.currency, new.rate::numeric
         from unnest($2::text[], $3::text[]) as new (currency, rate)",
    )
    .bind(company_id)
    .bind(currencies)
    .bind(rates)
    .execute(conn)
    .await?;
    Ok(())
}

fn decode(row: &PgRow) -> Result<Company, sqlx::Error> {
    Ok(Company {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        currency: row.try_get("currency")?,
        time_zone: row.try_get("time_zone")?,
        locale: row.try_get("locale")?,
        fiscal_year_start_month: row.try_get("fiscal_year_start_month")?,
        website: row.try_get("website")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
