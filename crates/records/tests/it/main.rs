//! What this crate promises, on a kind of record with every kind of field and a real database.

mod lead;
mod listing;
mod world;
mod writing;
