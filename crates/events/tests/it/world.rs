//! Two services, `writer` and `reader`, each with a schema of its own in a fresh database.

use std::{path::PathBuf, time::Duration};

use kontor::{
    migrate::{self, Schema},
    servers::{Postgres, RabbitMq},
};
use kontor_chassis::{
    Caller, Error, Host, db::TenantTx, host::Process, peers::Peers, settings::Settings, token::ServiceKey,
};
use kontor_events::{Bus, Consumer, Delivery, Handle, Outgoing, Relay, outbox};
use lapin::{
    Channel, Connection as AmqpConnection, ConnectionProperties, options::QueueDeclareOptions,
    types::FieldTable,
};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};
use uuid::Uuid;

static DATABASE: OnceCell<Postgres> = OnceCell::const_new();
static BROKER: OnceCell<Mutex<RabbitMq>> = OnceCell::const_new();
static HOME: OnceCell<PathBuf> = OnceCell::const_new();

/// Servers live as long as the test process, in a folder that the next run empties.
async fn home() -> &'static PathBuf {
    HOME.get_or_init(|| async {
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("events");
        if home.exists() {
            std::fs::remove_dir_all(&home).unwrap();
        }
        std::fs::create_dir_all(&home).unwrap();
        home
    })
    .await
}

pub(crate) async fn database() -> &'static Postgres {
    DATABASE
        .get_or_init(|| async { Postgres::start(home().await).await.unwrap() })
        .await
}

pub(crate) async fn broker() -> &'static Mutex<RabbitMq> {
    BROKER
        .get_or_init(|| async { Mutex::new(RabbitMq::start(home().await).await.unwrap()) })
        .await
}

/// Waits until the broker has written down that there is a queue. It does so up to half a second after it has said so;
/// killed before, it forgets the queue and waits for its leader for ever.
pub(crate) async fn written_down(queue: &str) {
    let nodes = home().await.join("rabbitmq/data/kontor@localhost/quorum");
    let names = nodes.join("kontor@localhost/names.dets");
    // What follows the name there is the tag of the next term.
    let name = format!("%2F_{queue}m").into_bytes();
    let written = async {
        while !std::fs::read(&names).is_ok_and(|text| text.windows(name.len()).any(|part| part == name)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), written)
        .await
        .unwrap();
}

/// The broker's bus for one test at a time: all tests write the same type, so each must be alone with its queues.
pub(crate) async fn rabbit() -> (Bus, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    (Bus::connect(&broker().await.lock().await.url()).unwrap(), alone)
}

/// A connection of a stranger to the suite.
pub(crate) async fn channel() -> (AmqpConnection, Channel) {
    let url = broker().await.lock().await.url();
    let connection = AmqpConnection::connect(&url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// A note that somebody wrote.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Written {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

impl prost::Name for Written {
    const NAME: &'static str = "Written";
    const PACKAGE: &'static str = "kontor.writer.v1";
}

/// One process of one service.
pub(crate) struct Service {
    pub(crate) host: Host,
    pub(crate) company: Uuid,
}

/// A world of its own for one test.
pub(crate) struct World {
    pub(crate) company: Uuid,
    pub(crate) writer: &'static str,
    pub(crate) reader: &'static str,
    schemas: Vec<Schema>,
}

impl World {
    pub(crate) async fn new() -> Self {
        // What happens beside a failing test, with RUST_LOG set. Another test of the process may have been first.
        let filter: Targets =
            std::env::var("RUST_LOG").map_or_else(|_| Targets::new(), |wanted| wanted.parse().unwrap());
        let told = tracing_subscriber::fmt::layer().with_test_writer();
        let _ = tracing_subscriber::registry()
            .with(told.with_filter(filter))
            .try_init();
        let server = database().await;
        let id = Uuid::now_v7().simple().to_string();
        let name = |part: &str| -> &'static str { format!("{part}_{}", &id[20..]).leak() };
        let (writer, reader) = (name("writer"), name("reader"));
        let schema = |service: &'static str| {
            let url = server.url(&format!("kontor_{service}"), "secret", "kontor");
            Schema::new(service, url, vec![kontor_events::migrator(), effects()])
        };
        let schemas = vec![schema(writer), schema(reader)];
        migrate::apply(&server.admin_url(), &schemas).await.unwrap();
        Self {
            company: Uuid::now_v7(),
            writer,
            reader,
            schemas,
        }
    }

    /// Starts a process of a service; several of one service are replicas.
    pub(crate) fn start(&self, name: &'static str) -> Service {
        let schema = self.schemas.iter().find(|schema| schema.name() == name).unwrap();
        let peers = Peers::builder(ServiceKey::random());
        let peers = peers
            .remote("identity", "http://127.0.0.1:1")
            .unwrap()
            .build(name);
        let settings = [(format!("{name}_database_url"), schema.url().to_owned())];
        let process =
            Process::start(Settings::from_pairs(settings).unwrap().into(), peers, "identity").unwrap();
        Service {
            host: process.host(name, 1).unwrap(),
            company: self.company,
        }
    }
}

fn effects() -> Migrator {
    let sql = "create table effects (text text not null, at timestamptz not null default clock_timestamp())";
    let migration = Migration::new(
        1,
        "effects".into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![migration]);
    migrator.dangerous_set_table_name("_effects_migrations");
    migrator
}

impl Service {
    pub(crate) async fn write(&self, texts: &[String]) {
        let messages: Vec<_> = texts
            .iter()
            .map(|text| Outgoing::new(self.company, None, &Written { text: text.clone() }).addressed())
            .collect();
        let mut tx = self.host.db.begin(&Caller::system(self.company)).await.unwrap();
        outbox::put(&mut tx, &messages).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn relay(&self, bus: &Bus) {
        Relay::spawn(&self.host, bus);
    }

    /// Begins to hear, and waits until the queue is bound: queues of earlier tests would take what is told before.
    pub(crate) async fn listen(&self, bus: &Bus, handler: impl Handle<Written>) {
        self.hear(bus, Consumer::new(&self.host, bus).on(handler)).await;
    }

    /// The same, of a consumer.
    pub(crate) async fn hear(&self, bus: &Bus, consumer: Consumer) {
        consumer.spawn();
        if format!("{bus:?}").contains("in-process") {
            return;
        }
        let (connection, _channel) = channel().await;
        let queue = format!("{}.events", self.host.name);
        let bound = async {
            loop {
                let passive = QueueDeclareOptions::durable().passive();
                let arguments = FieldTable::default();
                // The broker closes a channel that asks for a queue that isn't there yet.
                let channel = connection.create_channel().await.unwrap();
                let found = channel
                    .queue_declare(queue.as_str().into(), passive, arguments)
                    .await;
                if found.is_ok_and(|queue| queue.consumer_count() > 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), bound)
            .await
            .unwrap();
    }

    /// Ends as on SIGTERM: what is at work is finished.
    pub(crate) async fn stop(self) {
        self.host.shutdown.cancel();
        self.host.tasks.close();
        tokio::time::timeout(Duration::from_secs(20), self.host.tasks.wait())
            .await
            .unwrap();
        self.host.db.close().await;
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        self.try_count(sql).await.unwrap()
    }

    async fn try_count(&self, sql: &'static str) -> Result<i64, Error> {
        let mut tx = self.host.db.unscoped().await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&mut *tx).await?)
    }

    /// Waits until a count is reached, and fails after a generous while. On a busy machine a connection may be late.
    pub(crate) async fn until(&self, sql: &'static str, wanted: i64) {
        let reached = async {
            while !self.try_count(sql).await.is_ok_and(|count| count == wanted) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(90), reached)
            .await
            .is_err()
        {
            panic!("{sql} is {:?} and not {wanted}", self.try_count(sql).await);
        }
    }
}

/// Writes each text down as an effect.
pub(crate) struct Keep;

impl Handle<Written> for Keep {
    async fn handle(&self, tx: &mut TenantTx, _: &Delivery, event: Written) -> Result<(), Error> {
        keep(tx, &event.text).await
    }
}

pub(crate) async fn keep(tx: &mut TenantTx, text: &str) -> Result<(), Error> {
    sqlx::query("insert into effects (text) values ($1)")
        .bind(text)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(crate) fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("note {number}")).collect()
}

/// Ends every connection of a service's role, as a database that restarts does.
pub(crate) async fn cut_connections(service: &str) {
    let mut admin = PgConnection::connect(&database().await.admin_url())
        .await
        .unwrap();
    let sql =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'kontor_{service}'");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
}
