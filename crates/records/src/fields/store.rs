//! The rows of definitions, on a borrowed connection.

use kontor_chassis::Error;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::{Definition, FieldType};
use crate::cell::Choice as _;

/// Definitions, as [`read`] takes them, of which `$which` holds.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "select key, label, type, choices, required, position, version
             from field_definitions
             where ",
            $which
        )
    };
}

/// A company's own fields of a kind, in the order of forms.
pub(super) async fn all(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
) -> Result<Vec<Definition>, Error> {
    let rows = sqlx::query(select!(
        "company_id = $1
           and kind = $2
         order by position, key"
    ))
    .bind(company)
    .bind(kind)
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// One of them, locked until the transaction ends.
pub(super) async fn lock(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    key: &str,
) -> Result<Option<Definition>, Error> {
    let row = sqlx::query(select!(
        "company_id = $1
           and kind = $2
           and key = $3
         for update"
    ))
    .bind(company)
    .bind(kind)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<Definition, Error> {
    let word: &str = row.try_get("type")?;
    Ok(Definition {
        key: row.try_get("key")?,
        label: row.try_get("label")?,
        kind: FieldType::from_word(word)
            .ok_or_else(|| Error::internal(format!("{word} is no type of a field")))?,
        choices: row.try_get("choices")?,
        required: row.try_get("required")?,
        position: row.try_get("position")?,
        version: row.try_get("version")?,
    })
}

/// Lets one transaction at a time define fields of a kind in a company, so that their number and order hold.
pub(super) async fn lock_all(conn: &mut PgConnection, company: Uuid, kind: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select pg_advisory_xact_lock(hashtextextended(current_schema() || '.fields.' || $2 || $1::text, 0))",
    )
    .bind(company)
    .bind(kind)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds a definition, or changes the one of its key, and tells every process that remembers them.
pub(super) async fn save(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    definition: &Definition,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with told as (
            select pg_notify(current_schema() || '_fields', $1::text)
         )
         insert into field_definitions (company_id, kind, key, label, type, choices, required, position, version)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9
         from told
         on conflict on constraint field_definitions_pk do update
         set label = excluded.label,
            choices = excluded.choices,
            required = excluded.required,
            position = excluded.position,
            version = excluded.version",
    )
    .bind(company)
    .bind(kind)
    .bind(&definition.key)
    .bind(&definition.label)
    .bind(definition.kind.word())
    .bind(&definition.choices)
    .bind(definition.required)
    .bind(definition.position)
    .bind(definition.version)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a definition and the values that records of this table have of it, and tells every process that remembers it.
/// It is no change of those records and leaves their versions.
pub(super) async fn remove(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    table: &'static str,
    key: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with told as (
            select pg_notify(current_schema() || '_fields', $1::text)
         )
         delete from field_definitions
         using told
         where company_id = $1
           and kind = $2
           and key = $3",
    )
    .bind(company)
    .bind(kind)
    .bind(key)
    .execute(&mut *conn)
    .await?;
    let values = format!(
        "update {table}
         set custom_fields = custom_fields - $2
         where company_id = $1
           and custom_fields ? $2"
    );
    sqlx::query(AssertSqlSafe(values))
        .bind(company)
        .bind(key)
        .execute(conn)
        .await?;
    Ok(())
}
