//! Stages that are changed, and the deals in them.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{pipeline::Stage, store::ROOM};

/// Waits for the deals that are just coming into these stages, and lets no more of them in.
///
/// # Errors
/// When the database refuses.
pub async fn lock_out(conn: &mut PgConnection, company: Uuid, stages: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select
         from deals.stages
         where company_id = $1
           and id = any ($2)
         order by id
         for update",
    )
    .bind(company)
    .bind(stages)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the deals of these stages, deleted ones too, in the order of their ids, as everybody does who locks many.
///
/// # Errors
/// When the database refuses.
pub async fn hold_deals(conn: &mut PgConnection, company: Uuid, stages: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select
         from deals.deals
         where company_id = $1
           and stage_id = any ($2)
         order by id
         for update",
    )
    .bind(company)
    .bind(stages)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many deals these stages hold, open and closed; stages that hold none are not listed.
///
/// # Errors
/// When the database refuses.
pub async fn held(
    conn: &mut PgConnection,
    company: Uuid,
    stages: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select stage_id, count(*)
         from deals.deals
         where company_id = $1
           and stage_id = any ($2)
           and deleted_at is null
         group by stage_id",
    )
    .bind(company)
    .bind(stages)
    .fetch_all(conn)
    .await
}

/// A deal that came into another stage, or whose stage became another's likelihood.
#[derive(Debug, sqlx::FromRow)]
pub struct Entered {
    /// The deal.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Who works on it.
    pub owner_id: Option<Uuid>,
    /// After the change.
    pub version: i64,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Where it was.
    pub old_stage: Uuid,
    /// Where it is.
    pub new_stage: Uuid,
    /// How likely it was won, in percent.
    pub old_probability: i32,
    /// How likely it is won.
    pub new_probability: i32,
}

impl Entered {
    /// The fields that changed.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if self.old_stage != self.new_stage {
            fields.push("stage_id");
        }
        if self.old_probability != self.new_probability {
            fields.push("probability");
        }
        fields
    }
}

/// Puts every deal of a stage, deleted ones too, behind the cards of another stage, which may be of another pipeline.
/// Moved into the stage that they are in, they only become as likely as it is. Deals that nothing changes for are left
/// alone.
///
/// # Errors
/// When the database refuses.
pub async fn move_all(
    conn: &mut PgConnection,
    company: Uuid,
    (from, to): (Uuid, Uuid),
    by: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<Vec<Entered>, sqlx::Error> {
    sqlx::query_as(
        "with chosen as (
            select d.id, d.stage_id, d.position, d.probability, s.pipeline_id as new_pipeline, s.id as new_stage,
                case
                    when d.status = 'open' and not d.probability_by_hand then s.probability
                    else d.probability
                end as new_probability
            from deals.deals d
            join deals.stages s on s.company_id = d.company_id and s.id = $3
            where d.company_id = $1
              and d.stage_id = $2
            order by d.id
            for update of d
         ), placed as (
            select *, nextval('deals.positions') * $6 as new_position
            from (
                select *
                from chosen
                where new_stage <> stage_id
                   or new_probability <> probability
                order by position
            ) as c
         )
         update deals.deals d
         set pipeline_id = p.new_pipeline,
            stage_id = p.new_stage,
            stage_entered_at = case when p.new_stage = p.stage_id then d.stage_entered_at else $5 end,
            position = case when p.new_stage = p.stage_id then d.position else p.new_position end,
            probability = p.new_probability,
            updated_by = $4,
            updated_at = $5,
            version = d.version + 1
         from placed p
         where d.company_id = $1
           and d.id = p.id
         returning d.id, d.name, d.owner_id, d.version, d.deleted_at is not null as is_deleted,
            p.stage_id as old_stage, p.new_stage, p.probability as old_probability, p.new_probability",
    )
    .bind(company)
    .bind(from)
    .bind(to)
    .bind(by)
    .bind(now)
    .bind(ROOM)
    .fetch_all(conn)
    .await
}

/// Remembers, field by field, what [`move_all`] did to each deal.
///
/// # Errors
/// When the database refuses.
pub async fn note(
    conn: &mut PgConnection,
    company: Uuid,
    entered: &[Entered],
    by: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (mut records, mut fields, mut before, mut after) = (vec![], vec![], vec![], vec![]);
    for deal in entered {
        for field in deal.fields() {
            records.push(deal.id);
            fields.push(field);
            let (old, new) = match field {
                "stage_id" => (deal.old_stage.to_string(), deal.new_stage.to_string()),
                _ => (deal.old_probability.to_string(), deal.new_probability.to_string()),
            };
            before.push(old);
            after.push(new);
        }
    }
    sqlx::query(
        "insert into history (company_id, record_id, id, at, actor, action, field, before, after)
         select $1, h.record_id, h.id, $2, $3, 'moved', h.field, h.before, h.after
         from unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[])
            as h (record_id, id, field, before, after)",
    )
    .bind(company)
    .bind(now)
    .bind(by)
    .bind(&records)
    .bind(records.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(fields)
    .bind(before)
    .bind(after)
    .execute(conn)
    .await?;
    Ok(())
}

/// Saves all stages of a pipeline in their order, new ones and those that were changed.
///
/// # Errors
/// When the database refuses.
pub async fn put(
    conn: &mut PgConnection,
    company: Uuid,
    pipeline: Uuid,
    stages: &[Stage],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into deals.stages (company_id, id, pipeline_id, name, probability, rotting_days, place)
         select $1, s.id, $2, s.name, s.probability, s.rotting_days, s.place - 1
         from unnest($3::uuid[], $4::text[], $5::integer[], $6::integer[])
            with ordinality as s (id, name, probability, rotting_days, place)
         on conflict (company_id, id) do update
         set name = excluded.name,
            probability = excluded.probability,
            rotting_days = excluded.rotting_days,
            place = excluded.place",
    )
    .bind(company)
    .bind(pipeline)
    .bind(stages.iter().map(|stage| stage.id).collect::<Vec<_>>())
    .bind(stages.iter().map(|stage| stage.name.clone()).collect::<Vec<_>>())
    .bind(stages.iter().map(|stage| stage.probability).collect::<Vec<_>>())
    .bind(stages.iter().map(|stage| stage.rotting_days).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes stages that hold no deals.
///
/// # Errors
/// When the database refuses.
pub async fn remove(conn: &mut PgConnection, company: Uuid, stages: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from deals.stages
         where company_id = $1
           and id = any ($2)",
    )
    .bind(company)
    .bind(stages)
    .execute(conn)
    .await?;
    Ok(())
}
