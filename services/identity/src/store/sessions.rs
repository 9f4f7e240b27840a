//! Rows of `sessions` and `ended_sessions`.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::session::Session;

/// The channel on which ended sessions are told, one id a notification.
pub(crate) const ENDED_CHANNEL: &str = "identity_ended_sessions";

/// Begins a session.
pub(crate) async fn insert(conn: &mut PgConnection, session: &Session) -> Result<(), sqlx::Error> {
    let Session {
        id,
        user_id,
        entered_company,
        device,
        address,
        created_at,
        last_seen_at,
        expires_at,
        ended_at,
        sso,
    } = session;
    sqlx::query(
        "insert into identity.sessions (
           id, user_id, entered_company, device, address, created_at, last_seen_at, expires_at, ended_at, sso)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(user_id)
    .bind(entered_company)
    .bind(device)
    .bind(address)
    .bind(created_at)
    .bind(last_seen_at)
    .bind(expires_at)
    .bind(ended_at)
    .bind(sso)
    .execute(conn)
    .await?;
    Ok(())
}

/// A session of a person.
pub(crate) async fn get(
    conn: &mut PgConnection,
    user_id: Uuid,
    id: Uuid,
) -> Result<Option<Session>, sqlx::Error> {
    let row = sqlx::query("select * from identity.sessions where id = $1 and user_id = $2")
        .bind(id)
        .bind(user_id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(decode).transpose()
}

/// A session of a person, locked until the end of the transaction. Whoever changes a session or its tokens locks it first.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    user_id: Uuid,
    id: Uuid,
) -> Result<Option<Session>, sqlx::Error> {
    let row = sqlx::query("select * from identity.sessions where id = $1 and user_id = $2 for no key update")
        .bind(id)
        .bind(user_id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(decode).transpose()
}

/// The session that a refresh token belongs to, locked until the end of the transaction.
pub(crate) async fn lock_by_token(
    conn: &mut PgConnection,
    hash: &[u8],
) -> Result<Option<Session>, sqlx::Error> {
    let row = sqlx::query(
        "select *
         from identity.sessions
         where id = (select session_id from identity.refresh_tokens where hash = $1)
         for no key update",
    )
    .bind(hash)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// The living sessions of a person, last seen first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    user_id: Uuid,
    now: OffsetDateTime,
) -> Result<Vec<Session>, sqlx::Error> {
    let rows = sqlx::query(
        "select *
         from identity.sessions
         where user_id = $1
           and ended_at is null
           and expires_at > $2
         order by last_seen_at desc, id desc
         limit 1000",
    )
    .bind(user_id)
    .bind(now)
    .fetch_all(conn)
    .await?;
    rows.iter().map(decode).collect()
}

/// Writes where a session is and when it was seen.
pub(crate) async fn touch(conn: &mut PgConnection, session: &Session) -> Result<(), sqlx::Error> {
    let Session {
        id,
        user_id,
        entered_company,
        device,
        address,
        created_at: _,
        last_seen_at,
        expires_at,
        ended_at: _,
        sso: _,
    } = session;
    sqlx::query(
        "update identity.sessions
         set entered_company = $3,
           switched_at = case when entered_company = $3 then switched_at else $6 end,
           device = $4,
           address = $5,
           last_seen_at = $6,
           expires_at = $7
         where id = $1
           and user_id = $2",
    )
    .bind(id)
    .bind(user_id)
    .bind(entered_company)
    .bind(device)
    .bind(address)
    .bind(last_seen_at)
    .bind(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Which sessions of a person to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// This one.
    One(Uuid),
    /// All but this one.
    Others(Uuid),
    /// All of them.
    All,
}

/// Ends sessions, locked in the order of their ids, and tells every process of identity, which hears it when the transaction commits. Answers which ended.
pub(crate) async fn end(
    conn: &mut PgConnection,
    user_id: Uuid,
    which: Which,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let (one, except) = match which {
        Which::One(id) => (Some(id), None),
        Which::Others(id) => (None, Some(id)),
        Which::All => (None, None),
    };
    let ended = sqlx::query(
        "with chosen as (
           select id
           from identity.sessions
           where user_id = $1
             and ($2::uuid is null or id = $2)
             and ($5::uuid is null or id <> $5)
             and ended_at is null
           order by id
           for no key update
         ), ended as (
           update identity.sessions
           set ended_at = $3
           where id in (select id from chosen)
           returning id
         ), noted as (
           insert into identity.ended_sessions (session_id, ended_at)
           select id, $3
           from ended
           on conflict on constraint ended_sessions_pkey do nothing
         )
         select id, pg_notify($4, id::text)
         from ended",
    )
    .bind(user_id)
    .bind(one)
    .bind(now)
    .bind(ENDED_CHANNEL)
    .bind(except)
    .fetch_all(conn)
    .await?;
    ended.iter().map(|row| row.try_get("id")).collect()
}

/// Ends the sessions of a person in a company, and those that moved anywhere since a time, as [`end`] does.
pub(crate) async fn end_in(
    conn: &mut PgConnection,
    user_id: Uuid,
    company_id: Uuid,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let there: Vec<Uuid> = sqlx::query_scalar(
        "select id
         from identity.sessions
         where user_id = $1
           and (entered_company = $2 or switched_at >= $3)
           and ended_at is null
         order by id
         for no key update",
    )
    .bind(user_id)
    .bind(company_id)
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    for id in &there {
        end(conn, user_id, Which::One(*id), now).await?;
    }
    Ok(there)
}

/// Ends the sessions of a company's members that began with a password, but for those of admins, as [`end_in`] does.
pub(crate) async fn end_by_password(
    conn: &mut PgConnection,
    company_id: Uuid,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let there: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select s.user_id, s.id
         from identity.sessions s
         join identity.memberships m on m.company_id = $1 and m.user_id = s.user_id
         join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
         where (s.entered_company = $1 or s.switched_at >= $2)
           and s.ended_at is null
           and not s.sso
           and not (r.built_in and r.name = 'admin')
         order by s.id
         for no key update of s",
    )
    .bind(company_id)
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    let mut ended = Vec::new();
    for (user_id, id) in there {
        ended.extend(end(conn, user_id, Which::One(id), now).await?);
    }
    Ok(ended)
}

/// The sessions that ended since a time.
pub(crate) async fn ended_since(
    conn: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<(Uuid, OffsetDateTime)>, sqlx::Error> {
    sqlx::query_as("select session_id, ended_at from identity.ended_sessions where ended_at >= $1")
        .bind(since)
        .fetch_all(conn)
        .await
}

/// Deletes what is of no more use: notes of ended sessions before `noted_before`, and sessions whose time was over, or
/// that ended, before `over_before`, with their refresh tokens.
pub(crate) async fn prune(
    conn: &mut PgConnection,
    noted_before: OffsetDateTime,
    over_before: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.ended_sessions where ended_at < $1")
        .bind(noted_before)
        .execute(&mut *conn)
        .await?;
    sqlx::query("delete from identity.sessions where expires_at < $1")
        .bind(over_before)
        .execute(conn)
        .await?;
    Ok(())
}

fn decode(row: &PgRow) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        entered_company: row.try_get("entered_company")?,
        device: row.try_get("device")?,
        address: row.try_get("address")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        expires_at: row.try_get("expires_at")?,
        ended_at: row.try_get("ended_at")?,
        sso: row.try_get("sso")?,
    })
}
