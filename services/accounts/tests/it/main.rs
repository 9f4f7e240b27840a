//! What accounts promises, on a real database.

mod conversions;
mod imports;
mod records;
mod world;
