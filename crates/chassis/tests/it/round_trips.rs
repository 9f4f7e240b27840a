//! Counts what goes over the wire: the promise that decides the speed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kontor_chassis::{Caller, Db};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use uuid::Uuid;

use crate::postgres::Database;

/// Passes everything on, and counts how often the client speaks after the server did.
async fn counting_proxy(socket: PathBuf) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(pass_on(client, server, Arc::clone(&counted)));
        }
    });
    (port, turns)
}

async fn pass_on(mut client: TcpStream, mut server: UnixStream, turns: Arc<AtomicUsize>) {
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    let mut client_speaks = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(count) if count > 0 => {
                    if !client_speaks {
                        turns.fetch_add(1, Ordering::SeqCst);
                    }
                    client_speaks = true;
                    server.write_all(&asked[..count]).await.unwrap();
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(count) if count > 0 => {
                    client_speaks = false;
                    if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

#[tokio::test]
async fn a_read_costs_two_round_trips_and_a_write_of_one_statement_three() {
    let database = Database::new().await;
    let Some(socket) = database.socket() else { return };
    let (port, turns) = counting_proxy(socket).await;
    let url = format!(
        "postgres://{}@127.0.0.1:{port}/{}?sslmode=disable",
        database.role(),
        database.name()
    );
    let db = Db::open(&url, "alpha", 1).unwrap();
    let caller = Caller::system(Uuid::now_v7());
    let insert = "insert into things (company_id, id, name) values ($1, $2, 'counted')";
    let select = "select name from things where company_id = $1";

    let read = async || {
        let mut tx = db.read(&caller).await.unwrap();
        let before_answer = sqlx::query(select)
            .bind(caller.company_id())
            .fetch_all(&mut *tx)
            .await
            .unwrap()
            .len();
        (before_answer, turns.load(Ordering::SeqCst))
    };
    let write = async || {
        let mut tx = db.begin(&caller).await.unwrap();
        let query = sqlx::query(insert).bind(caller.company_id()).bind(Uuid::now_v7());
        query.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        turns.load(Ordering::SeqCst)
    };
    // Statements are prepared once for a connection.
    read().await;
    write().await;
    // A connection goes back to the pool by one round trip that no caller waits for: wait for it here.
    let settled = async || {
        db.ping().await.unwrap();
        let connections = || async { db.connections().1 == 1 };
        crate::within::until("the connection is idle again", connections).await;
        turns.load(Ordering::SeqCst)
    };

    let before = settled().await;
    let (rows, after) = read().await;
    assert_eq!((rows, after - before), (1, 2));
    let before = settled().await;
    assert_eq!(write().await - before, 3);
}
