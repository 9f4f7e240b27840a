//! RabbitMQ: a topic exchange for all, a quorum queue for each consuming service, and one for its dead messages.

mod dead;
mod envelope;
mod link;
mod publish;
mod subscribe;
mod topology;

pub(crate) use link::Amqp;
pub(crate) use subscribe::{AmqpArrival, AmqpSubscription};
