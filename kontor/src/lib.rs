//! The one executable of the suite, as a library: what the command line does, and the private servers that
//! the integration tests start the same way.

pub mod migrate;
pub mod servers;
