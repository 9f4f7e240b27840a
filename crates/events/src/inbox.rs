//! Messages whose effect is here already.

use std::collections::HashSet;
use std::time::Duration;

use kontor_chassis::{Error, db::TenantTx};
use sqlx::PgConnection;
use tracing::Instrument;

/// No transport brings a message again after so long.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Notes messages in the transaction of their effect. Answers those that were not here before; the effect of the others is
/// there.
pub(crate) async fn note(
    tx: &mut TenantTx,
    consumer: &str,
    message_ids: Vec<&str>,
) -> Result<HashSet<String>, Error> {
    let span = tx.statement("inbox.note");
    let noted: Vec<String> = sqlx::query_scalar(
        "insert into inbox (consumer, message_id)
         select $1, told.id
         from unnest($2::text[]) as told (id)
         order by told.id
         on conflict on constraint inbox_pk do nothing
         returning message_id",
    )
    .bind(consumer)
    .bind(message_ids)
    .fetch_all(&mut **tx)
    .instrument(span)
    .await?;
    Ok(noted.into_iter().collect())
}

/// Forgets messages that can't come again.
pub(crate) async fn prune(conn: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let pruned = sqlx::query(
        "delete from inbox
         where received_at < now() - make_interval(secs => $1)",
    )
    .bind(KEPT.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(pruned.rows_affected())
}

/// Keeps a message that the in-process bus gave up.
pub(crate) async fn bury(
    tx: &mut TenantTx,
    consumer: &str,
    message: &crate::message::Message,
    reason: &str,
) -> Result<(), Error> {
    let span = tx.statement("inbox.bury");
    sqlx::query(
        "insert into dead_letters (consumer, message_id, type, payload, headers, reason)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint dead_letters_pk do nothing",
    )
    .bind(consumer)
    .bind(&message.id)
    .bind(&message.kind)
    .bind(message.payload.as_ref())
    .bind(message.headers.to_json())
    .bind(reason)
    .execute(&mut **tx)
    .instrument(span)
    .await?;
    Ok(())
}

/// Moves a message that the in-process bus gave up into the outbox: the relay gives it to all who hear its type, and those
/// who have its effect know it.
pub(crate) async fn revive(
    conn: &mut PgConnection,
    consumer: &str,
    message_id: &str,
) -> Result<bool, sqlx::Error> {
    let revived = sqlx::query(
        "with dead as (
             delete from dead_letters
             where consumer = $1
               and message_id = $2
             returning message_id, type, payload, headers
         )
         insert into outbox (id, type, payload, headers)
         select message_id::uuid, type, payload, headers
         from dead
         on conflict on constraint outbox_pk do nothing",
    )
    .bind(consumer)
    .bind(message_id)
    .execute(conn)
    .await?;
    Ok(revived.rows_affected() == 1)
}
