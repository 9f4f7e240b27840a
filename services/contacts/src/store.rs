//! Every line of SQL of contacts that the machinery of records doesn't write, on a borrowed connection.

pub mod steps;

use sqlx::PgConnection;
use uuid::Uuid;

/// Two contacts at most that have this e-mail address, without case.
///
/// # Errors
/// When the database refuses.
pub async fn matching(conn: &mut PgConnection, company: Uuid, email: &str) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from contacts.contacts
         where company_id = $1
           and lower(email) = lower($2)
           and deleted_at is null
         limit 2",
    )
    .bind(company)
    .bind(email)
    .fetch_all(conn)
    .await
}

/// Writes how these accounts are called now beside the contacts that work there. That is no change of a contact.
///
/// # Errors
/// When the database refuses.
pub async fn name_accounts(
    conn: &mut PgConnection,
    company: Uuid,
    accounts: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update contacts.contacts c
         set account_name = r.name
         from contacts.refs r
         where c.company_id = $1
           and c.account_id = any($2)
           and r.company_id = $1
           and r.kind = 'account'
           and r.id = c.account_id
           and c.account_name is distinct from r.name",
    )
    .bind(company)
    .bind(accounts)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether there is a contact of this id that is not deleted.
///
/// # Errors
/// When the database refuses.
pub async fn holds(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
            select
            from contacts.contacts
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

/// Lets one transaction at a time make primary contacts in a company. Taken before any contact is locked, so that two
/// that put each other down don't wait for one another.
///
/// # Errors
/// When the database refuses.
pub async fn lock_primaries(conn: &mut PgConnection, company: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('contacts.primaries' || $1::text, 0))")
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}

/// The primary contact of an account.
///
/// # Errors
/// When the database refuses.
pub async fn primary_of(
    conn: &mut PgConnection,
    company: Uuid,
    account: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from contacts.contacts
         where company_id = $1
           and account_id = $2
           and is_primary
           and deleted_at is null",
    )
    .bind(company)
    .bind(account)
    .fetch_optional(conn)
    .await
}

/// Those of these accounts that have a primary contact.
///
/// # Errors
/// When the database refuses.
pub async fn primaries_of(
    conn: &mut PgConnection,
    company: Uuid,
    accounts: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select account_id
         from contacts.contacts
         where company_id = $1
           and account_id = any($2)
           and is_primary
           and deleted_at is null",
    )
    .bind(company)
    .bind(accounts)
    .fetch_all(conn)
    .await
}
