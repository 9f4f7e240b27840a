//! Rows of `users`.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::model::email::Email;
use crate::model::person::Person;

/// What the sign-in needs of a person.
pub(crate) struct Credentials {
    pub(crate) user_id: Uuid,
    pub(crate) password_hash: String,
    /// Whether a second factor is asked for.
    pub(crate) second_factor: bool,
}

/// Adds a person; false when the address is taken.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    person: &Person,
    address: &Email,
    password_hash: &str,
) -> Result<bool, sqlx::Error> {
    let Person {
        id,
        email,
        email_verified_at,
        first_name,
        last_name,
        phone,
        job_title,
        time_zone,
        locale,
        avatar_url,
        totp_enabled: _,
        version,
        created_at,
        updated_at,
    } = person;
    let inserted = sqlx::query(
        "insert into identity.users (
           id, email, email_verified_at, first_name, last_name, phone, job_title,
           time_zone, locale, avatar_url, password_hash, version, created_at, updated_at, email_key)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict on constraint users_email_key do nothing",
    )
    .bind(id)
    .bind(email)
    .bind(email_verified_at)
    .bind(first_name)
    .bind(last_name)
    .bind(phone)
    .bind(job_title)
    .bind(time_zone)
    .bind(locale)
    .bind(avatar_url)
    .bind(password_hash)
    .bind(version)
    .bind(created_at)
    .bind(updated_at)
    .bind(address.key())
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The hash of a person's password.
pub(crate) async fn password_hash(conn: &mut PgConnection, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select password_hash from identity.users where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await
}

/// Writes the hash of a new password.
pub(crate) async fn set_password(conn: &mut PgConnection, id: Uuid, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.users set password_hash = $2 where id = $1")
        .bind(id)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes another hash of the same password, unless the password is another by now.
pub(crate) async fn rehash(
    conn: &mut PgConnection,
    id: Uuid,
    old: &str,
    new: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.users set password_hash = $3 where id = $1 and password_hash = $2")
        .bind(id)
        .bind(old)
        .bind(new)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets the rest of the transaction see what this person belongs to.
pub(crate) async fn act_as(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select set_config('kontor.user_id', $1, true)")
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether an address is taken.
pub(crate) async fn is_taken(conn: &mut PgConnection, email: &Email) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from identity.users where email_key = $1)")
        .bind(email.key())
        .fetch_one(conn)
        .await
}

/// The credentials behind an address.
pub(crate) async fn credentials(
    conn: &mut PgConnection,
    email: &Email,
) -> Result<Option<Credentials>, sqlx::Error> {
    let row = sqlx::query("select id, password_hash, totp_enabled from identity.users where email_key = $1")
        .bind(email.key())
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(Credentials {
            user_id: row.try_get("id")?,
            password_hash: row.try_get("password_hash")?,
            second_factor: row.try_get("totp_enabled")?,
        })
    })
    .transpose()
}

/// The person behind an address.
pub(crate) async fn by_email(conn: &mut PgConnection, email: &Email) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query(
        "select id, email, email_verified_at, first_name, last_name, phone, job_title,
           time_zone, locale, avatar_url, totp_enabled, version, created_at, updated_at
         from identity.users
         where email_key = $1",
    )
    .bind(email.key())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// A person.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query(
        "select id, email, email_verified_at, first_name, last_name, phone, job_title,
           time_zone, locale, avatar_url, totp_enabled, version, created_at, updated_at
         from identity.users
         where id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// A person, locked until the end of the transaction.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Person>, sqlx::Error> {
    let row = sqlx::query(
        "select id, email, email_verified_at, first_name, last_name, phone, job_title,
           time_zone, locale, avatar_url, totp_enabled, version, created_at, updated_at
         from identity.users
         where id = $1
         for no key update",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// Writes everything that a person may change of oneself, and whether the address is proved.
pub(crate) async fn update(conn: &mut PgConnection, person: &Person) -> Result<(), sqlx::Error> {
    let Person {
        id,
        email: _,
        email_verified_at,
        first_name,
        last_name,
        phone,
        job_title,
        time_zone,
        locale,
        avatar_url,
        totp_enabled: _,
        version,
        created_at: _,
        updated_at,
    } = person;
    sqlx::query(
        "update identity.users
         set email_verified_at = $2,
           first_name = $3,
           last_name = $4,
           phone = $5,
           job_title = $6,
           time_zone = $7,
           locale = $8,
           avatar_url = $9,
           version = $10,
           updated_at = $11
         where id = $1",
    )
    .bind(id)
    .bind(email_verified_at)
    .bind(first_name)
    .bind(last_name)
    .bind(phone)
    .bind(job_title)
    .bind(time_zone)
    .bind(locale)
    .bind(avatar_url)
    .bind(version)
    .bind(updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

fn decode(row: &PgRow) -> Result<Person, sqlx::Error> {
    Ok(Person {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        email_verified_at: row.try_get("email_verified_at")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        phone: row.try_get("phone")?,
        job_title: row.try_get("job_title")?,
        time_zone: row.try_get("time_zone")?,
        locale: row.try_get("locale")?,
        avatar_url: row.try_get("avatar_url")?,
        totp_enabled: row.try_get("totp_enabled")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
