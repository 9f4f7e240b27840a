//! What every kind of record can do: list, filter, search, page, patch, import, export, change many at once.
//!
//! A service describes its kind once with [`record!`]; everything here is driven by that description.
//!
//! Reading order: [`leaf`] and [`description`] (what is known of a field and of a kind), `macros` (how it is said),
//! [`cell`], [`field`] and [`wire`] (Rust types to columns and to the contract), [`admit`] and `input` (judging what comes
//! in), [`fields`] (what a company defines itself), [`write`](mod@write) (one statement that saves, remembers and tells),
//! [`query`] and [`filter`] (lists), [`keep`] (the use-cases that every kind has), [`refs`] (records of other services), [`handover`], [`history`], [`stats`], [`views`],
//! [`territories`], [`setup`] (what is told of settings), [`saga`] (taking part in what another service conducts),
//! [`duplicates`] and [`merge`] (when two are one), [`names`].

pub mod admit;
pub mod bulk;
pub mod cell;
pub mod description;
pub mod duplicates;
pub mod field;
pub mod fields;
pub mod filter;
pub mod fold;
pub mod handover;
pub mod history;
pub mod implied;
mod input;
mod json;
pub mod keep;
pub mod leaf;
mod macros;
pub mod merge;
pub mod names;
pub mod query;
pub mod record;
pub mod refs;
pub mod saga;
pub mod setup;
pub mod stats;
pub mod territories;
pub mod transfer;
pub mod value;
pub mod views;
pub mod wire;
pub mod write;

pub use cell::{Choice, CustomFields};
pub use description::Description;
pub use field::{Address, Money};
pub use leaf::{Kind as LeafKind, Leaf};
pub use record::Record;
pub use value::Value;

/// What the macros name, so that a service need not depend on it by itself.
#[doc(hidden)]
pub mod export {
    pub use kontor_chassis::Caller;
    pub use kontor_proto::google::api::HttpBody;
    pub use kontor_proto::records::v1::{RecordChange, Reference};
    pub use sqlx;
    pub use sqlx::postgres::PgRow;
    pub use time::OffsetDateTime;
    pub use tonic;
    pub use uuid::Uuid;
}

/// The tables of this crate, for the schema of one service: run with that schema as the `search_path`.
///
/// They keep their own list of what was run, `_records_migrations`, beside the service's.
#[must_use]
pub fn migrator() -> sqlx::migrate::Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name("_records_migrations");
    migrator
}
