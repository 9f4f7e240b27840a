//! What must be there in the broker. Declaring what is there changes nothing.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::message::DELIVERY_LIMIT;

/// The exchange to which everything is told, by full protobuf name.
pub(super) const EXCHANGE: &str = "kontor.events";

/// The queue of a service.
pub(super) fn queue(service: &str) -> String {
    format!("{service}.events")
}

/// The queue of its dead messages.
pub(super) fn dead_queue(service: &str) -> String {
    format!("{}.dead", queue(service))
}

pub(super) async fn declare_exchange(channel: &Channel) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        )
        .await
}

/// The queue of a service with its dead-letter queue, bound to types of messages.
pub(super) async fn declare_queue(channel: &Channel, service: &str, kinds: &[String]) -> lapin::Result<()> {
    let name = queue(service);
    let dead = dead_queue(service);
    channel
        .queue_declare(
            dead.as_str().into(),
            QueueDeclareOptions::durable(),
            dead_arguments(),
        )
        .await?;
    channel
        .queue_declare(
            name.as_str().into(),
            QueueDeclareOptions::durable(),
            arguments(&dead),
        )
        .await?;
    for kind in kinds {
        channel
            .queue_bind(
                name.as_str().into(),
                EXCHANGE.into(),
                kind.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}

/// A replicated queue that gives up a message after so many deliveries and loses it on no way: at-least-once
/// dead-lettering needs `reject-publish`.
fn arguments(dead: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongInt(DELIVERY_LIMIT.cast_signed()),
    );
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(dead));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn dead_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
