//! What the tests of a service stand on.
//!
//! A [`Database`] lives as long as the test process; in it, each test has a company of its own, seen by a [`Member`] who works
//! there. [`neighbours`] are other services that answer in the same process, [`plans`] how PostgreSQL goes about lists.
//!
//! Only tests depend on this crate.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod database;
mod files;
mod member;
pub mod neighbours;
pub mod plans;

pub use database::Database;
pub use files::import;
pub use member::Member;

use kontor_chassis::Error;
use tonic::{Response, Status};

/// The answer of an rpc, or the error behind its status.
///
/// # Errors
/// As the rpc fails.
pub fn answer<T>(result: Result<Response<T>, Status>) -> Result<T, Error> {
    result.map(Response::into_inner).map_err(Error::from)
}

/// Field and code of every bad field, in their order.
#[must_use]
pub fn fields(error: &Error) -> Vec<(&str, &str)> {
    error
        .fields()
        .iter()
        .map(|field| (field.field.as_ref(), field.code.as_ref()))
        .collect()
}
