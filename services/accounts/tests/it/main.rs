//! What accounts promises, on a real database.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod assigning;
mod conversions;
mod counting;
mod hierarchy;
mod imports;
mod merging;
mod moving;
mod plans;
mod records;
mod territories;
mod world;
