//! People, companies, roles and sessions as plain values, and the rules on them. No clock, no database, no network.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod company;
pub(crate) mod email;
pub(crate) mod fields;
pub(crate) mod invitation;
pub(crate) mod letter;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod permission;
pub(crate) mod person;
pub(crate) mod role;
pub(crate) mod session;
pub(crate) mod throttle;
pub(crate) mod totp;
