//! Rows of `memberships`.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::listings::MEMBERS;
use crate::model::company::{Member, Membership, RoleRef};
use crate::model::email::Email;

/// Adds a person to a company. Answers the grant of the role.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    role_id: Uuid,
    now: OffsetDateTime,
) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar(
        "insert into identity.memberships (company_id, user_id, role_id, joined_at, updated_at)
         values ($1, $2, $3, $4, $4)
         returning grant_id",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(role_id)
    .bind(now)
    .fetch_one(conn)
    .await
}

/// The companies that a person may enter, with the role in each, the first joined first. The transaction is that person's.
pub(crate) async fn of_person(
    conn: &mut PgConnection,
    user_id: Uuid,
) -> Result<Vec<Membership>, sqlx::Error> {
    let rows = sqlx::query(
        "select m.company_id, c.name as company_name, r.name as role, r.built_in, r.permissions, m.grant_id, c.sso_enforced, m.joined_at
         from identity.memberships m
         join identity.companies c on c.id = m.company_id
         join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
         where m.user_id = $1
           and m.active
         order by m.joined_at, m.company_id",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?;
    rows.iter().map(decode_membership).collect()
}

/// Counts a member's version up after the person has changed. Answers it, and whether the member is active.
pub(crate) async fn bump(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<(i64, bool)>, sqlx::Error> {
    sqlx::query_as(
        "update identity.memberships
         set version = version + 1,
           updated_at = $3
         where company_id = $1
           and user_id = $2
         returning version, active",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(now)
    .fetch_optional(conn)
    .await
}

/// What a member is in a company.
pub(crate) struct Standing {
    pub(crate) role_id: Uuid,
    pub(crate) active: bool,
    /// When the member left.
    pub(crate) left_at: Option<OffsetDateTime>,
    pub(crate) version: i64,
}

/// Writes what a member is.
pub(crate) async fn update(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    standing: &Standing,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let Standing {
        role_id,
        active,
        left_at,
        version,
    } = standing;
    sqlx::query(
        "update identity.memberships
         set role_id = $3,
           active = $4,
           left_at = $5,
           version = $6,
           updated_at = $7
         where company_id = $1
           and user_id = $2",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(role_id)
    .bind(active)
    .bind(left_at)
    .bind(version)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets a person into a company, also one who has left it. The version of the member, or none for one who is in it.
pub(crate) async fn join(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
    role_id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "insert into identity.memberships as m (company_id, user_id, role_id, joined_at, updated_at)
         values ($1, $2, $3, $4, $4)
         on conflict on constraint memberships_pkey do update
         set role_id = excluded.role_id,
           active = true,
           left_at = null,
           joined_at = excluded.joined_at,
           updated_at = excluded.updated_at,
           version = m.version + 1
         where m.left_at is not null
         returning version",
    )
    .bind(company_id)
    .bind(user_id)
    .bind(role_id)
    .bind(now)
    .fetch_optional(conn)
    .await
}

/// A role of a company by its name or its id.
pub(crate) async fn role(
    conn: &mut PgConnection,
    company_id: Uuid,
    word: &str,
) -> Result<Option<RoleRef>, sqlx::Error> {
    let role = super::roles::named(conn, company_id, word).await?;
    Ok(role.map(|role| RoleRef {
        id: role.id,
        name: role.name,
        built_in: role.built_in,
    }))
}

/// The role of a member.
pub(crate) async fn role_of(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
) -> Result<RoleRef, sqlx::Error> {
    let (id, name, built_in) = sqlx::query_as(
        "select r.id, r.name, r.built_in
         from identity.memberships m
         join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
         where m.company_id = $1
           and m.user_id = $2",
    )
    .bind(company_id)
    .bind(user_id)
    .fetch_one(conn)
    .await?;
    Ok(RoleRef { id, name, built_in })
}

/// Whether a company has an active admin beside this member.
pub(crate) async fn has_other_admin(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_id: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
           select
           from identity.memberships m
           join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
           where m.company_id = $1
             and m.user_id <> $2
             and m.active
             and r.built_in
             and r.name = 'admin')",
    )
    .bind(company_id)
    .bind(user_id)
    .fetch_one(conn)
    .await
}

/// Whether somebody with this address is a member of a company, active or not.
pub(crate) async fn is_there(
    conn: &mut PgConnection,
    company_id: Uuid,
    email: &Email,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
           select
           from identity.memberships m
           join identity.users u on u.id = m.user_id
           where m.company_id = $1
             and m.left_at is null
             and u.email_key = $2)",
    )
    .bind(company_id)
    .bind(email.key())
    .fetch_one(conn)
    .await
}

/// Some members of a company by their ids; who is none is left out.
pub(crate) async fn some(
    conn: &mut PgConnection,
    company_id: Uuid,
    user_ids: &[Uuid],
) -> Result<Vec<Member>, sqlx::Error> {
    let rows = sqlx::query(
        "select m.user_id, u.email, u.first_name, u.last_name, r.name as role, m.active, m.joined_at, m.version
         from identity.memberships m
         join identity.users u on u.id = m.user_id
         join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
         where m.company_id = $1
           and m.user_id = any ($2)
           and m.left_at is null",
    )
    .bind(company_id)
    .bind(user_ids)
    .fetch_all(conn)
    .await?;
    rows.iter().map(decode_member).collect()
}

/// A page of the members of the caller's company.
pub(crate) async fn list(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<Member>, Failure> {
    MEMBERS.page(conn, caller, query, decode_member).await
}

fn decode_membership(row: &PgRow) -> Result<Membership, sqlx::Error> {
    Ok(Membership {
        company_id: row.try_get("company_id")?,
        company_name: row.try_get("company_name")?,
        role: row.try_get("role")?,
        built_in: row.try_get("built_in")?,
        permissions: row.try_get("permissions")?,
        grant_id: row.try_get("grant_id")?,
        sso_enforced: row.try_get("sso_enforced")?,
        joined_at: row.try_get("joined_at")?,
    })
}

fn decode_member(row: &PgRow) -> Result<Member, sqlx::Error> {
    Ok(Member {
        user_id: row.try_get("user_id")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        role: row.try_get("role")?,
        active: row.try_get("active")?,
        joined_at: row.try_get("joined_at")?,
        version: row.try_get("version")?,
    })
}
