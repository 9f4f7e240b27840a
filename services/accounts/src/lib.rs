//! The service accounts.

pub mod matching;
