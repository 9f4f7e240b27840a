//! Identity as its clients see it: over gRPC, with a guard before it and a real PostgreSQL behind it.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod api_keys;
mod attacks;
mod audit;
mod companies;
mod ending;
mod members;
mod oidc;
mod permissions;
mod profile;
mod provider;
mod refreshing;
mod registering;
mod roles;
mod signing_in;
mod staff;
mod tenancy;
mod totp;
mod world;
