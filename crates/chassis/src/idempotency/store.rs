//! The rows of keys, on a borrowed connection.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::answer::Kept;

/// Whose key it is, and for which request.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) company_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) key: String,
    /// The path of the rpc.
    pub(crate) rpc: &'static str,
    /// The SHA-256 of the request; none while a stream still comes.
    pub(crate) request: Option<Vec<u8>>,
}

/// What is known of a key.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) rpc: String,
    pub(crate) request: Option<Vec<u8>>,
    headers: Option<Json<Vec<(String, String)>>>,
    body: Option<Vec<u8>>,
    pub(crate) answered: bool,
    /// Somebody works on it.
    pub(crate) busy: bool,
}

impl Row {
    /// The answer, or what stands for it meanwhile.
    pub(crate) fn into_kept(self) -> Option<Kept> {
        Some(Kept {
            headers: self.headers?.0,
            body: self.body.unwrap_or_default().into(),
        })
    }
}

/// Claims a key for the transaction: true when it is now this one's. Waits for another transaction that has claimed it, at
/// most 5 seconds; after that the database refuses (55P03).
pub(crate) async fn claim(conn: &mut PgConnection, key: &Key) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql("set local lock_timeout = '5s'")
        .execute(&mut *conn)
        .await?;
    let claimed = sqlx::query(
        "insert into idempotency as i (company_id, user_id, key, rpc, request)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint idempotency_pk do update
         set rpc = excluded.rpc,
            request = excluded.request,
            headers = null,
            body = null,
            answered_at = null,
            busy_until = null,
            created_at = now()
         where i.created_at < now() - interval '24 hours'",
    )
    .bind(key.company_id)
    .bind(key.user_id)
    .bind(&key.key)
    .bind(key.rpc)
    .bind(&key.request)
    .execute(&mut *conn)
    .await?
    .rows_affected()
        > 0;
    // What the use-case does wrong is taken back to here, and the key stays.
    sqlx::raw_sql("set local lock_timeout = 0; savepoint work")
        .execute(conn)
        .await?;
    Ok(claimed)
}

/// Takes back what was done since the key was claimed.
pub(crate) async fn back_to_the_claim(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("rollback to savepoint work").execute(conn).await?;
    Ok(())
}

/// What is known of a key that is younger than a day.
pub(crate) async fn find(conn: &mut PgConnection, key: &Key) -> Result<Option<Row>, sqlx::Error> {
    sqlx::query_as(
        "select rpc, request, headers, body,
            answered_at is not null as answered,
            coalesce(busy_until > now(), false) as busy
         from idempotency
         where company_id = $1
           and user_id = $2
           and key = $3
           and created_at >= now() - interval '24 hours'",
    )
    .bind(key.company_id)
    .bind(key.user_id)
    .bind(&key.key)
    .fetch_optional(conn)
    .await
}

/// Keeps the answer of a claimed key; without one it is withheld. Forgets a few answers that are older than a day.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    key: &Key,
    answer: Option<&Kept>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with old as (
            delete from idempotency
            where company_id = $1
              and (user_id, key) in (
                select user_id, key
                from idempotency
                where company_id = $1
                  and created_at < now() - interval '25 hours'
                limit 10
                for update skip locked
              )
         )
         update idempotency
         set request = coalesce(request, $4),
            headers = $5,
            body = $6,
            answered_at = clock_timestamp(),
            busy_until = null
         where company_id = $1
           and user_id = $2
           and key = $3",
    )
    .bind(key.company_id)
    .bind(key.user_id)
    .bind(&key.key)
    .bind(&key.request)
    .bind(answer.map(|answer| Json(&answer.headers)))
    .bind(answer.map(|answer| answer.body.to_vec()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the work of a claimed key is done in part and that its answer is still to come, or that nobody works on it any
/// more (`seconds` of 0). What was noted to be answered meanwhile stays unless there is something new.
pub(crate) async fn busy(
    conn: &mut PgConnection,
    key: &Key,
    seconds: i32,
    meanwhile: Option<&Kept>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update idempotency
         set busy_until = clock_timestamp() + make_interval(secs => $4),
            headers = coalesce($5, headers),
            body = coalesce($6, body),
            request = coalesce(request, $7)
         where company_id = $1
           and user_id = $2
           and key = $3
           and answered_at is null",
    )
    .bind(key.company_id)
    .bind(key.user_id)
    .bind(&key.key)
    .bind(f64::from(seconds))
    .bind(meanwhile.map(|answer| Json(&answer.headers)))
    .bind(meanwhile.map(|answer| answer.body.to_vec()))
    .bind(&key.request)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a key whose work was not done after all.
pub(crate) async fn forget(conn: &mut PgConnection, key: &Key) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from idempotency
         where company_id = $1
           and user_id = $2
           and key = $3
           and answered_at is null",
    )
    .bind(key.company_id)
    .bind(key.user_id)
    .bind(&key.key)
    .execute(conn)
    .await?;
    Ok(())
}
