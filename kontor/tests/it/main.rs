//! The executable's own parts against real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod executable;
mod home;
mod migrate;
mod servers;
