//! What contacts promises, on a real database.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod accounts;
mod conversions;
mod following;
mod imports;
mod merging;
mod plans;
mod primary;
mod records;
mod world;
