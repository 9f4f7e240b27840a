//! Keys: two replicas are two pools on one database, each behind its own layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use kontor_chassis::caller::Permissions;
use kontor_chassis::idempotency::{self, Idempotent, Interim};
use kontor_chassis::{Caller, Db, Error};
use kontor_proto::identity::v1 as api;
use prost::Message;
use sqlx::{Connection, PgConnection};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt};
use uuid::Uuid;

use crate::postgres::Database;
use crate::within::until;

const RPC: &str = "/kontor.identity.v1.CompanyService/CreateCompany";
const OTHER_RPC: &str = "/kontor.identity.v1.CompanyService/GetCompany";
const SECRET_RPC: &str = "/kontor.identity.v1.SessionService/SwitchCompany";
const STREAM: &str = "/kontor.leads.v1.LeadTransferService/ImportLeads";

/// A service that makes things, and how often it was asked to.
#[derive(Clone)]
struct Maker {
    db: Db,
    asked: Arc<AtomicUsize>,
    /// What is held waits for a permit.
    held: Arc<Semaphore>,
}

impl Maker {
    /// Does what the first word of the name says.
    async fn make(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let word = name.split('-').next().unwrap_or_default();
        if word == "invalid" {
            return Err(Error::invalid("invalid", "No."));
        }
        let mut tx = self.db.begin(caller).await?;
        insert(&mut tx, caller, name).await?;
        match word {
            "refused" => return Err(Error::refused("refused", "No.")),
            "unavailable" => return Err(Error::unavailable("something")),
            "panics" => panic!("as it was asked to"),
            "held" => self.held.acquire().await.map_err(Error::internal)?.forget(),
            "again" => {
                drop(tx);
                tx = self.db.begin(caller).await?;
                insert(&mut tx, caller, name).await?;
            }
            "midway" => {
                let running = api::GetCompanyRequest { id: "running".into() };
                tx.commit_midway(Some(Interim::running(&running))).await?;
                self.held.acquire().await.map_err(Error::internal)?.forget();
                return Ok(());
            }
            "silent" => {
                tx.commit_midway(None).await?;
                return Err(Error::internal("it dies after its commit"));
            }
            _ => {}
        }
        tx.commit().await?;
        if word == "reads" {
            let mut tx = self.db.read(caller).await?;
            assert_eq!(
                count(&mut tx, name).await,
                1,
                "a use-case reads what it has committed"
            );
        }
        Ok(())
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let caller = request.extensions().get::<Caller>().unwrap().clone();
        let read = request.into_body().collect().await.unwrap().to_bytes();
        let name = api::GetCompanyRequest::decode(&read[5..]).unwrap().id;
        Ok(match self.make(&caller, &name).await {
            Ok(()) => message(&api::GetCompanyRequest {
                id: format!("made {}", Uuid::now_v7()),
            }),
            Err(error) => Status::from(error).into_http(),
        })
    }
}

async fn insert(tx: &mut PgConnection, caller: &Caller, name: &str) -> Result<(), Error> {
    sqlx::query("insert into things (company_id, id, name) values ($1, $2, $3)")
        .bind(caller.company_id())
        .bind(Uuid::now_v7())
        .bind(name)
        .execute(tx)
        .await?;
    Ok(())
}

async fn count(tx: &mut PgConnection, name: &str) -> i64 {
    sqlx::query_scalar("select count(*) from things where name = $1")
        .bind(name)
        .fetch_one(tx)
        .await
        .unwrap()
}

fn frame(message: &impl Message) -> Bytes {
    let encoded = message.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(encoded.len() as u32);
    frame.put_slice(&encoded);
    frame.freeze()
}

fn message(message: &impl Message) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(frame(message)).with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::new(Body::new(body))
}

/// What was answered: the text or the code of the error, and whether it was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    text: Result<String, String>,
    replayed: bool,
}

struct World {
    _database: Database,
    replicas: [Maker; 2],
    caller: Caller,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let mut admin = PgConnection::connect(database.admin_url()).await.unwrap();
        sqlx::raw_sql("set search_path = alpha")
            .execute(&mut admin)
            .await
            .unwrap();
        let mut migrator = idempotency::migrator();
        migrator.set_locking(false);
        migrator.run_direct(None, &mut admin, false).await.unwrap();
        let grant = format!("grant all on all tables in schema alpha to {}", database.role());
        database.as_admin(&grant).await;
        let asked: Arc<AtomicUsize> = Arc::default();
        let held = Arc::new(Semaphore::new(0));
        let replica = || Maker {
            db: Db::open(&database.url(), "alpha", 4).unwrap(),
            asked: Arc::clone(&asked),
            held: Arc::clone(&held),
        };
        Self {
            replicas: [replica(), replica()],
            caller: person(Uuid::now_v7()),
            _database: database,
        }
    }

    async fn ask(&self, replica: usize, key: &str, name: &str) -> Answer {
        self.ask_as(&self.caller, RPC, replica, key, name).await
    }

    async fn ask_as(&self, caller: &Caller, rpc: &str, replica: usize, key: &str, name: &str) -> Answer {
        let maker = self.replicas[replica].clone();
        let db = maker.db.clone();
        let maker = tower::service_fn(move |request| maker.clone().answer(request));
        let body = Body::new(Full::new(frame(&api::GetCompanyRequest { id: name.into() })));
        let mut request = Request::post(rpc)
            .header(idempotency::KEY, key)
            .body(body)
            .unwrap();
        request.extensions_mut().insert(caller.clone());
        let mut service = Idempotent::new(db).layer(maker);
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        read(response).await
    }

    fn asked(&self) -> usize {
        self.replicas[0].asked.load(Ordering::SeqCst)
    }

    async fn made(&self, name: &str) -> i64 {
        let mut tx = self.replicas[0].db.read(&self.caller).await.unwrap();
        count(&mut tx, name).await
    }

    async fn until_held(&self, name: &str, times: usize) {
        until(name, || async { self.asked() >= times }).await;
    }

    /// Lets time pass for a key.
    async fn age(&self, what: &str) {
        let mut tx = self.replicas[0].db.begin(&self.caller).await.unwrap();
        let text = format!("update idempotency set {what}");
        sqlx::query(sqlx::AssertSqlSafe(text))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

async fn read(response: Response<Body>) -> Answer {
    let replayed = response.headers().contains_key(idempotency::REPLAYED);
    let text = match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != tonic::Code::Ok => Err(Error::from(status).code().to_owned()),
        _ => {
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
            Ok(api::GetCompanyRequest::decode(&body.to_bytes()[5..]).unwrap().id)
        }
    };
    Answer { text, replayed }
}

fn person(company: Uuid) -> Caller {
    let id = Uuid::now_v7();
    Caller::person(id, company, id, "rep", Permissions::default(), None)
}

fn code(answer: &Answer) -> &str {
    answer.text.as_ref().unwrap_err()
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_at_any_replica_and_the_work_is_done_once() {
    let world = World::new().await;
    for name in ["plain", "reads", "again"] {
        let first = world.ask(0, name, name).await;
        assert!(first.text.is_ok() && !first.replayed, "{first:?}");
        for replica in [0, 1] {
            let again = world.ask(replica, name, name).await;
            assert_eq!((again.text, again.replayed), (first.text.clone(), true));
        }
        assert_eq!(world.made(name).await, 1);
    }
}

#[tokio::test]
async fn two_at_the_same_moment_at_two_replicas_do_the_work_once() {
    let world = World::new().await;
    let (first, second, ()) = tokio::join!(world.ask(0, "k", "held"), world.ask(1, "k", "held"), async {
        world.until_held("both are at work", 2).await;
        world.replicas[0].held.add_permits(1);
    });
    assert_eq!(first.text, second.text);
    assert!(first.text.is_ok());
    assert_eq!(
        [first.replayed, second.replayed]
            .iter()
            .filter(|again| **again)
            .count(),
        1
    );
    assert_eq!(world.made("held").await, 1);
}

#[tokio::test]
async fn a_repeat_waits_for_the_first_only_so_long() {
    let world = World::new().await;
    let (first, second) = tokio::join!(world.ask(0, "k", "held"), async {
        world.until_held("the first is at work", 1).await;
        let second = world.ask(1, "k", "held").await;
        world.replicas[0].held.add_permits(2);
        second
    });
    assert_eq!(code(&second), "idempotency_in_progress");
    assert!(first.text.is_ok());
    assert_eq!(world.made("held").await, 1);
    assert_eq!(
        world.ask(1, "k", "held").await.text,
        first.text,
        "the refusal is not kept"
    );
}

#[tokio::test]
async fn a_key_with_another_request_is_refused() {
    let world = World::new().await;
    world.ask(0, "k", "plain").await;
    for (rpc, name) in [(RPC, "other"), (RPC, "invalid"), (OTHER_RPC, "plain")] {
        let answer = world.ask_as(&world.caller, rpc, 1, "k", name).await;
        assert_eq!(code(&answer), "idempotency_key_reused", "{rpc} {name}");
    }
    assert_eq!(world.made("other").await, 0);
}

#[tokio::test]
async fn keys_belong_to_their_company_and_user() {
    let world = World::new().await;
    let first = world.ask(0, "k", "plain").await;
    let colleague = person(world.caller.company_id());
    for other in [colleague, person(Uuid::now_v7())] {
        let answer = world.ask_as(&other, RPC, 0, "k", "plain").await;
        assert!(answer.text.is_ok() && !answer.replayed);
        assert_ne!(answer.text, first.text);
    }
}

#[tokio::test]
async fn a_refusal_of_the_work_is_kept_and_other_failures_are_not() {
    let world = World::new().await;
    for (name, kept, times) in [
        ("refused", true, 1),
        ("invalid", false, 2),
        ("unavailable", false, 2),
    ] {
        let before = world.asked();
        let first = world.ask(0, name, name).await;
        let again = world.ask(1, name, name).await;
        assert_eq!(first.text, again.text);
        assert_eq!((first.replayed, again.replayed), (false, kept), "{name}");
        assert_eq!(world.asked() - before, times, "{name}");
        assert_eq!(world.made(name).await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_panic_takes_the_key_with_the_work() {
    let world = Arc::new(World::new().await);
    let asking = Arc::clone(&world);
    let died = tokio::spawn(async move { asking.ask(0, "k", "panics").await }).await;
    assert!(died.unwrap_err().is_panic());
    assert_eq!(world.made("panics").await, 0);
    world.replicas[0].held.add_permits(1);
    assert!(world.ask(1, "other", "plain").await.text.is_ok());
    let mut tx = world.replicas[0].db.read(&world.caller).await.unwrap();
    let keys: Vec<String> = sqlx::query_scalar("select key from idempotency")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(keys, ["other"]);
}

#[tokio::test]
async fn work_goes_on_and_is_kept_when_the_client_hangs_up() {
    let world = Arc::new(World::new().await);
    let asking = Arc::clone(&world);
    let hung_up = tokio::spawn(async move { asking.ask(0, "k", "held").await });
    world.until_held("it is at work", 1).await;
    hung_up.abort();
    world.replicas[0].held.add_permits(1);
    let again = world.ask(1, "k", "held").await;
    assert!(again.text.is_ok() && again.replayed);
    assert_eq!(world.made("held").await, 1);
}

#[tokio::test]
async fn work_that_goes_on_after_its_commit_is_waited_for_and_told_of_when_its_process_died() {
    let world = World::new().await;
    let (first, ()) = tokio::join!(world.ask(0, "k", "midway"), async {
        world.until_held("it is at work", 1).await;
        until("it is committed", || async { world.made("midway").await == 1 }).await;
        assert_eq!(
            code(&world.ask(1, "k", "midway").await),
            "idempotency_in_progress"
        );
        // As if its process had died a minute ago.
        world.age("busy_until = now() - interval '1 second'").await;
        let told = world.ask(1, "k", "midway").await;
        assert_eq!((told.text, told.replayed), (Ok("running".to_owned()), true));
        world.replicas[0].held.add_permits(1);
    });
    assert!(first.text.is_ok());
    let again = world.ask(1, "k", "midway").await;
    assert_eq!((again.text, again.replayed), (first.text, true));
    assert_eq!(world.made("midway").await, 1);
}

#[tokio::test]
async fn work_of_unknown_outcome_is_not_done_again() {
    let world = World::new().await;
    assert_eq!(code(&world.ask(0, "k", "silent").await), "internal");
    assert_eq!(
        code(&world.ask(1, "k", "silent").await),
        "idempotency_outcome_unknown"
    );
    assert_eq!(world.made("silent").await, 1);
}

#[tokio::test]
async fn an_answer_that_holds_a_secret_is_not_kept_and_the_work_not_repeated() {
    let world = World::new().await;
    let first = world.ask_as(&world.caller, SECRET_RPC, 0, "k", "plain").await;
    assert!(first.text.is_ok());
    let again = world.ask_as(&world.caller, SECRET_RPC, 0, "k", "plain").await;
    assert_eq!(code(&again), "idempotency_answer_withheld");
    assert_eq!(world.made("plain").await, 1);
    let mut tx = world.replicas[0].db.read(&world.caller).await.unwrap();
    let kept: Option<Vec<u8>> = sqlx::query_scalar("select body from idempotency")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(kept, None);
}

#[tokio::test]
async fn streamed_requests_take_keys_too() {
    let world = World::new().await;
    let ask = |replica, name| world.ask_as(&world.caller, STREAM, replica, "k", name);
    let first = ask(0, "plain").await;
    let again = ask(1, "plain").await;
    assert_eq!((again.text, again.replayed), (first.text, true));
    assert_eq!(code(&ask(0, "other").await), "idempotency_key_reused");
    assert_eq!((world.made("plain").await, world.made("other").await), (1, 0));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let world = World::new().await;
    let first = world.ask(0, "k", "plain").await;
    world.age("created_at = now() - interval '23 hours'").await;
    assert_eq!(world.ask(0, "k", "plain").await.text, first.text);
    world.age("created_at = now() - interval '25 hours'").await;
    let later = world.ask(0, "k", "plain").await;
    assert!(later.text.is_ok() && !later.replayed);
    assert_eq!(world.made("plain").await, 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    let world = World::new().await;
    for key in ["", &"k".repeat(256)] {
        assert_eq!(code(&world.ask(0, key, "plain").await), "invalid_idempotency_key");
    }
}
