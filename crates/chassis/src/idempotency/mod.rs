//! `Idempotency-Key`: a request that comes again is answered as the first time, and its work is done once.
//!
//! The key is a row (table `idempotency`, see [`migrator`]) that the use-case's own transaction writes, without the
//! use-case knowing: the layer [`Idempotent`] gives the caller a [`Ticket`](ticket::Ticket), by which
//! [`Db::begin`](crate::Db::begin) claims the key and [`TenantTx::commit`](crate::TenantTx::commit) leaves the
//! transaction open until the answer is written into it. So work and answer are there together or not at all:
//!
//! - two at the same moment, also at two replicas: the second waits at the unique index until the first has committed, and
//!   is answered as the first;
//! - a crash before the commit takes the key with the work, and the next try does both;
//! - a crash after it leaves both.
//!
//! A use-case that goes on after its commit (it waits for other services, or works in the background) says so by
//! [`TenantTx::commit_midway`](crate::TenantTx::commit_midway), with what is to be answered should this process die
//! before the end.
//!
//! Without a key a request passes untouched. So does one without a user: public rpcs and services.

mod answer;
mod body;
mod layer;
mod store;
pub(crate) mod ticket;

pub use answer::Interim;
pub use layer::Idempotent;

/// The metadata of a request that names its key.
pub const KEY: &str = "idempotency-key";
/// The metadata of an answer that was given before.
pub const REPLAYED: &str = "idempotency-replayed";

/// The table of kept answers, for the schema of one service: run with that schema as the `search_path`.
///
/// It keeps its own list of what was run, `_chassis_migrations`, beside the service's.
#[must_use]
pub fn migrator() -> sqlx::migrate::Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("_chassis_migrations");
    migrator
}
