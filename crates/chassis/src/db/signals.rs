//! What the database tells by `notify`, heard on one connection for the whole service.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Signals that a slow subscriber may be behind before it is told [`Signal::Missed`].
const BEHIND: usize = 256;
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// One thing heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The payload of a `notify`.
    Payload(Arc<str>),
    /// Some may have been missed (listening began, the connection was lost, or this subscriber was slow): look yourself.
    Missed,
}

/// The listening connection of a service. It reconnects by itself.
pub struct Signals {
    channels: Arc<Mutex<HashMap<Box<str>, broadcast::Sender<Signal>>>>,
    added: mpsc::UnboundedSender<Box<str>>,
    stop: DropGuard,
}

/// One subscriber of one channel.
pub struct Subscription(broadcast::Receiver<Signal>);

impl Subscription {
    /// Waits for the next signal. Once the service stops it never comes.
    pub async fn recv(&mut self) -> Signal {
        match self.0.recv().await {
            Ok(signal) => signal,
            Err(broadcast::error::RecvError::Lagged(_)) => Signal::Missed,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Signals {
    pub(super) fn listen(options: PgConnectOptions, schema: &str) -> Self {
        let channels = Arc::<Mutex<HashMap<_, _>>>::default();
        let (added, to_add) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let ear = Ear {
            options,
            channels: Arc::clone(&channels),
            to_add,
            service: schema.into(),
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(ear.run()));
        Self {
            channels,
            added,
            stop: stop.drop_guard(),
        }
    }

    /// Subscribes to a channel. If the database doesn't listen to it yet, the first signal is [`Signal::Missed`] as soon
    /// as it does: who subscribes, looks, and looks again at each signal misses nothing.
    #[must_use]
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.get(channel) {
            return Subscription(sender.subscribe());
        }
        let (sender, receiver) = broadcast::channel(BEHIND);
        channels.insert(channel.into(), sender);
        // Refused only after the task has ended, when nothing is heard any more anyhow.
        let _ = self.added.send(channel.into());
        Subscription(receiver)
    }

    pub(super) fn stop(&self) {
        self.stop.token().cancel();
    }
}

struct Ear {
    options: PgConnectOptions,
    channels: Arc<Mutex<HashMap<Box<str>, broadcast::Sender<Signal>>>>,
    to_add: mpsc::UnboundedReceiver<Box<str>>,
    service: Box<str>,
}

impl Ear {
    async fn run(mut self) {
        let mut waits = backoff();
        loop {
            let began = Instant::now();
            let Err(error) = self.hear().await else { return };
            if began.elapsed() > Duration::from_secs(60) {
                waits = backoff();
            }
            tracing::warn!(service = %self.service, %error, "the database can't be listened to; trying again");
            tokio::time::sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
        }
    }

    /// Connects, listens to every channel and passes on what comes, until the connection fails or nobody can subscribe
    /// any more.
    async fn hear(&mut self) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(self.options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        let mut heard_of: HashSet<Box<str>> = self.lock().keys().cloned().collect();
        for channel in &heard_of {
            listener.listen(channel).await?;
            self.tell(channel, Signal::Missed);
        }
        loop {
            tokio::select! {
                added = self.to_add.recv() => {
                    let Some(channel) = added else { return Ok(()) };
                    if !heard_of.contains(&channel) {
                        listener.listen(&channel).await?;
                        self.tell(&channel, Signal::Missed);
                        heard_of.insert(channel);
                    }
                }
                heard = listener.try_recv() => match heard? {
                    Some(heard) => self.tell(heard.channel(), Signal::Payload(heard.payload().into())),
                    // The connection was lost and is there again.
                    None => self.lock().values().for_each(|subscribers| pass(subscribers, Signal::Missed)),
                },
            }
        }
    }

    fn tell(&self, channel: &str, signal: Signal) {
        if let Some(subscribers) = self.lock().get(channel) {
            pass(subscribers, signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, broadcast::Sender<Signal>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass(subscribers: &broadcast::Sender<Signal>, signal: Signal) {
    // An error says only that nobody listens just now.
    let _ = subscribers.send(signal);
}

fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}
