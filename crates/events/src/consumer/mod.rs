//! From the bus to a service: each message in a transaction of its own, with its note in the inbox. Facts that a service
//! only keeps up with are handled together, as many as have come.

mod handler;
mod together;

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use kontor_chassis::{Caller, Db, Error, Host, Kind, db::TenantTx};
use metrics::counter;
use prost::Name;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, Span};

pub use handler::{Delivery, Handle, HandleTogether};

use crate::{
    Bus,
    bus::Arrival,
    inbox,
    message::{DELIVERY_LIMIT, Message, Verdict},
    trace,
};
use handler::{Each, Erased, Failure, Together};

/// Messages handled at the same time by one process of a service, each by itself.
const CONCURRENCY: u16 = 8;
/// Handed out by the broker ahead of being handled.
const PREFETCH: u16 = 8 * CONCURRENCY;
/// A handler that takes longer has hung.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);
/// So long a message that needs something that is away is kept here before it goes back to its queue. The broker closes
/// the channel of a consumer that keeps one for half an hour.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The consumer of a service: which messages it hears, and what it does then.
pub struct Consumer {
    service: Arc<str>,
    db: Db,
    bus: Bus,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    permits: Arc<Semaphore>,
    handlers: HashMap<String, Handlers>,
}

/// What is done with messages of one type.
#[derive(Default)]
struct Handlers {
    /// In this order, in one transaction.
    all: Vec<Box<dyn Erased>>,
    /// Those that have come are handled together.
    together: bool,
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
            permits: Arc::new(Semaphore::new(usize::from(CONCURRENCY))),
            handlers: HashMap::new(),
        }
    }

    /// Hears messages of type `E`. Several handlers of one type work in one transaction, in this order.
    #[must_use]
    pub fn on<E: prost::Message + Name + Default + 'static>(mut self, handler: impl Handle<E>) -> Self {
        let handlers = self.handlers.entry(E::full_name()).or_default();
        handlers.all.push(Box::new(Each::<E, _>::new(handler)));
        self
    }

    /// Hears messages of type `E`, as many together as have come.
    #[must_use]
    pub fn together<E: prost::Message + Name + Default + 'static>(
        mut self,
        handler: impl HandleTogether<E>,
    ) -> Self {
        let handlers = self.handlers.entry(E::full_name()).or_default();
        handlers.all.push(Box::new(Together::<E, _>::new(handler)));
        handlers.together = true;
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
        // No more wait in it than the broker hands out.
        let (gathered, gathering) = mpsc::unbounded_channel();
        tasks.spawn(consumer.clone().gather(gathering));
        tasks.spawn(async move {
            let shutdown = consumer.shutdown.clone();
            let hear = async {
                loop {
                    let arrival = subscription.next().await;
                    if consumer.waits_for_others(arrival.message()) {
                        // Refused only when the service stops; then it comes again.
                        let _ = gathered.send(arrival);
                    } else {
                        consumer.take_alone(arrival).await;
                    }
                }
            };
            shutdown.run_until_cancelled(hear).await;
        });
    }

    /// Handles a message by itself, on a task of its own, as soon as there is room.
    async fn take_alone(self: &Arc<Self>, arrival: Arrival) {
        // The semaphore is never closed, so a permit always comes.
        let Ok(permit) = self.permits.clone().acquire_owned().await else {
            return;
        };
        let consumer = self.clone();
        self.tasks.spawn(async move {
            consumer.take(arrival).await;
            drop(permit);
        });
    }

    /// Handles a message and says what became of it.
    async fn take(&self, arrival: Arrival) {
        let span = self.span(arrival.message());
        async {
            let verdict = self.handle(arrival.message()).await;
            self.count(verdict, 1);
            if let Err(away) = arrival.settle(verdict).await {
                // It comes again, and the inbox knows it.
                tracing::debug!(service = %self.service, %away, "a message could not be settled");
            }
        }
        .instrument(span)
        .await;
    }

    fn span(&self, message: &Message) -> Span {
        let span = tracing::info_span!(
            "consume",
            otel.name = format!("consume {}", message.kind),
            otel.kind = "consumer",
            messaging.system = "kontor",
            messaging.message.id = message.id,
            service = %self.service,
        );
        trace::go_on(&span, message.headers.traceparent.as_deref());
        span
    }

    async fn handle(&self, message: &Message) -> Verdict {
        if message.id.is_empty() || message.kind.is_empty() {
            return self.give_up(message, "it has no type or no id").await;
        }
        if !self.handlers.contains_key(&message.kind) {
            return self.give_up(message, "nobody here knows its type").await;
        }
        let mut pause = FIRST_PAUSE;
        let began = tokio::time::Instant::now();
        loop {
            let error = match self.attempt(&[message]).await {
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

    /// One attempt at messages of one type and one company, in one transaction.
    async fn attempt(&self, messages: &[&Message]) -> Result<(), Failure> {
        let Some(first) = messages.first() else {
            return Ok(());
        };
        let work = async {
            let mut tx = self.begin(first).await?;
            let ids = messages.iter().map(|message| message.id.as_str()).collect();
            let mut new = inbox::note(&mut tx, &self.service, ids).await?;
            let new = messages.iter().filter(|message| new.remove(&message.id));
            let told: Vec<_> = new.map(|message| told(message)).collect();
            if told.is_empty() {
                return Ok(());
            }
            let handlers = self.handlers.get(&first.kind);
            for handler in handlers.into_iter().flat_map(|handlers| &handlers.all) {
                handler.call(&mut tx, told.clone()).await?;
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

    fn count(&self, verdict: Verdict, messages: u64) {
        let name = match verdict {
            Verdict::Done => "kontor_events_consumed_total",
            Verdict::Again => "kontor_events_failed_total",
            Verdict::Later => "kontor_events_postponed_total",
            Verdict::Dead => "kontor_events_dead_total",
        };
        counter!(name, "service" => self.service.to_string()).increment(messages);
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

fn told(message: &Message) -> (Delivery, Bytes) {
    let delivery = Delivery {
        id: message.id.clone(),
        kind: message.kind.clone(),
        headers: message.headers.clone(),
    };
    (delivery, message.payload.clone())
}
