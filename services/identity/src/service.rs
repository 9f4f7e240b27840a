//! What identity does. Each use-case owns its transaction: may they, begin, load, rule, save, tell, commit.

mod accept;
mod api_keys;
mod audit;
mod companies;
mod invitations;
mod login;
mod mailing;
mod members;
mod membership;
mod oidc;
mod password;
mod profile;
mod refresh;
mod register;
mod roles;
mod sessions;
mod switch;
mod throttling;
mod tokens;
mod totp;
mod verify;

use kontor_chassis::caller::Permissions;
use kontor_chassis::token::Verifier;
use kontor_chassis::{Caller, Db};
use sqlx::PgConnection;
use time::Duration;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub(crate) use accept::Acceptance;
pub(crate) use api_keys::Resolved;
pub(crate) use companies::Currencies;
pub(crate) use login::SignIn;
pub(crate) use mailing::Postman;
pub(crate) use membership::MemberChange;
pub(crate) use oidc::{Finish, Started};
pub(crate) use profile::Me;
pub(crate) use register::Registration;
pub(crate) use tokens::IssuedTokens;
pub(crate) use totp::Enrolment;

use crate::error::Error;
use crate::hashing::Hasher;
use crate::keys::Keyring;
use crate::model::company::{Company, Membership};
use crate::model::person::Person;
use crate::oidc::Relying;
use crate::store;
use crate::vault::Vault;

/// Identity with everything it works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) db: Db,
    pub(crate) keys: Keyring,
    pub(crate) hasher: Hasher,
    /// Seals secrets that must be known again.
    pub(crate) vault: Vault,
    /// Asks the companies' identity providers.
    pub(crate) relying: Relying,
    pub(crate) verifier: Verifier,
    /// How long an access token lives.
    pub(crate) token_life: Duration,
    /// Whether attempts are counted.
    pub(crate) throttles: bool,
    /// Runs what no answer has to wait for.
    pub(crate) tasks: TaskTracker,
}

/// A person who has come in.
pub(crate) struct SignedIn {
    pub(crate) person: Person,
    pub(crate) company: Company,
    pub(crate) membership: Membership,
    /// Every company the person may enter, the first joined first.
    pub(crate) memberships: Vec<Membership>,
    pub(crate) tokens: IssuedTokens,
}

/// A person at work on the own affairs, in no company: sees nothing but what is the person's own.
fn as_person(user_id: Uuid) -> Caller {
    Caller::person(
        user_id,
        Uuid::nil(),
        Uuid::nil(),
        "",
        Permissions::default(),
        None,
    )
}

/// A person at work in a company that is just being founded.
fn as_founder(user_id: Uuid, company_id: Uuid) -> Caller {
    Caller::person(user_id, company_id, Uuid::nil(), "", Permissions::default(), None)
}

/// The person behind a caller; a service of the suite is none.
fn person_of(caller: &Caller) -> Result<Uuid, Error> {
    caller.user_id().ok_or(Error::NoSession)
}

/// The session behind a caller. An API key has none: what is about the person (password, sessions, second factor) is not for
/// programs, whatever the key may do in the company.
fn session_of(caller: &Caller) -> Result<Uuid, Error> {
    match caller.api_key_id() {
        Some(_) => Err(Error::SessionNeeded),
        None => caller.session_id().ok_or(Error::NoSession),
    }
}

/// The session behind a caller, for what is the person's own in every company: not one that a company's identity provider
/// vouched for, which counts in that company alone.
async fn own_session(conn: &mut PgConnection, caller: &Caller) -> Result<Uuid, Error> {
    let (user_id, id) = (person_of(caller)?, session_of(caller)?);
    let session = store::sessions::get(conn, user_id, id)
        .await?
        .ok_or(Error::NoSession)?;
    if session.sso {
        Err(Error::SsoSession)
    } else {
        Ok(id)
    }
}

/// Refuses a change that is based on an older version. No etag is any version.
fn check_etag(given: &str, version: i64) -> Result<(), Error> {
    kontor_chassis::Error::unless_stale(given, &version.to_string()).map_err(|_| Error::Stale)
}
