//! What members are to sell.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::Date;
use uuid::Uuid;

use crate::month::Span;

/// What a member is to sell in a month.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Quota {
    /// The member.
    pub owner_id: Uuid,
    /// The month's first day.
    pub month: Date,
    /// How much.
    pub amount: Decimal,
    /// ISO 4217.
    pub amount_currency: String,
}

/// The quotas of a span, by month and owner.
///
/// # Errors
/// When the database refuses.
pub async fn list(conn: &mut PgConnection, company: Uuid, span: Span) -> Result<Vec<Quota>, sqlx::Error> {
    sqlx::query_as(
        "select owner_id, month, amount, amount_currency
         from deals.quotas
         where company_id = $1
           and ($2::date is null or month >= $2)
           and ($3::date is null or month < $3)
         order by month, owner_id",
    )
    .bind(company)
    .bind(span.from)
    .bind(span.until)
    .fetch_all(conn)
    .await
}

/// Sets quotas; those not named stay as they are.
///
/// # Errors
/// When the database refuses.
pub async fn put(conn: &mut PgConnection, company: Uuid, quotas: &[Quota]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into deals.quotas (company_id, owner_id, month, amount, amount_currency)
         select $1, q.owner_id, q.month, q.amount, q.currency
         from unnest($2::uuid[], $3::date[], $4::numeric[], $5::text[])
            as q (owner_id, month, amount, currency)
         order by q.month, q.owner_id
         on conflict (company_id, month, owner_id) do update
         set amount = excluded.amount,
            amount_currency = excluded.amount_currency",
    )
    .bind(company)
    .bind(quotas.iter().map(|quota| quota.owner_id).collect::<Vec<_>>())
    .bind(quotas.iter().map(|quota| quota.month).collect::<Vec<_>>())
    .bind(quotas.iter().map(|quota| quota.amount).collect::<Vec<_>>())
    .bind(
        quotas
            .iter()
            .map(|quota| quota.amount_currency.clone())
            .collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
