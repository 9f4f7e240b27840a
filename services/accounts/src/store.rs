//! Every line of SQL of accounts that the machinery of records doesn't write, on a borrowed connection.

pub mod counts;
pub mod hierarchy;
pub mod jobs;

use kontor_records::saga::Candidate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::territory::Territory;

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

/// Whether there is an account of this id that is not deleted. Until the transaction ends, it isn't merged into another
/// one either.
///
/// # Errors
/// When the database refuses.
pub async fn holds(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query(
        "select
         from accounts.accounts
         where company_id = $1
           and id = $2
           and deleted_at is null
         for key share",
    )
    .bind(company)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// Notes who made a territory and who changed it last.
///
/// # Errors
/// When the database refuses.
pub async fn note_territory_maker(conn: &mut PgConnection, territory: &Territory) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update accounts.territories
         set created_by = $3,
            updated_by = $4
         where company_id = $1
           and id = $2",
    )
    .bind(territory.company_id)
    .bind(territory.id)
    .bind(territory.created_by)
    .bind(territory.updated_by)
    .execute(conn)
    .await?;
    Ok(())
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

/// Accounts that a person may take for this one: same name, same domain, same telephone number; the best five.
///
/// # Errors
/// When the database refuses.
pub async fn candidates(
    conn: &mut PgConnection,
    company: Uuid,
    name_key: &str,
    domain: Option<&str>,
    phone: Option<&str>,
) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as(
        "select id, reason, score
         from (
             select distinct on (a.id) a.id, m.reason, m.score
             from accounts.accounts as a
             cross join lateral (
                 values
                     ('name', 0.95::float8, a.name_key = $2),
                     ('domain', 0.9::float8, a.domain = $3),
                     ('phone', 0.7::float8, $4 <> '' and regexp_replace(a.phone, '[^0-9]', '', 'g') = $4)
             ) as m (reason, score, fits)
             where a.company_id = $1
               and a.deleted_at is null
               and (a.name_key = $2 or a.domain = $3 or ($4 <> '' and a.search like '% ' || $4 || '%'))
               and m.fits
             order by a.id, m.score desc
         ) as found
         order by score desc, id
         limit 5",
    )
    .bind(company)
    .bind(name_key)
    .bind(domain)
    .bind(digits(phone))
    .fetch_all(conn)
    .await
}

/// The digits of a telephone number, when they are enough to tell one from another.
fn digits(phone: Option<&str>) -> String {
    let digits: String = phone
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if digits.len() < 6 { String::new() } else { digits }
}

/// Accounts that belong to this one, at most 20.
///
/// # Errors
/// When the database refuses.
pub async fn parts_of(
    conn: &mut PgConnection,
    company: Uuid,
    account: Option<Uuid>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from accounts.accounts
         where company_id = $1
           and parent_id = $2
           and deleted_at is null
         limit 20",
    )
    .bind(company)
    .bind(account)
    .fetch_all(conn)
    .await
}
