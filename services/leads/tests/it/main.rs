//! Leads on a real database.
#![allow(clippy::unwrap_used)]

mod ageing;
mod bulk;
mod conversions;
mod imports;
mod merging;
mod plans;
#[path = "../../../../crates/records/tests/shared/plans.rs"]
mod plans_of;
mod records;
mod scopes;
mod steps;
mod territories;
mod world;
