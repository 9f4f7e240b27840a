//! Behind the curtain: what the tables say, read as the superuser.

use std::collections::BTreeMap;

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row};

/// The schemas of the suite, one a service.
pub const SCHEMAS: [&str; 6] = ["identity", "accounts", "contacts", "leads", "deals", "activities"];

/// Every table with a `company_id`, as `schema.table`.
///
/// # Errors
/// When the database can't be asked.
pub async fn tenant_tables(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname)
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id' and not a.attisdropped
          where c.relkind in ('r', 'p')
            and n.nspname not in ('pg_catalog', 'information_schema')
          order by 1",
    )
    .fetch_all(pool)
    .await
}

/// A fingerprint of all rows that a company has, by table: equal before and after means that nothing changed.
///
/// # Errors
/// When the database can't be asked.
pub async fn fingerprint(pool: &PgPool, company_id: &str) -> sqlx::Result<BTreeMap<String, String>> {
    let mut prints = BTreeMap::new();
    for table in tenant_tables(pool).await? {
        let sql = format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '')
               from {table} t
              where company_id = $1::uuid"
        );
        let print = sqlx::query(AssertSqlSafe(sql))
            .bind(company_id)
            .fetch_one(pool)
            .await?
            .get(0);
        prints.insert(table, print);
    }
    Ok(prints)
}

/// The number a statement answers.
///
/// # Panics
/// When it fails: a test's statement is the test's own.
pub async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}
