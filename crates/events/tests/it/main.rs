//! Messages between two services, with a real database and a real broker.

mod between;
mod breaking;
mod due;
mod world;
