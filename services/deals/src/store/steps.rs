//! What conversions did here.

use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

use crate::conversion::{Filled, Step};

/// Waits until no other transaction works on this conversion, or on a conversion that could make the same deal. Two that
/// need the same keys take them in the same order.
///
/// # Errors
/// When the database refuses.
pub async fn lock(conn: &mut PgConnection, company: Uuid, keys: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended($1::text || k.key, 0))
         from (select key from unnest($2::text[]) as u (key) order by key) as k",
    )
    .bind(company)
    .bind(keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// What was done for a conversion.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut PgConnection,
    company: Uuid,
    conversion: Uuid,
) -> Result<Option<Step>, sqlx::Error> {
    let row = sqlx::query(
        "select state, deal_id, matched_existing, version_after, filled, reason
         from deals.conversion_steps
         where company_id = $1
           and conversion_id = $2",
    )
    .bind(company)
    .bind(conversion)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state: String = row.try_get(0)?;
    let step = match state.as_str() {
        "completed" => {
            let Json(filled): Json<Filled> = row.try_get(4)?;
            Step::Completed {
                deal: row.try_get(1)?,
                matched_existing: row.try_get(2)?,
                version: row.try_get(3)?,
                filled,
            }
        }
        "failed" => Step::Failed {
            reason: row.try_get(5)?,
        },
        _ => Step::Undone,
    };
    Ok(Some(step))
}

/// Remembers what was done for a conversion, in place of what was remembered before.
///
/// # Errors
/// When the database refuses.
pub async fn save(
    conn: &mut PgConnection,
    company: Uuid,
    conversion: Uuid,
    step: &Step,
) -> Result<(), sqlx::Error> {
    let nothing = Filled::default();
    let (state, deal, matched_existing, version, filled, reason) = match step {
        Step::Completed {
            deal,
            matched_existing,
            version,
            filled,
        } => (
            "completed",
            Some(deal),
            *matched_existing,
            Some(version),
            filled,
            None,
        ),
        Step::Failed { reason } => ("failed", None, false, None, &nothing, Some(reason)),
        Step::Undone => ("undone", None, false, None, &nothing, None),
    };
    sqlx::query(
        "insert into deals.conversion_steps as s
            (company_id, conversion_id, state, deal_id, matched_existing, version_after, filled, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (company_id, conversion_id) do update
         set state = excluded.state,
            deal_id = excluded.deal_id,
            matched_existing = excluded.matched_existing,
            version_after = excluded.version_after,
            filled = excluded.filled,
            reason = excluded.reason,
            changed_at = now()",
    )
    .bind(company)
    .bind(conversion)
    .bind(state)
    .bind(deal)
    .bind(matched_existing)
    .bind(version)
    .bind(Json(filled))
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// Another conversion that linked a deal which this one made.
///
/// # Errors
/// When the database refuses.
pub async fn heir(
    conn: &mut PgConnection,
    company: Uuid,
    conversion: Uuid,
    deal: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select conversion_id
         from deals.conversion_steps
         where company_id = $1
           and deal_id = $2
           and conversion_id <> $3
           and state = 'completed'
         order by changed_at, conversion_id
         limit 1",
    )
    .bind(company)
    .bind(deal)
    .bind(conversion)
    .fetch_optional(conn)
    .await
}

/// Makes another conversion the one that made its deal.
///
/// # Errors
/// When the database refuses.
pub async fn inherit(conn: &mut PgConnection, company: Uuid, heir: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deals.conversion_steps
         set matched_existing = false
         where company_id = $1
           and conversion_id = $2",
    )
    .bind(company)
    .bind(heir)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a conversion, and nobody else, moved a deal from one version to another: those who knew the former one know
/// the latter.
///
/// # Errors
/// When the database refuses.
pub async fn follow(
    conn: &mut PgConnection,
    company: Uuid,
    deal: Uuid,
    from: i64,
    to: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update deals.conversion_steps
         set version_after = $4
         where company_id = $1
           and deal_id = $2
           and version_after = $3
           and state = 'completed'",
    )
    .bind(company)
    .bind(deal)
    .bind(from)
    .bind(to)
    .execute(conn)
    .await?;
    Ok(())
}
