//! From the bus to a service: each message in a transaction of its own, with its note in the inbox.

use std::{
    collections::HashMap, future::Future, marker::PhantomData, panic::AssertUnwindSafe, sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kontor_chassis::{Caller, Db, Error, Host, Kind, db::TenantTx};
use metrics::counter;
use prost::Name;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    Bus, Headers,
    bus::Arrival,
    inbox,
    message::{DELIVERY_LIMIT, Message, Verdict},
    trace,
};

/// Messages handled at the same time by one process of a service.
const CONCURRENCY: u16 = 8;
/// Handed out by the broker ahead of being handled.
const PREFETCH: u16 = 4 * CONCURRENCY;
/// A handler that takes longer has hung.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);
/// So long a message that needs something that is away is kept here before it goes back to its queue. The broker closes
/// the channel of a consumer that keeps one for half an hour.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Does what a message asks for.
///
/// `tx` belongs to the message's company and holds the inbox's note already; it is committed when this returns `Ok`.
/// Unavailable means later, any other error means again, up to the delivery limit.
pub trait Handle<E>: Send + Sync + 'static {
    /// Handles one message.
    fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: E,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What is known of a message beside its content.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// Its full protobuf name.
    pub kind: String,
    /// What travelled beside it.
    pub headers: Headers,
}

impl Delivery {
    /// The tenant.
    ///
    /// # Errors
    /// Invalid for a message that belongs to none, where one is needed.
    pub fn company(&self) -> Result<Uuid, Error> {
        self.headers
            .company
            .ok_or_else(|| Error::invalid("no_company", "The message belongs to no company."))
    }
}

/// The consumer of a service: which messages it hears, and what it does then.
pub struct Consumer {
    service: Arc<str>,
    db: Db,
    bus: Bus,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    handlers: HashMap<String, Vec<Box<dyn Erased>>>,
}

impl Consumer {
    /// The consumer of this service; nothing is heard before [`Self::spawn`].
    #[must_use]
    pub fn new(host: &Host, bus: &Bus) -> Self {
        Self {
            service: host.name.into(),
            db: host.db.clone(),
            bus: bus.clone(),
            shutdown: host.shutdown.clone(),
            tasks: host.tasks.clone(),
            handlers: HashMap::new(),
        }
    }

    /// Hears messages of type `E`. Several handlers of one type work in one transaction, in this order.
    #[must_use]
    pub fn on<E: prost::Message + Name + Default + 'static>(mut self, handler: impl Handle<E>) -> Self {
        self.handlers
            .entry(E::full_name())
            .or_default()
            .push(Box::new(Typed {
                handler,
                event: PhantomData,
            }));
        self
    }

    /// Begins to hear, until the service shuts down. Without handlers it does nothing.
    ///
    /// # Panics
    /// When the bus was told that the service hears other types: a mistake of the program, found at its first start.
    pub fn spawn(self) {
        if self.handlers.is_empty() {
            return;
        }
        let mut kinds: Vec<String> = self.handlers.keys().cloned().collect();
        kinds.sort();
        if let Some(mut announced) = self.bus.audience().heard_by(&self.service) {
            announced.sort();
            assert_eq!(
                announced, kinds,
                "what {} is said to hear and what it hears",
                self.service
            );
        }
        let mut subscription = self.bus.subscribe(&self.service, kinds, PREFETCH);
        let tasks = self.tasks.clone();
        let consumer = Arc::new(self);
        tasks.clone().spawn(async move {
            let permits = Arc::new(Semaphore::new(usize::from(CONCURRENCY)));
            let shutdown = consumer.shutdown.clone();
            let hear = async {
                // The semaphore is never closed, so a permit always comes.
                while let Ok(permit) = permits.clone().acquire_owned().await {
                    let arrival = subscription.next().await;
                    let consumer = consumer.clone();
                    tasks.spawn(async move {
                        consumer.take(arrival).await;
                        drop(permit);
                    });
                }
            };
            shutdown.run_until_cancelled(hear).await;
        });
    }

    /// Handles a message and says what became of it.
    async fn take(&self, arrival: Arrival) {
        let message = arrival.message();
        let span = tracing::info_span!(
            "consume",
            otel.name = format!("consume {}", message.kind),
            otel.kind = "consumer",
            messaging.system = "kontor",
            messaging.message.id = message.id,
            service = %self.service,
        );
        trace::go_on(&span, message.headers.traceparent.as_deref());
        async {
            let verdict = self.handle(arrival.message()).await;
            self.count(verdict);
            if let Err(away) = arrival.settle(verdict).await {
                // It comes again, and the inbox knows it.
                tracing::debug!(service = %self.service, %away, "a message could not be settled");
            }
        }
        .instrument(span)
        .await;
    }

    async fn handle(&self, message: &Message) -> Verdict {
        if message.id.is_empty() || message.kind.is_empty() {
            return self.give_up(message, "it has no type or no id").await;
        }
        let Some(handlers) = self.handlers.get(&message.kind) else {
            return self.give_up(message, "nobody here knows its type").await;
        };
        let mut pause = FIRST_PAUSE;
        let began = tokio::time::Instant::now();
        loop {
            let error = match self.attempt(message, handlers).await {
                Ok(()) => return Verdict::Done,
                Err(Failure::Undecodable) => return self.give_up(message, "it can't be decoded").await,
                Err(Failure::Handler(error)) => error,
            };
            if error.kind() != Kind::Unavailable {
                return self.failed(message, &error).await;
            }
            tracing::debug!(service = %self.service, kind = message.kind, %error, "a message waits for what is away");
            if began.elapsed() > PATIENCE {
                return Verdict::Later;
            }
            tokio::select! {
                // Not settled: it comes again after the start.
                () = self.shutdown.cancelled() => return Verdict::Later,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn failed(&self, message: &Message, error: &Error) -> Verdict {
        let source = std::error::Error::source(error).map(ToString::to_string);
        if message.attempts >= DELIVERY_LIMIT {
            return self
                .give_up(message, &format!("{error} {}", source.unwrap_or_default()))
                .await;
        }
        tracing::warn!(
            service = %self.service, kind = message.kind, id = message.id, attempts = message.attempts, %error, source,
            "a message could not be handled; it comes again"
        );
        let doublings = message.attempts.min(10);
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep((FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)) => {}
        }
        Verdict::Again
    }

    /// One attempt in one transaction.
    async fn attempt(&self, message: &Message, handlers: &[Box<dyn Erased>]) -> Result<(), Failure> {
        let delivery = Delivery {
            id: message.id.clone(),
            kind: message.kind.clone(),
            headers: message.headers.clone(),
        };
        let work = async {
            let mut tx = self.begin(message).await?;
            if !inbox::note(&mut tx, &self.service, &message.id).await? {
                return Ok(());
            }
            for handler in handlers {
                handler.call(&mut tx, &delivery, message.payload.clone()).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        let guarded = AssertUnwindSafe(work).catch_unwind();
        match tokio::time::timeout(HANDLER_TIMEOUT, guarded).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::internal("the handler panicked").into()),
            Err(_) => Err(Error::internal("the handler hangs").into()),
        }
    }

    async fn begin(&self, message: &Message) -> Result<TenantTx, Error> {
        match message.headers.company {
            Some(company) => self.db.begin(&Caller::system(company)).await,
            None => self.db.unscoped().await,
        }
    }

    /// A message that can't be handled goes to the dead, where a person may look at it.
    async fn give_up(&self, message: &Message, reason: &str) -> Verdict {
        tracing::error!(service = %self.service, kind = message.kind, id = message.id, reason, "a message is dead");
        if self.bus.keeps_the_dead()
            && let Err(error) = self.bury(message, reason).await
        {
            tracing::warn!(service = %self.service, %error, "a dead message can't be kept yet");
            return Verdict::Later;
        }
        Verdict::Dead
    }

    async fn bury(&self, message: &Message, reason: &str) -> Result<(), Error> {
        let mut tx = self.db.unscoped().await?;
        inbox::bury(&mut tx, &self.service, message, reason).await?;
        tx.commit().await
    }

    fn count(&self, verdict: Verdict) {
        let service = self.service.to_string();
        match verdict {
            Verdict::Done => counter!("kontor_events_consumed_total", "service" => service).increment(1),
            Verdict::Again => counter!("kontor_events_failed_total", "service" => service).increment(1),
            Verdict::Later => counter!("kontor_events_postponed_total", "service" => service).increment(1),
            Verdict::Dead => counter!("kontor_events_dead_total", "service" => service).increment(1),
        }
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("service", &self.service)
            .field("kinds", &self.handlers.keys())
            .finish_non_exhaustive()
    }
}

enum Failure {
    Undecodable,
    Handler(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Handler(error)
    }
}

/// A handler of any type of message.
trait Erased: Send + Sync {
    fn call<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        delivery: &'a Delivery,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

struct Typed<E, H> {
    handler: H,
    event: PhantomData<fn() -> E>,
}

impl<E: prost::Message + Default + 'static, H: Handle<E>> Erased for Typed<E, H> {
    fn call<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        delivery: &'a Delivery,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let event = E::decode(payload).map_err(|_| Failure::Undecodable)?;
            self.handler.handle(tx, delivery, event).await?;
            Ok(())
        }
        .boxed()
    }
}
