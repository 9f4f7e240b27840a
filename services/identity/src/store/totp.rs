//! Rows of `totp` and `recovery_codes`.

use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

/// A person's second factor.
pub(crate) struct Totp {
    /// Sealed.
    pub(crate) secret: Vec<u8>,
    pub(crate) confirmed: bool,
    pub(crate) last_step: Option<i64>,
}

/// Keeps a new secret that is still to be confirmed, in place of an older one that was not.
pub(crate) async fn put(
    conn: &mut PgConnection,
    user_id: Uuid,
    secret: &[u8],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into identity.totp (user_id, secret, created_at)
         values ($1, $2, $3)
         on conflict on constraint totp_pkey do update
         set secret = excluded.secret,
           created_at = excluded.created_at
         where totp.confirmed_at is null",
    )
    .bind(user_id)
    .bind(secret)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A person's second factor, locked until the end of the transaction: of two that type one code, one is first.
pub(crate) async fn lock(conn: &mut PgConnection, user_id: Uuid) -> Result<Option<Totp>, sqlx::Error> {
    let row = sqlx::query(
        "select secret, confirmed_at is not null as confirmed, last_step
         from identity.totp
         where user_id = $1
         for update",
    )
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Totp {
            secret: row.try_get("secret")?,
            confirmed: row.try_get("confirmed")?,
            last_step: row.try_get("last_step")?,
        })
    })
    .transpose()
}

/// Switches it on, with the step of the first code and the hashes of the recovery codes.
pub(crate) async fn confirm(
    conn: &mut PgConnection,
    user_id: Uuid,
    step: i64,
    hashes: &[Vec<u8>],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.totp set confirmed_at = $2, last_step = $3 where user_id = $1")
        .bind(user_id)
        .bind(now)
        .bind(step)
        .execute(&mut *conn)
        .await?;
    sqlx::query("insert into identity.recovery_codes (user_id, hash) select $1, unnest($2::bytea[])")
        .bind(user_id)
        .bind(hashes)
        .execute(&mut *conn)
        .await?;
    note(conn, user_id, true, now).await
}

/// Notes the step of the last code that was taken.
pub(crate) async fn take_step(conn: &mut PgConnection, user_id: Uuid, step: i64) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.totp set last_step = $2 where user_id = $1")
        .bind(user_id)
        .bind(step)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a recovery code: it is good once. False when there is none of that hash.
pub(crate) async fn take_recovery(
    conn: &mut PgConnection,
    user_id: Uuid,
    hash: &[u8],
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query("delete from identity.recovery_codes where user_id = $1 and hash = $2")
        .bind(user_id)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(taken.rows_affected() == 1)
}

/// Switches it off, with its recovery codes. False when it was not on.
pub(crate) async fn delete(
    conn: &mut PgConnection,
    user_id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query("delete from identity.totp where user_id = $1 and confirmed_at is not null")
        .bind(user_id)
        .execute(&mut *conn)
        .await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    note(conn, user_id, false, now).await?;
    Ok(true)
}

/// What a person sees of it of oneself.
async fn note(
    conn: &mut PgConnection,
    user_id: Uuid,
    enabled: bool,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update identity.users
         set totp_enabled = $2,
           version = version + 1,
           updated_at = $3
         where id = $1",
    )
    .bind(user_id)
    .bind(enabled)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
