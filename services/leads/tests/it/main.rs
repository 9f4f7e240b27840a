//! Leads on a real database.

mod ageing;
mod conversions;
mod imports;
mod records;
mod steps;
mod world;
