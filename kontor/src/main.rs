//! Kontor.
fn main() {}
