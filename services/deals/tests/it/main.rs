//! What deals promises, on a real database.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod board;
mod conversions;
mod following;
mod forecast;
mod imports;
mod pipelines;
mod plans;
mod records;
mod removing;
mod stages;
mod world;
