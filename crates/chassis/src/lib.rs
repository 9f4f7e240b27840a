//! How a service lives: settings, telemetry, database, callers, errors, serving and shutdown.
//!
//! A service is a crate with `NAME`, `MIGRATOR` and `run(host, bus) -> Routes`. It gets a [`host::Host`] and is served by
//! [`serve`]; everything around its own rules stands here once and knows no service by name.
//!
//! Reading order: [`settings`] and [`host`] (what a process starts from), [`db`] and [`caller`] (the only way to rows),
//! [`error`] (the one table of failures), [`token`] and [`guard`] (who may call), [`idempotency`] (once), [`trial`] (not at all), [`peers`] (calling
//! others), [`serve`], [`health`], [`admin`] and [`telemetry`] (the life around it).

pub mod admin;
pub mod caller;
pub mod db;
pub mod error;
pub mod guard;
pub mod health;
pub mod host;
pub mod idempotency;
pub mod methods;
pub mod origin;
pub mod peers;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod token;
pub mod trial;

pub use caller::{Caller, Scope};
pub use db::{Db, TenantTx};
pub use error::{Error, FieldError, FieldErrors, Kind};
pub use host::Host;
pub use origin::Origin;
