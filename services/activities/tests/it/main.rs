//! What activities promises.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod search;
