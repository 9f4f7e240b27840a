//! What the database itself refuses to the service.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::world::{World, admin, database};

async fn service() -> PgConnection {
    PgConnection::connect(&database().await.url("kontor_identity", "secret", "kontor"))
        .await
        .unwrap()
}

#[tokio::test]
async fn every_table_of_a_tenant_forces_row_level_security_with_the_company_first() {
    database().await;
    let tables: Vec<(String, bool, bool, String)> = sqlx::query_as(
        "select c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
           (select a.attname::text
            from pg_index i
            join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
            where i.indrelid = c.oid
              and i.indisprimary)
         from pg_class c
         join pg_attribute company on company.attrelid = c.oid and company.attname = 'company_id'
         where c.relnamespace = 'identity'::regnamespace
           and c.relkind = 'r'
         order by 1",
    )
    .fetch_all(&mut admin().await)
    .await
    .unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.0.as_str()).collect();
    for name in [
        "api_keys",
        "audit_log",
        "currency_rates",
        "invitations",
        "memberships",
        "roles",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    for (name, enabled, forced, first) in &tables {
        assert!(enabled & forced, "{name}");
        assert_eq!(first, "company_id", "{name}");
    }
}

#[tokio::test]
async fn without_a_company_and_a_person_there_are_no_rows_and_none_can_be_written() {
    let world = World::new().await;
    let person = world.register().await;
    let mut service = service().await;
    let counts: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from identity.companies),
           (select count(*) from identity.roles),
           (select count(*) from identity.memberships)",
    )
    .fetch_one(&mut service)
    .await
    .unwrap();
    assert_eq!(counts, (0, 0, 0));
    let changed = sqlx::query("update identity.companies set name = 'x'")
        .execute(&mut service)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0);
    let refused = sqlx::query(
        "insert into identity.currency_rates (company_id, currency, rate) values ($1::uuid, 'EUR', 1)",
    )
    .bind(&person.company.id)
    .execute(&mut service)
    .await;
    assert!(refused.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn a_person_sees_the_own_companies_and_changes_none_by_that() {
    let world = World::new().await;
    let (person, stranger) = (world.register().await, world.register().await);
    let mut service = service().await;
    let mut tx = service.begin().await.unwrap();
    sqlx::query("select set_config('kontor.user_id', $1, true)")
        .bind(&person.user.id)
        .execute(&mut *tx)
        .await
        .unwrap();
    let seen: Vec<Uuid> = sqlx::query_scalar("select id from identity.companies")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(seen, [person.company.id.parse::<Uuid>().unwrap()]);
    let members: Vec<Uuid> = sqlx::query_scalar("select user_id from identity.memberships")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(members, [person.user.id.parse::<Uuid>().unwrap()]);
    let changed = sqlx::query("update identity.companies set name = 'x'")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0, "that takes a token of the company");
    let changed = sqlx::query("update identity.memberships set active = true where user_id <> $1::uuid")
        .bind(&stranger.user.id)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0);
}
