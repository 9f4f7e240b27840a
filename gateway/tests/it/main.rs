//! The gateway as a client sees it.

#![allow(clippy::unwrap_used)] // what fails here fails its test

mod arbitrary;
mod every_message;
mod requests;
mod transfers;
mod world;
