use kontor_chassis::{Caller, Db, Kind, trial};
use sqlx::Row;
use uuid::Uuid;

use crate::postgres::Database;

async fn put(db: &Db, company: Uuid, name: &str) {
    let mut tx = db.begin(&Caller::system(company)).await.unwrap();
    sqlx::query("insert into things (company_id, id, name) values ($1, $2, $3)")
        .bind(company)
        .bind(Uuid::now_v7())
        .bind(name)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn seen(db: &Db, caller: &Caller) -> Vec<String> {
    let mut tx = db.read(caller).await.unwrap();
    sqlx::query_scalar("select name from things order by name")
        .fetch_all(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_caller_sees_only_the_rows_of_their_company() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 4).unwrap();
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    put(&db, one, "ours").await;
    put(&db, other, "theirs").await;
    assert_eq!(seen(&db, &Caller::system(one)).await, ["ours"]);
    assert_eq!(seen(&db, &Caller::system(other)).await, ["theirs"]);
}

#[tokio::test]
async fn without_a_company_nothing_is_seen() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    put(&db, Uuid::now_v7(), "ours").await;
    assert!(seen(&db, &Caller::of_service("beta", None)).await.is_empty());
    let mut tx = db.unscoped().await.unwrap();
    let count: i64 = sqlx::query_scalar("select count(*) from things")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_row_of_another_company_cannot_be_written() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let mut tx = db.begin(&Caller::system(Uuid::now_v7())).await.unwrap();
    let refused = sqlx::query("insert into things (company_id, id, name) values ($1, $1, 'smuggled')")
        .bind(Uuid::now_v7())
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn no_setting_is_left_on_a_pooled_connection() {
    let database = Database::new().await;
    // One connection: whatever is left on it is seen by the next.
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let id = Uuid::now_v7();
    let caller = Caller::person(
        id,
        id,
        id,
        "rep",
        kontor_chassis::caller::Permissions::default(),
        None,
    );
    drop(db.read(&caller).await.unwrap());
    assert_clean(&db).await;
    db.begin(&caller).await.unwrap().commit().await.unwrap();
    assert_clean(&db).await;
    let mut failing = db.begin(&caller).await.unwrap();
    sqlx::query("select 1 / 0")
        .execute(&mut *failing)
        .await
        .unwrap_err();
    drop(failing);
    assert_clean(&db).await;
}

async fn assert_clean(db: &Db) {
    let mut tx = db.unscoped().await.unwrap();
    let row = sqlx::query(
        "select coalesce(current_setting('kontor.company_id', true), '') as company,
            coalesce(current_setting('kontor.user_id', true), '') as user_id",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!(
        (row.get::<&str, _>("company"), row.get::<&str, _>("user_id")),
        ("", "")
    );
}

#[tokio::test]
async fn the_caller_s_company_and_user_are_set_for_the_transaction() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let (user, company) = (Uuid::now_v7(), Uuid::now_v7());
    let permissions = kontor_chassis::caller::Permissions::default();
    let caller = Caller::person(user, company, Uuid::now_v7(), "rep", permissions, None);
    let mut tx = db.read(&caller).await.unwrap();
    let (set_company, set_user, schema): (String, String, String) = sqlx::query_as(
        "select current_setting('kontor.company_id'), current_setting('kontor.user_id'), current_schema()::text",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!((set_company, set_user), (company.to_string(), user.to_string()));
    assert_eq!(schema, "alpha");
}

#[tokio::test]
async fn a_read_cannot_write_and_a_dropped_transaction_did_nothing() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let company = Uuid::now_v7();
    let insert = "insert into things (company_id, id, name) values ($1, $1, 'lost')";
    let mut read = db.read(&Caller::system(company)).await.unwrap();
    let refused = sqlx::query(insert)
        .bind(company)
        .execute(&mut *read)
        .await
        .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "25006");
    drop(read);
    let mut write = db.begin(&Caller::system(company)).await.unwrap();
    sqlx::query(insert)
        .bind(company)
        .execute(&mut *write)
        .await
        .unwrap();
    drop(write);
    assert!(seen(&db, &Caller::system(company)).await.is_empty());
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_bind_is_refused() {
    let database = Database::new().await;
    let role = database.role().to_owned();
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    db.verify_role().await.unwrap();

    let why = async |db: &Db| {
        let error = db.verify_role().await.unwrap_err();
        std::error::Error::source(&error).unwrap().to_string()
    };
    database.as_admin(&format!("alter role {role} bypassrls")).await;
    assert!(why(&db).await.contains("BYPASSRLS"));
    database
        .as_admin(&format!(
            "alter role {role} nobypassrls; alter table alpha.things owner to {role}"
        ))
        .await;
    assert!(why(&db).await.contains("owns the table alpha.things"));
    let superuser = Db::open(database.admin_url(), "alpha", 1).unwrap();
    let told = why(&superuser).await;
    assert!(
        told.contains("is a superuser") && told.contains("kontor migrate"),
        "{told}"
    );
}

#[tokio::test]
async fn a_database_that_is_down_is_unavailable_and_not_our_fault() {
    let db = Db::open("postgres://nobody@127.0.0.1:1/none", "alpha", 1).unwrap();
    let error = db.read(&Caller::system(Uuid::now_v7())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.retry_after().is_some());
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    db.ping().await.unwrap();
    let mut tx = db.unscoped().await.unwrap();
    database
        .as_admin(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'",
            database.role()
        ))
        .await;
    let cut = sqlx::query("select 1").execute(&mut *tx).await.unwrap_err();
    assert_eq!(kontor_chassis::Error::from(cut).kind(), Kind::Unavailable);
    drop(tx);
    db.ping().await.unwrap();
}

#[tokio::test]
async fn connections_that_died_while_idle_are_nobody_s_error() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 4).unwrap();
    let caller = Caller::system(Uuid::now_v7());
    let open: Vec<_> = futures_util::future::join_all((0..4).map(|_| db.read(&caller))).await;
    assert!(open.into_iter().all(|tx| tx.is_ok()));
    crate::within::until("all four are idle", || async { db.connections() == (4, 4) }).await;
    let role = database.role();
    let cut =
        format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{role}'");
    database.as_admin(&cut).await;
    for _ in 0..6 {
        db.read(&caller).await.unwrap();
    }
}

#[tokio::test]
async fn a_nul_byte_is_the_caller_s_mistake() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let mut tx = db.unscoped().await.unwrap();
    let error = sqlx::query("select $1::text")
        .bind("a\0b")
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert_eq!(kontor_chassis::Error::from(error).kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_begin_that_was_abandoned_leaves_nothing_behind() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let (one, other) = (Caller::system(Uuid::now_v7()), Caller::system(Uuid::now_v7()));
    put(&db, one.company_id(), "ours").await;
    for patience in 0..60 {
        let abandoned = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            begun = db.read(&one) => drop(begun),
            () = abandoned => {}
        }
        // The same connection, as there is but one: within no other's transaction, which could not write.
        let mut tx = db.unscoped().await.unwrap();
        let count: i64 = sqlx::query_scalar("select count(*) from things")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(count, 0, "a company was left behind");
        drop(tx);
        put(&db, other.company_id(), "theirs").await;
    }
}

#[tokio::test]
async fn a_request_on_trial_goes_its_way_and_changes_nothing() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 4).unwrap();
    let company = Uuid::now_v7();
    let caller = Caller::system(company);
    let tried = trial::run(async {
        let mut tx = db.begin(&caller).await.unwrap();
        sqlx::query("insert into things (company_id, id, name) values ($1, $1, 'tried')")
            .bind(company)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await
    });
    let refused = tried.await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Invalid, "on_trial"));
    let midway = trial::run(async { db.begin(&caller).await.unwrap().commit_midway(None).await });
    assert_eq!(midway.await.unwrap_err().code(), "on_trial");
    let unscoped = trial::run(async { db.unscoped().await.unwrap().commit().await });
    assert_eq!(unscoped.await.unwrap_err().code(), "on_trial");
    assert!(seen(&db, &caller).await.is_empty());
    put(&db, company, "in earnest").await;
    assert_eq!(seen(&db, &caller).await, ["in earnest"]);
}
