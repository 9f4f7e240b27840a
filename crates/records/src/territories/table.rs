//! The copy of a company's territories.

use kontor_chassis::db::Subscription;
use kontor_chassis::{Db, Error};
use kontor_proto::records::v1::{Money as MoneyMessage, TerritoryChange};
use rust_decimal::Decimal;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::map::{Assignment, Map, Territory};
use super::rules::Rules;
use crate::field::Money;
use crate::{fold, refs, write};

/// The kind under which records refer to territories.
pub const KIND: &str = "territory";

/// The channel on which the database tells of changes, after the schema's name.
const CHANGED: &str = "territories";

/// The territories of a company.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn load(conn: &mut PgConnection, company: Uuid) -> Result<Map, Error> {
    let territories: Vec<Territory> = sqlx::query_as(
        "select id, name, parent_id, priority, rules_countries, rules_states, rules_postal_prefixes,
             rules_industries, rules_employees_min, rules_employees_max, rules_revenue_min,
             rules_revenue_min_currency, rules_revenue_max, rules_revenue_max_currency, member_ids, assignment,
             created_at
         from territories
         where company_id = $1
           and deleted_at is null",
    )
    .bind(company)
    .fetch_all(conn)
    .await?;
    Ok(Map::of(territories))
}

/// The version of a territory that is known, also of one that is gone.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn version(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<Option<i64>, Error> {
    let found = sqlx::query_scalar("select version from territories where company_id = $1 and id = $2");
    Ok(found.bind(company).bind(id).fetch_optional(conn).await?)
}

/// The companies whose territories change, as soon as they do.
#[must_use]
pub fn changes(db: &Db) -> Subscription {
    db.signals().subscribe(&format!("{}_{CHANGED}", db.schema()))
}

/// Takes over what is told of territories, also their names for those who refer to them. What is older than what is
/// known is left out.
///
/// # Errors
/// Invalid when something can't be read; Unavailable and Internal as the database fails.
pub async fn keep(conn: &mut PgConnection, company: Uuid, changes: &[TerritoryChange]) -> Result<(), Error> {
    let names: Vec<_> = changes.iter().filter_map(|told| told.change.clone()).collect();
    refs::apply(conn, company, KIND, &names).await?;
    for told in changes {
        keep_one(conn, company, told).await?;
    }
    sqlx::query("select pg_notify(current_schema() || '_' || $1, $2::text)")
        .bind(CHANGED)
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}

/// The territory that is told of, as rules are matched with it.
///
/// # Errors
/// Invalid when something can't be read.
pub fn read(told: &TerritoryChange) -> Result<Territory, Error> {
    let money = |money: Option<&MoneyMessage>| -> Result<Option<Money>, Error> {
        let (amount, currency) = amount(money)?;
        Ok(amount.zip(currency).map(|(amount, currency)| Money {
            amount,
            currency: currency.to_owned(),
        }))
    };
    let change = told.change.clone().unwrap_or_default();
    Ok(Territory {
        id: write::parse_id(&change.id)?,
        name: change.name,
        parent_id: told.parent_id.as_deref().map(write::parse_id).transpose()?,
        priority: told.priority,
        rules: Rules {
            countries: told.countries.clone(),
            states: told.states.clone(),
            postal_prefixes: told.postal_prefixes.clone(),
            industries: told.industries.clone(),
            employees_min: told.employees_min,
            employees_max: told.employees_max,
            revenue_min: money(told.revenue_min.as_ref())?,
            revenue_max: money(told.revenue_max.as_ref())?,
        },
        member_ids: members(told)?,
        assignment: Assignment::of(&told.assignment),
        created_at: instant(told.created_at.as_ref())?,
    })
}

fn members(told: &TerritoryChange) -> Result<Vec<Uuid>, Error> {
    told.member_ids.iter().map(|id| write::parse_id(id)).collect()
}

async fn keep_one(conn: &mut PgConnection, company: Uuid, told: &TerritoryChange) -> Result<(), Error> {
    let change = told.change.clone().unwrap_or_default();
    let Territory {
        id,
        name,
        parent_id,
        priority,
        rules,
        member_ids,
        assignment,
        created_at,
    } = read(told)?;
    let pair = |money: Option<Money>| money.map(|money| (money.amount, money.currency)).unzip();
    let (least, least_currency) = pair(rules.revenue_min);
    let (most, most_currency) = pair(rules.revenue_max);
    let changed_at = instant(change.at.as_ref())?;
    let mut search = String::new();
    fold::append(&mut search, &change.name);
    sqlx::query(
        "insert into territories as t (
             company_id, id, name, parent_id, priority, rules_countries, rules_states, rules_postal_prefixes,
             rules_industries, rules_employees_min, rules_employees_max, rules_revenue_min,
             rules_revenue_min_currency, rules_revenue_max, rules_revenue_max_currency, member_ids, assignment,
             created_at, updated_at, deleted_at, version, search
         )
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
         on conflict (company_id, id) do update
         set name = excluded.name,
             parent_id = excluded.parent_id,
             priority = excluded.priority,
             rules_countries = excluded.rules_countries,
             rules_states = excluded.rules_states,
             rules_postal_prefixes = excluded.rules_postal_prefixes,
             rules_industries = excluded.rules_industries,
             rules_employees_min = excluded.rules_employees_min,
             rules_employees_max = excluded.rules_employees_max,
             rules_revenue_min = excluded.rules_revenue_min,
             rules_revenue_min_currency = excluded.rules_revenue_min_currency,
             rules_revenue_max = excluded.rules_revenue_max,
             rules_revenue_max_currency = excluded.rules_revenue_max_currency,
             member_ids = excluded.member_ids,
             assignment = excluded.assignment,
             updated_at = excluded.updated_at,
             deleted_at = excluded.deleted_at,
             version = excluded.version,
             search = excluded.search
         where t.version < excluded.version",
    )
    .bind(company)
    .bind(id)
    .bind(name)
    .bind(parent_id)
    .bind(priority)
    .bind(rules.countries)
    .bind(rules.states)
    .bind(rules.postal_prefixes)
    .bind(rules.industries)
    .bind(rules.employees_min)
    .bind(rules.employees_max)
    .bind(least)
    .bind(least_currency)
    .bind(most)
    .bind(most_currency)
    .bind(member_ids)
    .bind(assignment.word())
    .bind(created_at)
    .bind(changed_at)
    .bind(change.deleted.then_some(changed_at))
    .bind(change.version)
    .bind(search)
    .execute(conn)
    .await?;
    Ok(())
}

fn amount(money: Option<&MoneyMessage>) -> Result<(Option<Decimal>, Option<&str>), Error> {
    let Some(MoneyMessage { amount, currency }) = money else {
        return Ok((None, None));
    };
    let amount = amount.parse().map_err(Error::internal)?;
    Ok((Some(amount), Some(currency)))
}

fn instant(at: Option<&prost_types::Timestamp>) -> Result<OffsetDateTime, Error> {
    let at = at.copied().unwrap_or_default();
    let nanoseconds = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(Error::internal)
}

impl FromRow<'_, PgRow> for Territory {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let money = |amount: &str, currency: &str| -> Result<Option<Money>, sqlx::Error> {
            let (amount, currency): (Option<_>, Option<_>) = (row.try_get(amount)?, row.try_get(currency)?);
            Ok(amount
                .zip(currency)
                .map(|(amount, currency)| Money { amount, currency }))
        };
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            parent_id: row.try_get("parent_id")?,
            priority: row.try_get("priority")?,
            rules: Rules {
                countries: row.try_get("rules_countries")?,
                states: row.try_get("rules_states")?,
                postal_prefixes: row.try_get("rules_postal_prefixes")?,
                industries: row.try_get("rules_industries")?,
                employees_min: row.try_get("rules_employees_min")?,
                employees_max: row.try_get("rules_employees_max")?,
                revenue_min: money("rules_revenue_min", "rules_revenue_min_currency")?,
                revenue_max: money("rules_revenue_max", "rules_revenue_max_currency")?,
            },
            member_ids: row.try_get("member_ids")?,
            assignment: Assignment::of(row.try_get("assignment")?),
            created_at: row.try_get("created_at")?,
        })
    }
}
