//! Rows of `invitations`, seen for the company of the transaction.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::listings::INVITATIONS;
use crate::model::email::Email;
use crate::model::invitation::Invitation;

/// Adds an invitation; one to the same address before it is gone.
pub(crate) async fn replace(
    conn: &mut PgConnection,
    invitation: &Invitation,
    address: &Email,
) -> Result<(), sqlx::Error> {
    let Invitation {
        id,
        company_id,
        email,
        role_id,
        role: _,
        invited_by,
        created_at,
        expires_at,
    } = invitation;
    sqlx::query(
        "insert into identity.invitations (
           company_id, id, email, email_key, role_id, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint invitations_email_key do update
         set id = excluded.id,
           email = excluded.email,
           role_id = excluded.role_id,
           invited_by = excluded.invited_by,
           created_at = excluded.created_at,
           expires_at = excluded.expires_at",
    )
    .bind(company_id)
    .bind(id)
    .bind(email)
    .bind(address.key())
    .bind(role_id)
    .bind(invited_by)
    .bind(created_at)
    .bind(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// An invitation.
pub(crate) async fn get(
    conn: &mut PgConnection,
    company_id: Uuid,
    id: Uuid,
) -> Result<Option<Invitation>, sqlx::Error> {
    let row = sqlx::query(
        "select i.company_id, i.id, i.email, i.role_id, r.name as role, i.invited_by, i.created_at, i.expires_at
         from identity.invitations i
         join identity.roles r on r.company_id = i.company_id and r.id = i.role_id
         where i.company_id = $1
           and i.id = $2",
    )
    .bind(company_id)
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// Deletes an invitation. Whether it was there.
pub(crate) async fn delete(conn: &mut PgConnection, company_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query("delete from identity.invitations where company_id = $1 and id = $2")
        .bind(company_id)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// A page of the invitations of the caller's company that were not accepted yet.
pub(crate) async fn list(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<Invitation>, Failure> {
    INVITATIONS.page(conn, caller, query, decode).await
}

fn decode(row: &PgRow) -> Result<Invitation, sqlx::Error> {
    Ok(Invitation {
        id: row.try_get("id")?,
        company_id: row.try_get("company_id")?,
        email: row.try_get("email")?,
        role_id: row.try_get("role_id")?,
        role: row.try_get("role")?,
        invited_by: row.try_get("invited_by")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
