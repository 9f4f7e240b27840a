//! The chassis against a real database, real sockets and a small identity of the test's own.

#![allow(clippy::unwrap_used, missing_docs)]

mod attacks;
mod database;
mod exported;
mod guarded;
mod idempotency;
mod identity;
mod postgres;
mod round_trips;
mod served;
mod sessions;
mod signals;
mod within;
