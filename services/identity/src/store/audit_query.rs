//! Finding rows of `audit_log`.

use kontor_records::filter::Operator;
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::audit::Entry;
use crate::model::audit_query::{Condition, Field, Wanted};

/// Counted exactly up to here.
const EXACT: i64 = 10_000;

/// A page of entries, from after one on.
pub(crate) async fn list(
    conn: &mut PgConnection,
    company_id: Uuid,
    wanted: &Wanted,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    let mut query = select("*", company_id, wanted);
    if let Some((at, id)) = after {
        let sign = if wanted.oldest_first { ">" } else { "<" };
        query.push(format_args!(" and (at, id) {sign} ("));
        query.push_bind(at).push(", ").push_bind(id).push(")");
    }
    query.push(order(wanted)).push(" limit ").push_bind(limit);
    // Parameters decide by which index it is best served, so no plan is kept.
    let rows = query.build().persistent(false).fetch_all(conn).await?;
    rows.iter().map(decode).collect()
}

/// The statement of all entries in their order, for an export.
pub(crate) fn all(company_id: Uuid, wanted: &Wanted) -> QueryBuilder<Postgres> {
    let mut query = select("*", company_id, wanted);
    query.push(order(wanted));
    query
}

/// How many there are, and whether that is an estimate, as it is above 10,000.
pub(crate) async fn total(
    conn: &mut PgConnection,
    company_id: Uuid,
    wanted: &Wanted,
) -> Result<(i64, bool), sqlx::Error> {
    let mut capped = QueryBuilder::new("select count(*) from (");
    select_into(&mut capped, "1", company_id, wanted);
    capped.push(" limit ").push_bind(EXACT + 1).push(") capped");
    let row = capped.build().persistent(false).fetch_one(&mut *conn).await?;
    let counted: i64 = row.try_get(0)?;
    if counted <= EXACT {
        return Ok((counted, false));
    }
    let mut explained = QueryBuilder::new("explain (format json) ");
    select_into(&mut explained, "1", company_id, wanted);
    let row = explained.build().persistent(false).fetch_one(conn).await?;
    let plan: Json = row.try_get(0)?;
    let rows = plan.pointer("/0/Plan/Plan Rows").and_then(Json::as_i64);
    Ok((rows.unwrap_or_default().max(counted), true))
}

fn select(columns: &str, company_id: Uuid, wanted: &Wanted) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("");
    select_into(&mut query, columns, company_id, wanted);
    query
}

fn select_into(query: &mut QueryBuilder<Postgres>, columns: &str, company_id: Uuid, wanted: &Wanted) {
    query.push(format_args!(
        "select {columns} from identity.audit_log where company_id = "
    ));
    query.push_bind(company_id).push(" and ");
    condition(query, &wanted.condition);
}

fn order(wanted: &Wanted) -> &'static str {
    if wanted.oldest_first {
        " order by at, id"
    } else {
        " order by at desc, id desc"
    }
}

/// Columns are words of this program, and every value is a parameter.
fn condition(query: &mut QueryBuilder<Postgres>, wanted: &Condition) {
    match wanted {
        Condition::All(conditions) => joined(query, conditions, " and ", "true"),
        Condition::Any(conditions) => joined(query, conditions, " or ", "false"),
        Condition::Not(inner) => {
            query.push("not coalesce(");
            condition(query, inner);
            query.push(", false)");
        }
        Condition::Is(field, None) => {
            query.push(format_args!("{} is null", field.word()));
        }
        Condition::Is(Field::UserId, Some(id)) => {
            // What is no id is nobody's.
            query.push("user_id = ").push_bind(id.parse::<Uuid>().ok());
        }
        Condition::Is(field, Some(text)) => {
            query
                .push(format_args!("{} = ", field.word()))
                .push_bind(text.clone());
        }
        Condition::Holds(Field::Fields, name) => {
            query.push_bind(name.clone()).push(" = any (fields)");
        }
        Condition::Holds(field, part) => {
            query
                .push(format_args!("{}::text ilike ", field.word()))
                .push_bind(pattern(part));
        }
        Condition::Done(operator, at) => {
            let sign = match operator {
                Operator::Equal | Operator::Has => "=",
                Operator::NotEqual => "<>",
                Operator::Less => "<",
                Operator::LessOrEqual => "<=",
                Operator::Greater => ">",
                Operator::GreaterOrEqual => ">=",
            };
            query.push(format_args!("at {sign} ")).push_bind(*at);
        }
        Condition::Mentions(word) => {
            query
                .push("concat_ws(' ', user_name, action, resource_name) ilike ")
                .push_bind(pattern(word));
        }
    }
}

fn joined(query: &mut QueryBuilder<Postgres>, conditions: &[Condition], by: &str, none: &str) {
    if conditions.is_empty() {
        query.push(none);
        return;
    }
    for (place, one) in conditions.iter().enumerate() {
        query.push(if place == 0 { "(" } else { by });
        condition(query, one);
    }
    query.push(")");
}

/// A pattern that finds a part. Signs of patterns are taken as themselves.
fn pattern(part: &str) -> String {
    let disarmed = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{disarmed}%")
}

/// An entry of a row.
pub(crate) fn decode(row: &PgRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        user_id: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        action: row.try_get("action")?,
        resource: row.try_get("resource")?,
        resource_id: row.try_get("resource_id")?,
        resource_name: row.try_get("resource_name")?,
        address: row.try_get("address")?,
        device: row.try_get("device")?,
        fields: row.try_get("fields")?,
    })
}
