//! Pipelines and their stages in the database.

mod stages;

pub use stages::{
    Entered, held, hold_deals, lock_out, move_all, note, put as put_stages, remove as remove_stages,
};

use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::pipeline::{Pipeline, Stage};

/// The company's pipelines with their stages, the default one first, then by name.
///
/// # Errors
/// When the database refuses.
pub async fn list(conn: &mut PgConnection, company: Uuid) -> Result<Vec<Pipeline>, sqlx::Error> {
    let rows = sqlx::query(
        "select p.id, p.name, p.is_default, p.created_at, p.updated_at, p.version,
            s.id, s.name, s.probability, s.rotting_days, p.created_by, p.updated_by
         from deals.pipelines p
         join deals.stages s on s.company_id = p.company_id and s.pipeline_id = p.id
         where p.company_id = $1
         order by p.is_default desc, p.name, p.id, s.place",
    )
    .bind(company)
    .fetch_all(conn)
    .await?;
    group(&rows)
}

/// One pipeline with its stages.
///
/// # Errors
/// When the database refuses.
pub async fn get(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<Option<Pipeline>, sqlx::Error> {
    let rows = sqlx::query(
        "select p.id, p.name, p.is_default, p.created_at, p.updated_at, p.version,
            s.id, s.name, s.probability, s.rotting_days, p.created_by, p.updated_by
         from deals.pipelines p
         join deals.stages s on s.company_id = p.company_id and s.pipeline_id = p.id
         where p.company_id = $1
           and p.id = $2
         order by s.place",
    )
    .bind(company)
    .bind(id)
    .fetch_all(conn)
    .await?;
    Ok(group(&rows)?.pop())
}

/// The pipeline of a stage.
///
/// # Errors
/// When the database refuses.
pub async fn of_stage(
    conn: &mut PgConnection,
    company: Uuid,
    stage: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select pipeline_id
         from deals.stages
         where company_id = $1
           and id = $2",
    )
    .bind(company)
    .bind(stage)
    .fetch_optional(conn)
    .await
}

/// The pipeline that deals come into which name none.
///
/// # Errors
/// When the database refuses.
pub async fn default(conn: &mut PgConnection, company: Uuid) -> Result<Option<Pipeline>, sqlx::Error> {
    Ok(list(conn, company)
        .await?
        .into_iter()
        .find(|pipeline| pipeline.is_default))
}

/// Saves the first pipeline of a company, unless it has a default one. Two at the same moment make one.
///
/// # Errors
/// When the database refuses.
pub async fn insert_default(
    conn: &mut PgConnection,
    company: Uuid,
    pipeline: &Pipeline,
) -> Result<(), sqlx::Error> {
    let stages = &pipeline.stages;
    sqlx::query(
        "with made as (
            insert into deals.pipelines (company_id, id, name, is_default, created_at, updated_at, version)
            values ($1, $2, $3, true, $4, $4, 1)
            on conflict (company_id) where is_default do nothing
            returning company_id, id
         )
         insert into deals.stages (company_id, id, pipeline_id, name, probability, rotting_days, place)
         select m.company_id, s.id, m.id, s.name, s.probability, s.rotting_days, s.place - 1
         from made m
         cross join unnest($5::uuid[], $6::text[], $7::integer[], $8::integer[])
            with ordinality as s (id, name, probability, rotting_days, place)",
    )
    .bind(company)
    .bind(pipeline.id)
    .bind(&pipeline.name)
    .bind(pipeline.created_at)
    .bind(stages.iter().map(|s| s.id).collect::<Vec<_>>())
    .bind(stages.iter().map(|s| s.name.clone()).collect::<Vec<_>>())
    .bind(stages.iter().map(|s| s.probability).collect::<Vec<_>>())
    .bind(stages.iter().map(|s| s.rotting_days).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets one transaction at a time change the pipelines of a company, and none while deals [change their stage](share).
///
/// # Errors
/// When the database refuses.
pub async fn lock(conn: &mut PgConnection, company: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('deals.pipelines' || $1::text, 0))")
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the pipelines of a company as they are. For those who lock deals before they put them into another stage: who
/// removes that stage would wait for the deals, and they for the stage.
///
/// # Errors
/// When the database refuses.
pub async fn share(conn: &mut PgConnection, company: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock_shared(hashtextextended('deals.pipelines' || $1::text, 0))")
        .bind(company)
        .execute(conn)
        .await?;
    Ok(())
}

/// Saves a pipeline, a new one or one that was changed, without its stages. One that becomes the default takes the place
/// of the one that was.
///
/// # Errors
/// When the database refuses.
pub async fn put(conn: &mut PgConnection, company: Uuid, pipeline: &Pipeline) -> Result<(), sqlx::Error> {
    let Pipeline {
        id,
        name,
        is_default,
        stages: _,
        created_by,
        updated_by,
        created_at,
        updated_at,
        version,
    } = pipeline;
    if *is_default {
        sqlx::query(
            "update deals.pipelines
             set is_default = false,
                updated_at = $3,
                updated_by = $4,
                version = version + 1
             where company_id = $1
               and is_default
               and id <> $2",
        )
        .bind(company)
        .bind(id)
        .bind(updated_at)
        .bind(updated_by)
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "insert into deals.pipelines (company_id, id, name, is_default, created_at, updated_at, version,
            created_by, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (company_id, id) do update
         set name = excluded.name,
            is_default = excluded.is_default,
            updated_at = excluded.updated_at,
            updated_by = excluded.updated_by,
            version = excluded.version",
    )
    .bind(company)
    .bind(id)
    .bind(name)
    .bind(is_default)
    .bind(created_at)
    .bind(updated_at)
    .bind(version)
    .bind(created_by)
    .bind(updated_by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a pipeline and its stages, which hold no deals.
///
/// # Errors
/// When the database refuses.
pub async fn remove(conn: &mut PgConnection, company: Uuid, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from deals.pipelines
         where company_id = $1
           and id = $2",
    )
    .bind(company)
    .bind(id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows of pipelines with a stage each, in order, as pipelines.
fn group(rows: &[PgRow]) -> Result<Vec<Pipeline>, sqlx::Error> {
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for row in rows {
        let stage = Stage {
            id: row.try_get(6)?,
            name: row.try_get(7)?,
            probability: row.try_get(8)?,
            rotting_days: row.try_get(9)?,
        };
        let id = row.try_get(0)?;
        match pipelines.last_mut() {
            Some(last) if last.id == id => last.stages.push(stage),
            _ => pipelines.push(Pipeline {
                id,
                name: row.try_get(1)?,
                is_default: row.try_get(2)?,
                created_at: row.try_get(3)?,
                updated_at: row.try_get(4)?,
                version: row.try_get(5)?,
                created_by: row.try_get(10)?,
                updated_by: row.try_get(11)?,
                stages: vec![stage],
            }),
        }
    }
    Ok(pipelines)
}
