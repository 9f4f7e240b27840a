//! Leads on a real database.
#![allow(clippy::unwrap_used)]

mod ageing;
mod bulk;
mod conversions;
mod imports;
mod merging;
mod plans;
mod records;
mod scopes;
mod steps;
mod territories;
mod world;
