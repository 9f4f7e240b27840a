//! Does what is due.

use std::{collections::HashMap, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use kontor_chassis::{Caller, Db, Error, Host, db::TenantTx};
use metrics::counter;
use sqlx::types::Json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::TimerHeaders;

/// How late a timer may be.
const POLL: Duration = Duration::from_secs(2);
/// Due timers that are looked at together.
const WINDOW: i64 = 64;
/// A handler that takes longer has hung.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// A timer that is due. It is gone when the transaction commits; set it again to be called again.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Its id.
    pub id: Uuid,
    /// When it was to be done.
    pub due_at: OffsetDateTime,
    /// Its company.
    pub company: Uuid,
    /// Its payload, encoded.
    pub payload: Vec<u8>,
}

/// Does what a timer is for.
///
/// `tx` belongs to the timer's company and has the timer deleted already; it is committed when this returns `Ok`. After
/// an error the timer is there again, and due later.
pub trait Due: Send + Sync + 'static {
    /// Does it.
    fn due(&self, tx: &mut TenantTx, timer: &Timer) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The timers of a service: which kinds there are, and what is done then.
pub struct Timers {
    service: Arc<str>,
    db: Db,
    shutdown: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
    handlers: HashMap<&'static str, Box<dyn Erased>>,
}

impl Timers {
    /// The timers of this service; nothing is done before [`Self::spawn`].
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self {
            service: host.name.into(),
            db: host.db.clone(),
            shutdown: host.shutdown.clone(),
            tasks: host.tasks.clone(),
            handlers: HashMap::new(),
        }
    }

    /// Does this when a timer of that kind is due.
    #[must_use]
    pub fn on(mut self, kind: &'static str, handler: impl Due) -> Self {
        self.handlers.insert(kind, Box::new(handler));
        self
    }

    /// Begins, until the service shuts down. Several processes of a service share the work.
    pub fn spawn(self) {
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            let mut poll = tokio::time::interval(POLL);
            poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = self.shutdown.cancelled() => return,
                    _ = poll.tick() => {}
                }
                while !self.shutdown.is_cancelled() {
                    match self.round().await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::debug!(service = %self.service, %error, "the timers can't be read");
                            break;
                        }
                    }
                }
            }
        });
    }

    /// Does what is due now. True: there may be more.
    async fn round(&self) -> Result<bool, Error> {
        let kinds: Vec<&str> = self.handlers.keys().copied().collect();
        let mut tx = self.db.unscoped().await?;
        let due: Vec<(Uuid, Json<TimerHeaders>)> = sqlx::query_as(
            "select id, headers
             from timers
             where due_at <= now()
               and kind = any($1)
             order by due_at
             limit $2",
        )
        .bind(kinds)
        .bind(WINDOW)
        .fetch_all(&mut *tx)
        .await?;
        drop(tx);
        for (id, Json(headers)) in &due {
            if self.shutdown.is_cancelled() {
                return Ok(false);
            }
            let Some(company) = headers.company else { continue };
            if let Err(error) = self.attempt(*id, company).await {
                counter!("kontor_timers_failed_total", "service" => self.service.to_string()).increment(1);
                tracing::warn!(service = %self.service, timer = %id, attempts = headers.attempts, %error, "a timer failed");
                self.put_off(*id, headers).await?;
            }
        }
        Ok(i64::try_from(due.len()).is_ok_and(|count| count == WINDOW))
    }

    async fn attempt(&self, id: Uuid, company: Uuid) -> Result<(), Error> {
        let span = tracing::info_span!("timer", otel.kind = "internal", service = %self.service);
        let work = async {
            let mut tx = self.db.begin(&Caller::system(company)).await?;
            let claimed: Option<(String, OffsetDateTime, Vec<u8>)> = sqlx::query_as(
                "delete from timers
                 where id = (
                     select id
                     from timers
                     where id = $1
                       and due_at <= now()
                     for update skip locked
                 )
                 returning kind, due_at, payload",
            )
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
            let Some((kind, due_at, payload)) = claimed else {
                return Ok(());
            };
            if let Some(handler) = self.handlers.get(kind.as_str()) {
                handler
                    .call(
                        &mut tx,
                        &Timer {
                            id,
                            due_at,
                            company,
                            payload,
                        },
                    )
                    .await?;
                tx.commit().await?;
                counter!("kontor_timers_done_total", "service" => self.service.to_string()).increment(1);
            }
            Ok(())
        };
        let guarded = AssertUnwindSafe(work.instrument(span)).catch_unwind();
        match tokio::time::timeout(HANDLER_TIMEOUT, guarded).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::internal("the timer's handler panicked")),
            Err(_) => Err(Error::internal("the timer's handler hangs")),
        }
    }

    /// A timer that failed is tried again later, and later each time.
    async fn put_off(&self, id: Uuid, headers: &TimerHeaders) -> Result<(), Error> {
        let pause = (FIRST_PAUSE * (1 << headers.attempts.min(12))).min(LONGEST_PAUSE);
        let mut tx = self.db.unscoped().await?;
        sqlx::query(
            "update timers
             set due_at = now() + make_interval(secs => $2), headers = $3
             where id = $1
               and due_at <= now()",
        )
        .bind(id)
        .bind(pause.as_secs_f64())
        .bind(Json(TimerHeaders {
            company: headers.company,
            attempts: headers.attempts + 1,
        }))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers")
            .field("kinds", &self.handlers.keys())
            .finish_non_exhaustive()
    }
}

/// A handler of any timer.
trait Erased: Send + Sync {
    fn call<'a>(&'a self, tx: &'a mut TenantTx, timer: &'a Timer) -> BoxFuture<'a, Result<(), Error>>;
}

impl<D: Due> Erased for D {
    fn call<'a>(&'a self, tx: &'a mut TenantTx, timer: &'a Timer) -> BoxFuture<'a, Result<(), Error>> {
        self.due(tx, timer).boxed()
    }
}
