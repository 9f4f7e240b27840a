//! Rows of `roles`: the company's own beside the built-in ones.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::listings::ROLES;
use crate::model::role::Role;

/// A page of the roles of the caller's company.
pub(crate) async fn list(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<Role>, Failure> {
    ROLES.page(conn, caller, query, decode).await
}

/// A role by its name or its id.
pub(crate) async fn named(
    conn: &mut PgConnection,
    company_id: Uuid,
    word: &str,
) -> Result<Option<Role>, sqlx::Error> {
    let row = sqlx::query(
        "select *
         from identity.roles
         where company_id = $1
           and (lower(name) = lower($2) or id = $3)
         order by (id = $3) desc
         limit 1",
    )
    .bind(company_id)
    .bind(word.trim())
    .bind(Uuid::try_parse(word.trim()).ok())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(decode).transpose()
}

/// A role, locked until the end of the transaction.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    company_id: Uuid,
    id: Uuid,
) -> Result<Option<Role>, sqlx::Error> {
    let row = sqlx::query("select * from identity.roles where company_id = $1 and id = $2 for update")
        .bind(company_id)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(decode).transpose()
}

/// Adds a role. False when the company has one of that name.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    company_id: Uuid,
    role: &Role,
) -> Result<bool, sqlx::Error> {
    let Role {
        id,
        name,
        description,
        permissions,
        built_in,
        version,
        created_at,
        updated_at,
    } = role;
    let inserted = sqlx::query(
        "insert into identity.roles (
           company_id, id, name, description, built_in, permissions, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict do nothing",
    )
    .bind(company_id)
    .bind(id)
    .bind(name)
    .bind(description)
    .bind(built_in)
    .bind(permissions)
    .bind(version)
    .bind(created_at)
    .bind(updated_at)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes everything that can change of a role. False when the company has another one of that name.
pub(crate) async fn update(
    conn: &mut PgConnection,
    company_id: Uuid,
    role: &Role,
) -> Result<bool, sqlx::Error> {
    let Role {
        id,
        name,
        description,
        permissions,
        built_in: _,
        version,
        created_at: _,
        updated_at,
    } = role;
    let updated = sqlx::query(
        "update identity.roles
         set name = $3,
           description = $4,
           permissions = $5,
           version = $6,
           updated_at = $7
         where company_id = $1
           and id = $2",
    )
    .bind(company_id)
    .bind(id)
    .bind(name)
    .bind(description)
    .bind(permissions)
    .bind(version)
    .bind(updated_at)
    .execute(conn)
    .await;
    match updated {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(refused)) if refused.constraint() == Some("roles_name_key") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes a role. False when somebody holds it, or was invited with it: the references are the check, so that nobody is
/// given it at the same time.
pub(crate) async fn delete(conn: &mut PgConnection, company_id: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query("delete from identity.roles where company_id = $1 and id = $2")
        .bind(company_id)
        .bind(id)
        .execute(conn)
        .await;
    match deleted {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(refused)) if refused.is_foreign_key_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

fn decode(row: &PgRow) -> Result<Role, sqlx::Error> {
    Ok(Role {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        permissions: row.try_get("permissions")?,
        built_in: row.try_get("built_in")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
