//! Every line of SQL of deals that the machinery of records doesn't write, on a borrowed connection.

pub mod companies;
pub mod pipelines;
pub mod quotas;
pub mod stages;
pub mod sums;

use kontor_records::saga::Candidate;
use sqlx::PgConnection;
use uuid::Uuid;

/// Room between two cards of a board, as the sequence of positions leaves it.
pub const ROOM: i64 = 65_536;

/// The position behind all others, of any stage.
///
/// # Errors
/// When the database refuses.
pub async fn last_position(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select nextval('deals.positions') * $1")
        .bind(ROOM)
        .fetch_one(conn)
        .await
}

/// Puts a card at a position of a stage. The version of the deal stays: the caller changes it too.
///
/// # Errors
/// When the database refuses.
pub async fn place(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
    (pipeline, stage): (Uuid, Uuid),
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deals.deals
         set pipeline_id = $3,
            stage_id = $4,
            position = $5
         where company_id = $1
           and id = $2",
    )
    .bind(company)
    .bind(id)
    .bind(pipeline)
    .bind(stage)
    .bind(position)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets one transaction at a time move cards into a stage. New cards don't wait.
///
/// # Errors
/// When the database refuses.
pub async fn lock_stage(conn: &mut PgConnection, company: Uuid, stage: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select
         from deals.stages
         where company_id = $1
           and id = $2
         for no key update",
    )
    .bind(company)
    .bind(stage)
    .execute(conn)
    .await?;
    Ok(())
}

/// The position of an open card in a stage; none when it is not there.
///
/// # Errors
/// When the database refuses.
pub async fn position_of(
    conn: &mut PgConnection,
    company: Uuid,
    stage: Uuid,
    id: Uuid,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select position
         from deals.deals
         where company_id = $1
           and stage_id = $2
           and id = $3
           and status = 'open'
           and deleted_at is null",
    )
    .bind(company)
    .bind(stage)
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// The position of the first open card of a stage that lies behind another; `moved` itself doesn't count.
///
/// # Errors
/// When the database refuses.
pub async fn next_position(
    conn: &mut PgConnection,
    company: Uuid,
    stage: Uuid,
    moved: Uuid,
    behind: Option<i64>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select min(position)
         from deals.deals
         where company_id = $1
           and stage_id = $2
           and id <> $3
           and ($4::bigint is null or position > $4)
           and status = 'open'
           and deleted_at is null",
    )
    .bind(company)
    .bind(stage)
    .bind(moved)
    .bind(behind)
    .fetch_one(conn)
    .await
}

/// Gives the open cards of a stage new positions in their order, with room between them.
///
/// # Errors
/// When the database refuses.
pub async fn spread(conn: &mut PgConnection, company: Uuid, stage: Uuid) -> Result<(), sqlx::Error> {
    // All new positions lie behind all old ones, so none is taken.
    sqlx::query(
        "with held as (
            select id, position
            from deals.deals
            where company_id = $1
              and stage_id = $2
              and status = 'open'
              and deleted_at is null
            order by id
            for update
         )
         update deals.deals d
         set position = p.position
         from (
            select o.id, nextval('deals.positions') * $3 as position
            from (
                select id
                from held
                order by position
            ) as o
         ) as p
         where d.company_id = $1
           and d.id = p.id",
    )
    .bind(company)
    .bind(stage)
    .bind(ROOM)
    .execute(conn)
    .await?;
    Ok(())
}

/// Open deals that a person may take for this one: those of the same name, first the account's own; the best five.
///
/// # Errors
/// When the database refuses.
pub async fn candidates(
    conn: &mut PgConnection,
    company: Uuid,
    name: &str,
    account: Option<Uuid>,
) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as(
        "select id, 'name' as reason, case when account_id = $3 then 0.9::float8 else 0.6::float8 end as score
         from deals.deals
         where company_id = $1
           and lower(name) = lower($2)
           and status = 'open'
           and deleted_at is null
         order by score desc, id
         limit 5",
    )
    .bind(company)
    .bind(name)
    .bind(account)
    .fetch_all(conn)
    .await
}

/// Deals with an account or a contact, at most 20 and one.
///
/// # Errors
/// When the database refuses.
pub async fn with(
    conn: &mut PgConnection,
    company: Uuid,
    account: Option<Uuid>,
    contact: Option<Uuid>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select id
         from deals.deals
         where company_id = $1
           and (account_id = $2 or contact_ids && array[$3])
           and deleted_at is null
         limit 21",
    )
    .bind(company)
    .bind(account)
    .bind(contact)
    .fetch_all(conn)
    .await
}
