//! The gateway as a client sees it.

#![allow(clippy::unwrap_used)] // what fails here fails its test

mod requests;
mod transfers;
mod world;
