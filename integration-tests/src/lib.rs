//! The suite as a user sees it: real processes, a real PostgreSQL, a real RabbitMQ, and a client of the public API.
//!
//! [`suite`] starts and kills the processes, [`api`] speaks HTTP and JSON, [`rpc`] speaks gRPC by descriptor,
//! [`telemetry`] receives spans, [`database`] looks behind the curtain. The tests stand in `tests/it`, a file a theme.

pub mod api;
pub mod database;
pub mod rpc;
pub mod suite;
pub mod telemetry;
