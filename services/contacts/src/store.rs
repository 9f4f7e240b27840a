//! Every line of SQL of contacts that the machinery of records doesn't write, on a borrowed connection.

use kontor_records::saga::Candidate;
use sqlx::PgConnection;
use uuid::Uuid;

/// The contacts with an address: `$1` the company, `$2` the address.
pub const MATCHING: &str = "select id
    from contacts.contacts
    where company_id = $1
      and email_key = lower($2)
      and deleted_at is null
    limit 2";

/// Two contacts at most that have this e-mail address, without case.
///
/// # Errors
/// When the database refuses.
pub async fn matching(conn: &mut PgConnection, company: Uuid, email: &str) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(MATCHING)
        .bind(company)
        .bind(email)
        .fetch_all(conn)
        .await
}

/// Writes how accounts are called now: `$1` the company, `$2` the accounts.
pub const NAME_ACCOUNTS: &str = "update contacts.contacts c
    set account_name = r.name
    from contacts.refs r
    where c.company_id = $1
      and c.account_id = any($2)
      and r.company_id = $1
      and r.kind = 'account'
      and r.id = c.account_id
      and c.account_name is distinct from r.name";

/// Writes how these accounts are called now beside the contacts that work there, deleted ones too. That is no change of a
/// contact.
///
/// # Errors
/// When the database refuses.
pub async fn name_accounts(
    conn: &mut PgConnection,
    company: Uuid,
    accounts: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(NAME_ACCOUNTS)
        .bind(company)
        .bind(accounts)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether there is a contact of this id that is not deleted. Until the transaction ends, it isn't merged into another
/// one either.
///
/// # Errors
/// When the database refuses.
pub async fn holds(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query(
        "select
         from contacts.contacts
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

/// Contacts that a person may take for this one, whatever they are called.
pub const CANDIDATES: &str = "select id, reason, score
    from (
        select distinct on (c.id) c.id, m.reason, m.score
        from contacts.contacts as c
        cross join lateral (
            values
                ('email', 1::float8, c.email_key = lower($2)),
                (
                    'phone',
                    0.7::float8,
                    regexp_replace(c.phone, '[^0-9]', '', 'g') in ($3, $4)
                    or regexp_replace(c.mobile, '[^0-9]', '', 'g') in ($3, $4)
                )
        ) as m (reason, score, fits)
        where c.company_id = $1
          and c.deleted_at is null
          and (c.email_key = lower($2) or c.search like '% ' || $3 || '%' or c.search like '% ' || $4 || '%')
          and m.fits
        order by c.id, m.score desc
    ) as found
    order by score desc, id
    limit 5";

/// Contacts that a person may take for this one: same e-mail address, same telephone number; the best five.
///
/// # Errors
/// When the database refuses.
pub async fn candidates(
    conn: &mut PgConnection,
    company: Uuid,
    email: Option<&str>,
    phones: [Option<&str>; 2],
) -> Result<Vec<Candidate>, sqlx::Error> {
    let [phone, mobile] = phones.map(|phone| phone.and_then(digits));
    sqlx::query_as(CANDIDATES)
        .bind(company)
        .bind(email)
        .bind(phone)
        .bind(mobile)
        .fetch_all(conn)
        .await
}

/// The digits of a telephone number, when they are enough to tell one from another.
fn digits(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 6).then_some(digits)
}

/// Contacts of an account, at most 20 and one.
///
/// # Errors
/// When the database refuses.
pub async fn of_account(
    conn: &mut PgConnection,
    company: Uuid,
    account: Option<Uuid>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from contacts.contacts
         where company_id = $1
           and account_id = $2
           and deleted_at is null
         limit 21",
    )
    .bind(company)
    .bind(account)
    .fetch_all(conn)
    .await
}
