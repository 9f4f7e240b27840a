use kontor_chassis::Db;
use kontor_chassis::db::{Signal, Subscription};
use tokio::time::timeout;

use crate::postgres::Database;
use crate::within::PATIENCE;

async fn next(subscription: &mut Subscription) -> Signal {
    timeout(PATIENCE, subscription.recv()).await.unwrap()
}

fn payload(text: &str) -> Signal {
    Signal::Payload(text.into())
}

#[tokio::test]
async fn a_subscriber_is_told_to_look_once_the_database_listens_and_then_hears_everything() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let mut bells = db.signals().subscribe("bells");
    assert_eq!(next(&mut bells).await, Signal::Missed);
    let mut others = db.signals().subscribe("others");
    assert_eq!(next(&mut others).await, Signal::Missed);
    database
        .as_admin("notify bells, 'one'; notify others, 'another'; notify bells, 'two'")
        .await;
    assert_eq!(next(&mut bells).await, payload("one"));
    assert_eq!(next(&mut bells).await, payload("two"));
    assert_eq!(next(&mut others).await, payload("another"));
}

#[tokio::test]
async fn after_a_lost_connection_a_subscriber_is_told_to_look_again() {
    let database = Database::new().await;
    let db = Db::open(&database.url(), "alpha", 1).unwrap();
    let mut bells = db.signals().subscribe("bells");
    assert_eq!(next(&mut bells).await, Signal::Missed);
    database
        .as_admin(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'",
            database.role()
        ))
        .await;
    assert_eq!(next(&mut bells).await, Signal::Missed);
    database.as_admin("notify bells, 'again'").await;
    assert_eq!(next(&mut bells).await, payload("again"));
}
