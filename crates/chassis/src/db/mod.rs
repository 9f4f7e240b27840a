//! The database of one service, reached only through a caller.
//!
//! `read` and `begin` open a transaction and set the caller's company for it in one round trip; a read is dropped, a write
//! committed. So a read costs two round trips and a write of one statement three, and no setting outlives its transaction.

mod left;
mod role;
mod signals;
mod tenant_tx;
mod to_the_end;

use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub use left::Urgency;
pub use signals::{Signal, Signals, Subscription};
pub use tenant_tx::TenantTx;

use left::Left;

use crate::caller::Caller;
use crate::error::Error;

/// How long a request waits for a free connection before it is told to try again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The pool of one service, logged in as its own role with its own schema. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pool: PgPool,
    schema: Box<str>,
    options: PgConnectOptions,
    signals: OnceLock<Signals>,
    left: Arc<Left>,
}

impl Db {
    /// Opens the pool of a service without connecting yet: a database that is down is waited for, by each request for a
    /// moment. `service` names the schema; at most `connections` are held, besides the one that listens for signals.
    ///
    /// # Errors
    /// When the URL can't be read. It is not repeated in the error, as it holds a password.
    pub fn open(url: &str, service: &str, connections: u32) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Error::internal(format!("the database URL of {service} can't be read")))?
            .application_name(&format!("kontor-{service}"))
            // Extensions live in public. JIT costs more than it gives on short statements.
            .options([
                ("search_path", format!("{service},public").as_str()),
                ("jit", "off"),
                // A process that vanishes with its machine gives its locks back within a minute.
                ("tcp_keepalives_idle", "20"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
            ])
            .statement_cache_capacity(256)
            .log_statements(tracing::log::LevelFilter::Off)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
        let connections = connections.max(1);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections.min(2))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(Duration::from_secs(30 * 60))
            .idle_timeout(Duration::from_secs(5 * 60))
            .test_before_acquire(false)
            .connect_lazy_with(options.clone());
        Ok(Self(Arc::new(Inner {
            pool,
            schema: service.into(),
            options,
            signals: OnceLock::new(),
            left: Arc::default(),
        })))
    }

    /// Begins a transaction that only reads, as this caller. Drop it when done.
    ///
    /// # Errors
    /// Unavailable when the database doesn't answer or no connection is free in time.
    pub async fn read(&self, caller: &Caller) -> Result<TenantTx, Error> {
        self.reading(caller, &tenant_tx::begin_text(true, Some(caller)))
            .await
    }

    /// As [`Self::read`], for statements that are planned once a connection and not with their parameters each time. For
    /// those whose plan is the same whatever the parameters are, and that take less time than their planning.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_as_planned(&self, caller: &Caller) -> Result<TenantTx, Error> {
        let text =
            tenant_tx::begin_text(true, Some(caller)) + "; set local plan_cache_mode = force_generic_plan";
        self.reading(caller, &text).await
    }

    async fn reading(&self, caller: &Caller, text: &str) -> Result<TenantTx, Error> {
        if let Some(ticket) = caller.ticket() {
            ticket.before_reading().await?;
        }
        self.opened(text).await
    }

    /// Begins a transaction that writes, as this caller. Dropped without `commit`, nothing happened.
    ///
    /// # Errors
    /// As [`Self::read`]; when the request's idempotency key is another request's.
    pub async fn begin(&self, caller: &Caller) -> Result<TenantTx, Error> {
        let text = tenant_tx::begin_text(false, Some(caller));
        let open = self.opened(&text);
        match caller.ticket() {
            Some(ticket) => ticket.begin(open).await,
            None => open.await,
        }
    }

    /// Begins a transaction of no company: it sees no tenant's rows. For outbox, inbox, timers and the login itself.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn unscoped(&self) -> Result<TenantTx, Error> {
        self.opened(&tenant_tx::begin_text(false, None)).await
    }

    /// As [`Self::unscoped`], but its commit doesn't wait for the disk: after a crash of the server it may never have
    /// happened. For what is then done again without harm.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn unscoped_lazily(&self) -> Result<TenantTx, Error> {
        self.opened("begin; set local synchronous_commit = off").await
    }

    async fn opened(&self, text: &str) -> Result<TenantTx, Error> {
        TenantTx::begin(&self.0.pool, &self.0.schema, text, Arc::clone(&self.0.left)).await
    }

    /// Waits until a transaction of this process that leaves something so urgent to be told is committed; one that was since
    /// the last wait counts. A `notify` would say it to all processes, but it holds a lock of the whole server until the
    /// commit is on disk, so that one commit after the other goes there alone.
    pub async fn left(&self, urgency: Urgency) {
        self.0.left.woken(urgency).await;
    }

    /// What the database tells by `notify`, on one connection for the whole service, opened at the first call.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        self.0
            .signals
            .get_or_init(|| Signals::listen(self.0.options.clone(), &self.0.schema))
    }

    /// The schema, which is the service's name.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.0.schema
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Unavailable when it doesn't.
    pub async fn ping(&self) -> Result<(), Error> {
        self.opened("begin read only").await.map(drop)
    }

    /// Refuses a login role that Row-Level Security doesn't bind, and says how to mend it.
    ///
    /// # Errors
    /// When the role is a superuser, has BYPASSRLS or owns tables of the schema; Unavailable when the database is down.
    pub async fn verify_role(&self) -> Result<(), Error> {
        role::verify(&self.0.pool, &self.0.schema).await
    }

    /// Open and idle connections of the pool, for its gauges.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        (self.0.pool.size(), self.0.pool.num_idle())
    }

    /// Listens to signals no more.
    pub fn stop_listening(&self) {
        if let Some(signals) = self.0.signals.get() {
            signals.stop();
        }
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.stop_listening();
        self.0.pool.close().await;
    }
}
