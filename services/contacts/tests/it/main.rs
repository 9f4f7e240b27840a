//! What contacts promises, on a real database.

mod conversions;
mod primary;
mod records;
mod world;
