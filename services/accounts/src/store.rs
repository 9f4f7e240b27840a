//! Every line of SQL of accounts that the machinery of records doesn't write, on a borrowed connection.

pub mod counts;
pub mod hierarchy;
pub mod jobs;
pub mod steps;

use sqlx::PgConnection;
use uuid::Uuid;

/// Two accounts at most that have this normalised name or this domain.
///
/// # Errors
/// When the database refuses.
pub async fn matching(
    conn: &mut PgConnection,
    company: Uuid,
    name_key: &str,
    domain: Option<&str>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from accounts.accounts
         where company_id = $1
           and deleted_at is null
           and (name_key = $2 or domain = $3)
         limit 2",
    )
    .bind(company)
    .bind(name_key)
    .bind(domain)
    .fetch_all(conn)
    .await
}

/// Whether there is an account of this id that is not deleted.
///
/// # Errors
/// When the database refuses.
pub async fn holds(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
            select
            from accounts.accounts
            where company_id = $1
              and id = $2
              and deleted_at is null
         )",
    )
    .bind(company)
    .bind(id)
    .fetch_one(conn)
    .await
}

/// Lets one transaction at a time change the territories of a company, so that two can't close a loop together.
///
/// # Errors
/// When the database refuses.
pub async fn lock_territories(conn: &mut PgConnection, company: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('accounts.territories' || $1::text, 0))")
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}
