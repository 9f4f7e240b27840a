//! Identity as its clients see it: over gRPC, with a guard before it and a real PostgreSQL behind it.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod api_keys;
mod attacks;
mod audit;
mod companies;
mod currencies;
mod ending;
mod enumerating;
mod inviting;
mod leaving;
mod listing;
mod mailing;
mod members;
mod oidc;
mod passwords;
mod permissions;
mod profile;
mod provider;
mod refreshing;
mod registering;
mod roles;
mod signing_in;
mod smtp;
mod staff;
mod tenancy;
mod throttling;
mod totp;
mod world;
