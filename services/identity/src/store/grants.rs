//! The grants under which members hold their rights: `memberships.grant_id`.

use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::sessions::ENDED_CHANNEL;

/// Whose rights change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// By this member.
    By(Uuid),
    /// Through this role.
    Through(Uuid),
}

/// Puts members of a company under another grant, and tells every process of identity that the one before is over; they
/// hear it when the transaction commits, and through them every service. Answers which are over.
pub(crate) async fn renew(
    conn: &mut PgConnection,
    company_id: Uuid,
    held: Held,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let (user_id, role_id) = match held {
        Held::By(user_id) => (Some(user_id), None),
        Held::Through(role_id) => (None, Some(role_id)),
    };
    let over = sqlx::query(
        "with chosen as (
           select user_id, grant_id
           from identity.memberships
           where company_id = $1
             and (user_id = $2 or role_id = $3)
           order by user_id
           for no key update
         ), renewed as (
           update identity.memberships m
           set grant_id = gen_random_uuid()
           from chosen
           where m.company_id = $1
             and m.user_id = chosen.user_id
           returning chosen.grant_id
         ), noted as (
           insert into identity.ended_sessions (session_id, ended_at)
           select grant_id, $4
           from renewed
           on conflict on constraint ended_sessions_pkey do nothing
         )
         select grant_id, pg_notify($5, grant_id::text)
         from renewed",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(role_id)
    .bind(now)
    .bind(ENDED_CHANNEL)
    .fetch_all(conn)
    .await?;
    over.iter().map(|row| row.try_get("grant_id")).collect()
}
