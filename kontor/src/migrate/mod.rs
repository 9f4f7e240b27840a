//! `kontor migrate`: makes the roles, the schemas and their tables, and brings them to this version.
//!
//! Three kinds of role take part, so that no service can step around Row-Level Security. The *migrating* one
//! stands in `KONTOR_MIGRATE_DATABASE_URL` and makes the others. `kontor_owner` can't log in and owns every
//! schema and table. `kontor_<service>` logs in, owns nothing, and is granted the rows of its own schema.
//!
//! Everything here can be run again at any time, from several places at once: an advisory lock lets one go first.

mod pending;
mod roles;

use std::fmt;

use anyhow::{Context, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub use pending::{Pending, pending};

/// The role that owns the schemas and what is in them.
pub(crate) const OWNER: &str = "kontor_owner";
/// The advisory lock that lets one migration go at a time ("kontor" in ASCII).
const LOCK: i64 = 0x6b6f_6e74_6f72;
/// Extensions of all schemas, in `public`: words without accents, and words with typos.
const EXTENSIONS: [&str; 2] = ["pg_trgm", "unaccent"];

/// A service's schema: its name, its login, and what its tables are made by, in order.
#[derive(Debug)]
pub struct Schema {
    name: &'static str,
    url: String,
    migrators: Vec<Migrator>,
}

impl Schema {
    /// The schema of the service `name`, which logs in with `url`: the role and the password it will have.
    ///
    /// Each of `migrators` keeps a table of its own of what was run.
    #[must_use]
    pub fn new(name: &'static str, url: impl Into<String>, mut migrators: Vec<Migrator>) -> Self {
        for migrator in &mut migrators {
            // One lock is held around all of them.
            migrator.set_locking(false);
        }
        Self {
            name,
            url: url.into(),
            migrators,
        }
    }

    /// The service's name, which is the schema's.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The URL the service logs in with.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Migrations run, as `schema/description`.
    pub migrations: Vec<String>,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.migrations.is_empty() {
            return f.write_str("nothing to migrate");
        }
        write!(
            f,
            "{} migrations run: {}",
            self.migrations.len(),
            self.migrations.join(", ")
        )
    }
}

/// Brings `schemas` to this version, signed in with `admin_url`.
///
/// # Errors
/// When the database can't be reached, its role may not do what is needed, or a migration fails: that one is
/// rolled back, those before it stay.
pub async fn apply(admin_url: &str, schemas: &[Schema]) -> Result<Applied> {
    let mut connection = PgConnection::connect(admin_url)
        .await
        .context("signing in to the database that is to be migrated")?;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    let applied = apply_locked(&mut connection, schemas).await;
    // Closing gives the lock back, whatever happened.
    connection.close().await?;
    applied
}

async fn apply_locked(connection: &mut PgConnection, schemas: &[Schema]) -> Result<Applied> {
    roles::make_owner(connection)
        .await
        .context("making the role kontor_owner")?;
    for name in EXTENSIONS {
        run(
            connection,
            "create extension if not exists %I schema public",
            &[name],
        )
        .await
        .with_context(|| format!("making the extension {name} (it comes with postgresql-contrib)"))?;
    }
    let searching = make_search_indexable(connection).await;
    searching.context("letting search use its index under Row-Level Security")?;
    let mut applied = Applied {
        migrations: Vec::new(),
    };
    for schema in schemas {
        roles::make_login(connection, schema)
            .await
            .with_context(|| format!("making the login role of {}", schema.name))?;
        run(
            connection,
            "create schema if not exists %I authorization %I",
            &[schema.name, OWNER],
        )
        .await?;
        let done = apply_schema(connection, schema)
            .await
            .with_context(|| format!("migrating {}", schema.name))?;
        applied.migrations.extend(done);
        grant(connection, schema)
            .await
            .with_context(|| format!("granting {}", schema.name))?;
    }
    Ok(applied)
}

/// Only a superuser may say so. Another role leaves search as it is: right, and slow on many records.
async fn make_search_indexable(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let superuser: bool = sqlx::query_scalar("select rolsuper from pg_roles where rolname = current_user")
        .fetch_one(&mut *connection)
        .await?;
    if superuser {
        sqlx::query(kontor_records::query::MAKE_SEARCH_INDEXABLE)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn apply_schema(connection: &mut PgConnection, schema: &Schema) -> Result<Vec<String>> {
    run(connection, "set role %I", &[OWNER]).await?;
    run(connection, "set search_path = %I, public", &[schema.name]).await?;
    let mut done = Vec::new();
    for migrator in &schema.migrators {
        let missing = pending::of_list(connection, schema.name, migrator).await?;
        match migrator.run_direct(None, connection, false).await {
            Ok(()) => done.extend(missing.into_iter().map(|one| one.to_string())),
            Err(error) => return Err(explained(error)),
        }
    }
    sqlx::raw_sql("reset role; reset search_path")
        .execute(connection)
        .await?;
    Ok(done)
}

fn explained(error: MigrateError) -> anyhow::Error {
    let advice = match &error {
        MigrateError::VersionMissing(_) => "the database was migrated by a newer version: use that one",
        MigrateError::VersionMismatch(_) => "a migration was changed after it was run: restore its text",
        MigrateError::Dirty(_) => "a migration outside a transaction broke off: mend its rest by hand",
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(advice)
}

/// The rows of its schema for the service's role; of the lists of migrations no more than a look, and of a table whose
/// comment says `append-only` no more than to read and to add.
async fn grant(connection: &mut PgConnection, schema: &Schema) -> Result<()> {
    let login = roles::login_of(schema)?;
    let on_schema = [schema.name, login.name.as_str()];
    for text in [
        "grant usage on schema %I to %I",
        "grant select, insert, update, delete on all tables in schema %I to %I",
        "grant usage, select on all sequences in schema %I to %I",
        "grant execute on all functions in schema %I to %I",
    ] {
        run(connection, text, &on_schema).await?;
    }
    for migrator in &schema.migrators {
        let list = [schema.name, migrator.table_name.as_ref(), login.name.as_str()];
        run(
            connection,
            "revoke insert, update, delete on %I.%I from %I",
            &list,
        )
        .await?;
    }
    let append_only: Vec<String> = sqlx::query_scalar(
        "select relname::text
         from pg_class
         where relnamespace = $1::regnamespace
           and relkind in ('r', 'p')
           and obj_description(oid, 'pg_class') = 'append-only'",
    )
    .bind(schema.name)
    .fetch_all(&mut *connection)
    .await?;
    for table in append_only {
        run(
            connection,
            "revoke update, delete, truncate on %I.%I from %I",
            &[schema.name, &table, &login.name],
        )
        .await?;
    }
    Ok(())
}

/// Runs a statement made by PostgreSQL's own `format`, which quotes the identifiers (`%I`) and literals (`%L`).
async fn run(connection: &mut PgConnection, template: &str, arguments: &[&str]) -> Result<(), sqlx::Error> {
    let statement: String = sqlx::query_scalar("select format($1, variadic $2::text[])")
        .bind(template)
        .bind(arguments)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
