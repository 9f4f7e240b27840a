//! Who a bearer token stands for.
//!
//! Identity signs the tokens of people (EdDSA, keys by JWKS) and tells which sessions ended before their tokens expire;
//! what an API key of a program may do, services ask identity and remember for moments ([`ApiKey`]); services prove
//! themselves to one another with a key that all of them can read ([`ServiceKey`]). Every service verifies for itself: see
//! [`Verifier`].

mod api_key;
mod key_file;
mod keys;
mod service_key;
mod verifier;
mod watch;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use api_key::ApiKey;
pub use key_file::key_file;
pub use service_key::ServiceKey;
pub use verifier::Verifier;

/// Who issues every token.
pub const ISSUER: &str = "kontor";

/// The claims of a person's access token. Identity writes them, everyone else reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Always [`ISSUER`].
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The company.
    pub company: Uuid,
    /// The session.
    pub sid: Uuid,
    /// The name of the role.
    pub role: String,
    /// `resource:action:scope`, the scope `all` when left out.
    pub permissions: Vec<String>,
    /// By which grant of the company they are held; another one follows when they change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Uuid>,
    /// Issued at, Unix seconds.
    pub iat: i64,
    /// Counts until, Unix seconds.
    pub exp: i64,
}

/// The claims of a service's own token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceClaims {
    pub(crate) iss: String,
    /// The service.
    pub(crate) svc: String,
    /// The company it works for, if for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) company: Option<Uuid>,
    pub(crate) exp: i64,
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}
