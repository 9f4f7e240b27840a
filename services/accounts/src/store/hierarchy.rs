//! Which account belongs to which.

use kontor_chassis::Error;
use kontor_records::query::Selection;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// The most levels of a tree that is shown; what lies deeper is shown from there.
const DEEPEST: i32 = 50;

/// An account of a tree.
#[derive(Debug, sqlx::FromRow)]
pub struct Node {
    /// The account.
    pub id: Uuid,
    /// The one it belongs to.
    pub parent_id: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// How far below the one that was asked for.
    pub depth: i32,
}

/// The accounts that one belongs to, the root first, up to one that is deleted.
///
/// # Errors
/// When the database refuses.
pub async fn above(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    sqlx::query_as(
        "with recursive line as (
            select parent_id, 0 as height
            from accounts.accounts
            where company_id = $1
              and id = $2
            union all
            select a.parent_id, line.height + 1
            from accounts.accounts a
            join line on a.id = line.parent_id
            where a.company_id = $1
              and a.deleted_at is null
         )
         select a.id, a.name
         from line
         join accounts.accounts a on a.id = line.parent_id
         where a.company_id = $1
           and a.deleted_at is null
         order by line.height desc",
    )
    .bind(company)
    .bind(id)
    .fetch_all(conn)
    .await
}

/// An account and those below it that are among the selected, each before those below it, by name.
///
/// # Errors
/// When the database refuses.
pub async fn below(conn: &mut PgConnection, selection: &Selection, id: Uuid) -> Result<Vec<Node>, Error> {
    let condition = &selection.condition;
    let (root, deepest) = (condition.parameters() + 1, condition.parameters() + 2);
    let sql = format!(
        "with recursive tree as (
            select id as node_id, 0 as depth
            from accounts.accounts
            where company_id = $1
              and id = ${root}
            union all
            select a.id, tree.depth + 1
            from accounts.accounts a
            join tree on a.parent_id = tree.node_id
            where a.company_id = $1
              and a.deleted_at is null
              and tree.depth < ${deepest}
         )
         select id, parent_id, name, depth
         from tree
         join accounts.accounts on id = node_id
         where {}
         order by depth, name, id",
        condition.text()
    );
    let mut arguments = condition.arguments()?;
    sqlx::Arguments::add(&mut arguments, id).map_err(Error::internal)?;
    sqlx::Arguments::add(&mut arguments, DEEPEST).map_err(Error::internal)?;
    Ok(sqlx::query_as_with(AssertSqlSafe(sql), arguments)
        .fetch_all(conn)
        .await?)
}

/// Lets one transaction at a time change who belongs to whom in a company, so that two can't close a loop together.
///
/// # Errors
/// When the database refuses.
pub async fn lock(conn: &mut PgConnection, company: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('accounts.hierarchy' || $1::text, 0))")
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether `above` is `id` itself or an account that `id` belongs to, at any distance.
///
/// # Errors
/// When the database refuses.
pub async fn belongs_to(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
    above: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "with recursive line as (
            select id, parent_id
            from accounts.accounts
            where company_id = $1
              and id = $2
            union
            select a.id, a.parent_id
            from accounts.accounts a
            join line on a.id = line.parent_id
            where a.company_id = $1
         )
         select exists (select from line where id = $3)",
    )
    .bind(company)
    .bind(id)
    .bind(above)
    .fetch_one(conn)
    .await
}
