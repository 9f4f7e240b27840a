//! The rights of a login role: as few as Row-Level Security needs to hold.

use sqlx::postgres::PgPool;

use crate::error::Error;

pub(super) async fn verify(pool: &PgPool, schema: &str) -> Result<(), Error> {
    let (name, superuser, bypasses, owned): (String, bool, bool, Option<String>) = sqlx::query_as(
        "select r.rolname::text, r.rolsuper, r.rolbypassrls,
            (select c.relname::text
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1
               and c.relkind in ('r', 'p')
               and pg_has_role(r.oid, c.relowner, 'member')
             limit 1)
         from pg_roles r
         where r.rolname = current_user",
    )
    .bind(schema)
    .fetch_one(pool)
    .await?;

    let too_much = if superuser {
        "is a superuser".to_owned()
    } else if bypasses {
        "has BYPASSRLS".to_owned()
    } else if let Some(table) = owned {
        format!("owns the table {schema}.{table}")
    } else {
        return Ok(());
    };
    Err(Error::internal(format!(
        "the database role {name} {too_much}, so Row-Level Security would not bind it: \
         run `kontor migrate` with KONTOR_MIGRATE_DATABASE_URL and log in as kontor_{schema} instead"
    )))
}
