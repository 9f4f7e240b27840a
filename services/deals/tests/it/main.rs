//! What deals promises, on a real database.

mod board;
mod conversions;
mod records;
mod world;
