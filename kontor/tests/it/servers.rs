//! The private servers: started, killed, found again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kontor::servers::{Postgres, RabbitMq};
use sqlx::{Connection, PgConnection};

use crate::home::Home;

async fn count(server: &Postgres) -> i64 {
    let mut connection = PgConnection::connect(&server.admin_url()).await.unwrap();
    sqlx::query_scalar("select count(*) from kept")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_private_postgres_keeps_its_data_and_port_between_starts() {
    let home = Home::new();
    let server = Postgres::start(&home.relative()).await.unwrap();
    let port = server.port();
    let real = fs::canonicalize(home.path().join("postgres")).unwrap();
    assert_eq!(
        real,
        home.path().join("postgres"),
        "the data is elsewhere though it can be reached here"
    );
    let mut connection = PgConnection::connect(&server.admin_url()).await.unwrap();
    sqlx::raw_sql("create table kept (id int); insert into kept values (1)")
        .execute(&mut connection)
        .await
        .unwrap();
    let folder: String = sqlx::query_scalar("show data_directory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let pid = fs::read_to_string(PathBuf::from(&folder).join("postmaster.pid")).unwrap();
    let owner = Command::new("ps")
        .args(["-o", "uid=", "-p", pid.lines().next().unwrap()])
        .output()
        .unwrap();
    assert_ne!(
        String::from_utf8_lossy(&owner.stdout).trim(),
        "0",
        "the server runs as root"
    );
    drop(connection);
    server.stop().unwrap();

    let mut server = Postgres::start(home.path()).await.unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(count(&server).await, 1);

    server.crash().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(count(&server).await, 1);
    server.stop().unwrap();
}

#[tokio::test]
async fn a_postgres_left_by_a_killed_run_is_taken_over_and_a_stale_pid_file_is_cleared() {
    let home = Home::new();
    let left = Postgres::start(home.path()).await.unwrap();
    // As after kill -9 in the moment before the guardian acts: the server runs, nobody holds it.
    let server = Postgres::start(home.path()).await.unwrap();
    server.stop().unwrap();
    drop(left);

    let folder = fs::canonicalize(home.path().join("postgres")).unwrap();
    fs::write(
        folder.join("data/postmaster.pid"),
        format!("{}\n", std::process::id()),
    )
    .unwrap();
    let server = Postgres::start(home.path()).await.unwrap();
    server.stop().unwrap();
}

#[tokio::test]
async fn a_private_rabbitmq_comes_back_after_a_kill_and_leaves_nothing_running() {
    let home = Home::new();
    let mut broker = RabbitMq::start(home.path()).await.unwrap();
    let url = broker.url();
    broker.crash().await.unwrap();
    broker.restart().await.unwrap();
    assert_eq!(broker.url(), url);
    broker.stop().await.unwrap();

    let folder = fs::canonicalize(home.path().join("rabbitmq")).unwrap();
    let left: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .collect();
    assert!(left.is_empty(), "still running: {left:?}");
}
