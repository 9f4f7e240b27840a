//! Rows of `throttles`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::model::throttle::{Count, Key};

/// What is known of these, locked until the end of the transaction, in the order of the keys.
pub(crate) async fn lock(conn: &mut PgConnection, keys: &[Key]) -> Result<Vec<(Key, Count)>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, i32, OffsetDateTime, OffsetDateTime)> = sqlx::query_as(
        "select key, attempts, last_at, free_at
         from identity.throttles
         where key = any ($1)
         order by key
         for update",
    )
    .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let known = rows.into_iter().filter_map(|(key, attempts, last_at, free_at)| {
        let count = Count {
            attempts: u32::try_from(attempts).unwrap_or_default(),
            last_at,
            free_at,
        };
        Some((Key(key.try_into().ok()?), count))
    });
    Ok(known.collect())
}

/// Begins to count what is not counted yet, so that there is something to lock.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    keys: &[Key],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into identity.throttles (key, attempts, last_at, free_at)
         select key, 0, $2, $2
         from unnest($1::bytea[]) as new (key)
         order by key
         on conflict on constraint throttles_pkey do nothing",
    )
    .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes counts that were locked.
pub(crate) async fn save(conn: &mut PgConnection, counts: &[(Key, Count)]) -> Result<(), sqlx::Error> {
    let attempts = |(_, count): &(Key, Count)| i32::try_from(count.attempts).unwrap_or(i32::MAX);
    sqlx::query(
        "update identity.throttles t
         set attempts = c.attempts,
           last_at = c.last_at,
           free_at = c.free_at
         from unnest($1::bytea[], $2::integer[], $3::timestamptz[], $4::timestamptz[])
           as c (key, attempts, last_at, free_at)
         where t.key = c.key",
    )
    .bind(counts.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
    .bind(counts.iter().map(attempts).collect::<Vec<_>>())
    .bind(counts.iter().map(|(_, count)| count.last_at).collect::<Vec<_>>())
    .bind(counts.iter().map(|(_, count)| count.free_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes one attempt back, and forgets those on an account altogether.
pub(crate) async fn forgive(conn: &mut PgConnection, keys: &[Key], account: Key) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with forgotten as (
           delete from identity.throttles where key = $2
         )
         update identity.throttles
         set attempts = greatest(attempts - 1, 0),
           free_at = last_at
         where key = any ($1)
           and key <> $2",
    )
    .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
    .bind(account.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes what nobody has tried since a time.
pub(crate) async fn prune(conn: &mut PgConnection, before: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.throttles where last_at < $1")
        .bind(before)
        .execute(conn)
        .await?;
    Ok(())
}
