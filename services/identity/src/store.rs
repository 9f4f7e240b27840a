//! Every line of SQL of identity, on a borrowed connection.
//!
//! People, sessions and tokens (`0001_people.sql`) are found by their own keys. Companies, roles and memberships
//! (`0002_companies.sql`) are seen only for the company and the person of the transaction.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod companies;
pub(crate) mod grants;
pub(crate) mod invitations;
mod listings;
pub(crate) mod mails;
pub(crate) mod members;
pub(crate) mod oidc;
pub(crate) mod people;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod throttles;
pub(crate) mod tokens;
pub(crate) mod totp;
