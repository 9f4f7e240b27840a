//! Roles, schemas and grants, made on a server where nothing is yet.

use kontor::migrate::{self, Schema};
use kontor::servers::Postgres;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr, SqlStr};

use crate::home::Home;

fn list(table: &str, migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = migrations
        .iter()
        .map(|(version, words, sql)| {
            let sql: SqlStr = sql.into_sql_str();
            Migration::new(*version, (*words).into(), MigrationType::Simple, sql, false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(table.to_owned());
    migrator
}

fn leads(server: &Postgres, password: &str, migrations: &[(i64, &'static str, &'static str)]) -> Schema {
    let outbox = [(1, "outbox", "create table outbox (id int)")];
    let migrators = vec![
        list("_events_migrations", &outbox),
        list("_migrations", migrations),
    ];
    Schema::new("leads", server.url("kontor_leads", password, "kontor"), migrators)
}

const FIRST: (i64, &str, &str) = (1, "leads", "create table leads (id int primary key)");
const SECOND: (i64, &str, &str) = (2, "tags", "alter table leads add column tags text[]");

#[tokio::test]
async fn a_migrated_database_lets_a_service_use_its_rows_and_own_nothing() {
    let home = Home::new();
    let server = Postgres::start(home.path()).await.unwrap();
    let schema = leads(&server, "p%40ss'word", &[FIRST]);

    let done = migrate::apply(&server.admin_url(), std::slice::from_ref(&schema))
        .await
        .unwrap();
    assert_eq!(done.migrations, ["leads/0001 outbox", "leads/0001 leads"]);
    let again = migrate::apply(&server.admin_url(), std::slice::from_ref(&schema))
        .await
        .unwrap();
    assert!(again.migrations.is_empty(), "{again}");

    let mut service = PgConnection::connect(schema.url()).await.unwrap();
    assert!(migrate::pending(&mut service, &schema).await.unwrap().is_empty());
    sqlx::raw_sql("insert into leads.leads values (1); insert into leads.outbox values (1); select public.unaccent('é')")
        .execute(&mut service)
        .await
        .unwrap();
    for forbidden in [
        "delete from leads._migrations",
        "create table leads.mine ()",
        "alter table leads.leads disable row level security",
        "set role kontor_owner",
    ] {
        let refused = sqlx::raw_sql(forbidden).execute(&mut service).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default()
            .into_owned();
        assert_eq!(code, "42501", "{forbidden}");
    }

    let newer = leads(&server, "another", &[FIRST, SECOND]);
    let lacking = migrate::pending(&mut service, &newer).await.unwrap();
    assert_eq!(
        lacking.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["leads/0002 tags"]
    );
    migrate::apply(&server.admin_url(), std::slice::from_ref(&newer))
        .await
        .unwrap();
    PgConnection::connect(newer.url()).await.unwrap();

    let older = migrate::apply(&server.admin_url(), std::slice::from_ref(&schema))
        .await
        .unwrap_err();
    assert!(format!("{older:#}").contains("newer version"), "{older:#}");
    server.stop().unwrap();
}

#[tokio::test]
async fn several_that_migrate_at_once_do_it_once() {
    let home = Home::new();
    let server = Postgres::start(home.path()).await.unwrap();
    let schema = leads(&server, "secret", &[FIRST]);
    let admin = server.admin_url();
    let one = async || {
        migrate::apply(&admin, std::slice::from_ref(&schema))
            .await
            .unwrap()
            .migrations
            .len()
    };

    let (a, b, c) = tokio::join!(one(), one(), one());
    assert_eq!(a + b + c, 2);
    server.stop().unwrap();
}

#[tokio::test]
async fn a_role_with_too_many_rights_is_cut_down() {
    let home = Home::new();
    let server = Postgres::start(home.path()).await.unwrap();
    let schema = leads(&server, "secret", &[FIRST]);
    let mut admin = PgConnection::connect(&server.admin_url()).await.unwrap();
    sqlx::raw_sql("create role kontor_leads login superuser bypassrls password 'secret'")
        .execute(&mut admin)
        .await
        .unwrap();

    migrate::apply(&server.admin_url(), std::slice::from_ref(&schema))
        .await
        .unwrap();
    let rights: (bool, bool) =
        sqlx::query_as("select rolsuper, rolbypassrls from pg_roles where rolname = 'kontor_leads'")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert_eq!(rights, (false, false));
    server.stop().unwrap();
}
