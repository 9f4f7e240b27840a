//! Messages between two services, with a real database and a real broker.
#![allow(clippy::unwrap_used)]

mod between;
mod breaking;
mod dead;
mod due;
mod together;
mod world;
