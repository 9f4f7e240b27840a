//! JSON and protobuf's wire format, straight from one to the other.

pub mod answer;
pub mod body;
pub mod number;
pub mod scalar;
pub mod scan;
pub mod text;

#[cfg(test)]
mod tests;
