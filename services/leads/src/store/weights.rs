//! The weights of companies that have their own.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::scoring::Weights;

#[derive(sqlx::FromRow)]
struct Row {
    email: i32,
    phone: i32,
    company: i32,
    industry: i32,
    revenue: i32,
    budget: i32,
    rating_hot: i32,
    rating_warm: i32,
    engagement_each: i32,
    engagement_max: i32,
    recency: i32,
    window_days: i32,
}

/// The company's weights; none when it goes by the defaults.
pub(crate) async fn find(conn: &mut PgConnection, company: Uuid) -> Result<Option<Weights>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select email, phone, company, industry, revenue, budget, rating_hot, rating_warm, engagement_each,
             engagement_max, recency, window_days
         from leads.scoring
         where company_id = $1",
    )
    .bind(company)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let Row {
            email,
            phone,
            company,
            industry,
            revenue,
            budget,
            rating_hot,
            rating_warm,
            engagement_each,
            engagement_max,
            recency,
            window_days,
        } = row;
        Weights {
            email,
            phone,
            company,
            industry,
            revenue,
            budget,
            rating_hot,
            rating_warm,
            engagement_each,
            engagement_max,
            recency,
            window_days,
        }
    }))
}

/// Keeps the company's weights, and tells every replica that they are others now.
pub(crate) async fn save(
    conn: &mut PgConnection,
    company: Uuid,
    weights: &Weights,
    by: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let Weights {
        email,
        phone,
        company: named,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
        window_days,
    } = weights;
    sqlx::query(
        "with saved as (
             insert into leads.scoring (
                 company_id, email, phone, company, industry, revenue, budget, rating_hot, rating_warm,
                 engagement_each, engagement_max, recency, window_days, updated_by, updated_at
             )
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             on conflict on constraint scoring_pk do update
             set email = excluded.email,
                 phone = excluded.phone,
                 company = excluded.company,
                 industry = excluded.industry,
                 revenue = excluded.revenue,
                 budget = excluded.budget,
                 rating_hot = excluded.rating_hot,
                 rating_warm = excluded.rating_warm,
                 engagement_each = excluded.engagement_each,
                 engagement_max = excluded.engagement_max,
                 recency = excluded.recency,
                 window_days = excluded.window_days,
                 updated_by = excluded.updated_by,
                 updated_at = excluded.updated_at
             returning company_id
         )
         select pg_notify('leads_scoring', company_id::text)
         from saved",
    )
    .bind(company)
    .bind(email)
    .bind(phone)
    .bind(named)
    .bind(industry)
    .bind(revenue)
    .bind(budget)
    .bind(rating_hot)
    .bind(rating_warm)
    .bind(engagement_each)
    .bind(engagement_max)
    .bind(recency)
    .bind(window_days)
    .bind(by)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
