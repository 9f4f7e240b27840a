//! People, companies, roles and sessions as plain values, and the rules on them. No clock, no database, no network.

pub(crate) mod company;
pub(crate) mod email;
pub(crate) mod fields;
pub(crate) mod password;
pub(crate) mod permission;
pub(crate) mod person;
pub(crate) mod session;
