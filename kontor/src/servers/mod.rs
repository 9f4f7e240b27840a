//! The servers that Kontor starts for itself: a private PostgreSQL and a private RabbitMQ.
//!
//! Both live in a folder of their own, listen on 127.0.0.1 alone, keep their ports and passwords between
//! starts, never run as root, and never outlive the process that started them: see [`guardian`].

mod account;
mod guardian;
mod passwords;
mod place;
mod ports;
mod postgres;
mod rabbitmq;

pub use account::Account;
pub use guardian::Guardian;
pub use passwords::Passwords;
pub use ports::{free_port, is_free};
pub use postgres::Postgres;
pub use rabbitmq::RabbitMq;
