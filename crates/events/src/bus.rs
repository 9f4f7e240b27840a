//! Where messages go: RabbitMQ, or the other consumers of this process.

use std::sync::Arc;

use crate::{
    amqp::{Amqp, AmqpArrival, AmqpSubscription},
    audience::Audience,
    in_process::{InProcess, InProcessArrival, InProcessSubscription},
    message::{Fate, Message, Verdict},
};

/// A way for messages between services. Clones share its connections.
///
/// A broker that is away is waited for: nothing here fails because of it, messages stay in the outbox.
#[derive(Clone)]
pub struct Bus {
    transport: Transport,
}

#[derive(Clone)]
enum Transport {
    Amqp(Arc<Amqp>),
    InProcess(Arc<InProcess>),
}

/// Why a bus can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The setting is neither `in-process` nor an AMQP address.
    #[error("`{0}` is neither `in-process` nor an address like `amqp://user:password@host:5672/%2f`")]
    Address(String),
}

/// The bus can't be reached now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Away(pub(crate) String);

impl Bus {
    /// The bus of a setting: `in-process`, or `amqp://…` and `amqps://…`. It connects when it is first used.
    ///
    /// # Errors
    /// When the setting is neither.
    pub fn connect(address: &str) -> Result<Self, BusError> {
        if address == "in-process" {
            return Ok(Self {
                transport: Transport::InProcess(Arc::default()),
            });
        }
        // The address holds a password: an error must not repeat it.
        let shown = address.split("://").next().unwrap_or_default().to_owned();
        if !address.starts_with("amqp://") && !address.starts_with("amqps://") {
            return Err(BusError::Address(format!("{shown}…")));
        }
        let amqp = Amqp::new(address).map_err(|_| BusError::Address(format!("{shown}://…")))?;
        Ok(Self {
            transport: Transport::Amqp(Arc::new(amqp)),
        })
    }

    /// Says which types of messages a service hears, whether it runs already or not. From then on nothing of these types is
    /// told before the service's queue is there to keep it. To be said of every service before the first [`Relay`] runs.
    ///
    /// [`Relay`]: crate::Relay
    pub fn announce(&self, service: &str, kinds: Vec<String>) {
        self.audience().add(service, kinds);
    }

    /// Who hears what.
    pub(crate) fn audience(&self) -> &Audience {
        match &self.transport {
            Transport::Amqp(amqp) => &amqp.audience,
            Transport::InProcess(hub) => &hub.audience,
        }
    }

    /// Whether messages can go out now; for readiness.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match &self.transport {
            Transport::Amqp(amqp) => amqp.is_up(),
            Transport::InProcess(_) => true,
        }
    }

    /// Tries to reach the broker once, for `doctor` and for readiness.
    ///
    /// # Errors
    /// A sentence that says why it can't be reached, without the password.
    pub async fn check(&self) -> Result<(), String> {
        match &self.transport {
            Transport::Amqp(amqp) => amqp.check().await.map_err(|away| away.0),
            Transport::InProcess(_) => Ok(()),
        }
    }

    /// The first dead messages of a service with the broker, each with the reason.
    pub(crate) async fn dead(&self, service: &str, limit: usize) -> Result<Vec<(Message, String)>, Away> {
        match &self.transport {
            Transport::Amqp(amqp) => amqp.dead(service, limit).await,
            Transport::InProcess(_) => Ok(Vec::new()),
        }
    }

    /// Has the broker deliver a dead message of a service again; true when there is one of this id.
    pub(crate) async fn retry_dead(&self, service: &str, id: &str) -> Result<bool, Away> {
        match &self.transport {
            Transport::Amqp(amqp) => amqp.retry_dead(service, id).await,
            Transport::InProcess(_) => Ok(false),
        }
    }

    /// Whether dead messages are this process's to keep.
    pub(crate) fn keeps_the_dead(&self) -> bool {
        matches!(self.transport, Transport::InProcess(_))
    }

    /// Gives messages to the bus and waits until it says of each what became of it.
    pub(crate) async fn publish(&self, messages: &[Message]) -> Result<Vec<Fate>, Away> {
        match &self.transport {
            Transport::Amqp(amqp) => amqp.publish(messages).await,
            Transport::InProcess(hub) => Ok(hub.publish(messages).await),
        }
    }

    /// Binds the queue of a service to types of messages.
    pub(crate) fn subscribe(&self, service: &str, kinds: Vec<String>, prefetch: u16) -> Subscription {
        match &self.transport {
            Transport::Amqp(amqp) => Subscription::Amqp(Box::new(AmqpSubscription::new(
                amqp.clone(),
                service,
                kinds,
                prefetch,
            ))),
            Transport::InProcess(hub) => Subscription::InProcess(hub.subscribe(service, kinds, prefetch)),
        }
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.transport {
            Transport::Amqp(_) => "Bus(amqp)",
            Transport::InProcess(_) => "Bus(in-process)",
        })
    }
}

/// The messages that come to one service.
pub(crate) enum Subscription {
    Amqp(Box<AmqpSubscription>),
    InProcess(InProcessSubscription),
}

impl Subscription {
    /// The next message; waits for it, and for the broker when that is away.
    pub(crate) async fn next(&mut self) -> Arrival {
        match self {
            Self::Amqp(subscription) => Arrival::Amqp(Box::new(subscription.next().await)),
            Self::InProcess(subscription) => Arrival::InProcess(Box::new(subscription.next().await)),
        }
    }
}

/// A message that came, and the way to say what became of it. Dropped without a verdict it comes again.
pub(crate) enum Arrival {
    Amqp(Box<AmqpArrival>),
    InProcess(Box<InProcessArrival>),
}

impl Arrival {
    /// What came.
    pub(crate) fn message(&self) -> &Message {
        match self {
            Self::Amqp(arrival) => &arrival.message,
            Self::InProcess(arrival) => &arrival.message,
        }
    }

    /// Says what became of it.
    pub(crate) async fn settle(self, verdict: Verdict) -> Result<(), Away> {
        match self {
            Self::Amqp(arrival) => arrival.settle(verdict).await,
            Self::InProcess(arrival) => {
                arrival.settle(verdict);
                Ok(())
            }
        }
    }
}

/// Says of messages of one subscription that their effect is committed.
pub(crate) async fn settle_done(arrivals: Vec<Arrival>) -> Result<(), Away> {
    let mut over_the_broker = Vec::new();
    for arrival in arrivals {
        match arrival {
            Arrival::Amqp(arrival) => over_the_broker.push(*arrival),
            Arrival::InProcess(arrival) => arrival.settle(Verdict::Done),
        }
    }
    AmqpArrival::settle_done(over_the_broker).await
}
