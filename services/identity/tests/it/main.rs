//! Identity as its clients see it: over gRPC, with a guard before it and a real PostgreSQL behind it.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod companies;
mod ending;
mod members;
mod profile;
mod refreshing;
mod registering;
mod signing_in;
mod tenancy;
mod world;
