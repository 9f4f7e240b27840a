//! How deals went from stage to stage, as their history tells.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// From a stage into another.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Passage {
    /// The stage it left.
    pub from: Uuid,
    /// The stage it came into.
    pub to: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// Who moved it; none when the suite did it by itself.
    pub by: Option<Uuid>,
}

/// Every passage of a deal, the first one first.
///
/// # Errors
/// When the database refuses.
pub async fn passages(
    conn: &mut PgConnection,
    company: Uuid,
    deal: Uuid,
) -> Result<Vec<Passage>, sqlx::Error> {
    sqlx::query_as(
        "select before::uuid as from, after::uuid as to, at, actor as by
         from history
         where company_id = $1
           and record_id = $2
           and field = 'stage_id'
           and before is not null
           and after is not null
         order by id",
    )
    .bind(company)
    .bind(deal)
    .fetch_all(conn)
    .await
}
