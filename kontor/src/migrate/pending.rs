//! Which migrations a schema still lacks.

use std::collections::HashMap;
use std::fmt;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Schema;

/// A migration that was not run, or not as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The schema.
    pub schema: &'static str,
    /// The migration's number and words.
    pub migration: String,
    /// True when it was run, but its text is another now.
    pub changed: bool,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.schema, self.migration)?;
        if self.changed {
            f.write_str(" (changed after it was run)")
        } else {
            Ok(())
        }
    }
}

/// The migrations that `schema` lacks, seen by whoever `connection` is signed in as.
///
/// # Errors
/// When the database can't answer. A schema or list that is not there, or not granted, lacks everything.
pub async fn pending(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<Pending>, sqlx::Error> {
    let mut all = Vec::new();
    for migrator in &schema.migrators {
        all.extend(of_list(connection, schema.name, migrator).await?);
    }
    Ok(all)
}

pub(super) async fn of_list(
    connection: &mut PgConnection,
    schema: &'static str,
    migrator: &Migrator,
) -> Result<Vec<Pending>, sqlx::Error> {
    let applied = applied(connection, schema, &migrator.table_name).await?;
    let lacking = migrator
        .iter()
        .filter(|one| !one.migration_type.is_down_migration());
    Ok(lacking
        .filter_map(|one| {
            let changed = match applied.get(&one.version) {
                Some(checksum) if checksum == one.checksum.as_ref() => return None,
                Some(_) => true,
                None => false,
            };
            Some(Pending {
                schema,
                migration: format!("{:04} {}", one.version, one.description),
                changed,
            })
        })
        .collect())
}

async fn applied(
    connection: &mut PgConnection,
    schema: &str,
    list: &str,
) -> Result<HashMap<i64, Vec<u8>>, sqlx::Error> {
    // Both names are constants of this program.
    let statement = format!("select version, checksum from \"{schema}\".\"{list}\" where success");
    match sqlx::query_as(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await
    {
        Ok(rows) => Ok(rows.into_iter().collect()),
        Err(sqlx::Error::Database(refusal))
            if matches!(refusal.code().as_deref(), Some("42P01" | "3F000" | "42501")) =>
        {
            Ok(HashMap::new())
        }
        Err(error) => Err(error),
    }
}
