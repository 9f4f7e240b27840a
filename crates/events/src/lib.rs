//! How a fact leaves a service and enters another.
//!
//! A use-case writes what it has to tell into its own [`outbox`] in the transaction that makes it true. The [`Relay`]
//! hands those rows to the [`Bus`] and deletes what the bus has taken. A [`Consumer`] of another service takes the
//! message, notes it in its inbox in the transaction of its effect, and only then acknowledges. So a fact is told
//! at least once, and its effect is there once.
//!
//! The bus is RabbitMQ (topic exchange `kontor.events`, one quorum queue a service) or, in one process, a hand-over to
//! the other service's consumer that counts as taken when its transaction is committed. [`timers`] are things that a
//! service owes itself at a time; they need no bus.
//!
//! # How to tell something
//! Write a message into the service's `*_events.proto`, make an [`Outgoing`] of it, and give it to [`outbox::put`] with
//! the transaction that makes it true.
//!
//! # How to hear something
//! Implement [`Handle`] for the message (or [`HandleTogether`], when the service only keeps up with what others do), name it
//! in the service's [`Consumer`], and among what the service is said to hear ([`Bus::announce`]), so that its queue is there
//! before anything is told.

mod amqp;
mod audience;
mod bus;
mod consumer;
mod dead;
mod in_process;
mod inbox;
mod message;
pub mod outbox;
mod outgoing;
mod relay;
pub mod timers;
mod trace;

pub use bus::{Bus, BusError};
pub use consumer::{Consumer, Delivery, Handle, HandleTogether};
pub use dead::{DeadLetter, DeadLetters};
pub use outgoing::{Headers, Outgoing, name_of};
pub use relay::Relay;

/// The tables of this crate, for the schema of one service: run with that schema as the `search_path`.
///
/// They keep their own list of what was run, `_events_migrations`, beside the service's.
#[must_use]
pub fn migrator() -> sqlx::migrate::Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("_events_migrations");
    migrator
}
