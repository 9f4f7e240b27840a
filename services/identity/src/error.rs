//! What can go wrong in identity, each with the word and the status a client sees.

use kontor_chassis::{Error as Failure, FieldError, Kind};
use time::Duration;

use crate::hashing::HashError;
use crate::keys::KeyError;
use crate::oidc::OidcError;

/// Why a use-case did not do it.
#[derive(Debug)]
pub(crate) enum Error {
    /// Another person has this address.
    EmailTaken,
    /// Wrong address or password; which of the two is not said.
    InvalidCredentials,
    /// The person is not, or no longer, a member of the company asked for.
    NotAMember,
    /// There is no such thing, or it is another company's: the resource's word.
    NotFound(&'static str),
    /// The etag given is not the present one.
    Stale,
    /// The refresh token is unknown, or its session is over.
    InvalidToken,
    /// The refresh token was traded a moment ago.
    TokenRotated,
    /// The refresh token was traded long ago: the session has been ended.
    TokenReused,
    /// The token of a mail is unknown, spent or expired.
    InvalidMailToken,
    /// Tried too often; to be tried again after this time.
    TooMany(Duration),
    /// Who is invited is a member already.
    AlreadyMember,
    /// The invitation was sent to another address than the caller's.
    OtherRecipient,
    /// The invitation was sent to somebody who has an account, and the caller is not signed in.
    SignInFirst,
    /// The company would be left without an admin.
    LastAdmin,
    /// The rpc needs a session, and the caller has none.
    NoSession,
    /// The rpc is about the person, and the caller is a program with an API key.
    SessionNeeded,
    /// The address is not proved yet, which this needs.
    EmailNotVerified,
    /// The company has a role of that name.
    RoleExists,
    /// The role is part of the product.
    BuiltInRole,
    /// Somebody holds the role, or was invited with it.
    RoleInUse,
    /// The person has a second factor, and no code came.
    TotpRequired,
    /// The code is wrong, was used before, or is of another time.
    InvalidTotpCode,
    /// The person has a second factor already.
    TotpEnabled,
    /// There is no secret that a code could confirm.
    TotpNotEnrolled,
    /// The password that proves who asks is wrong: the field.
    WrongPassword(&'static str),
    /// The attempt to sign in with a provider is unknown, over, or another client's.
    InvalidAttempt,
    /// The provider has not proved an address of its domains.
    DomainNotAllowed,
    /// The company is entered through its identity provider alone.
    SsoRequired,
    /// A company's identity provider vouched for the session, which is for that company alone.
    SsoSession,
    /// The identity provider was of no help.
    Oidc(OidcError),
    /// A password could not be hashed.
    Hashing(HashError),
    /// A token could not be signed.
    Signing(KeyError),
    /// The request, the database, or anything else that is not identity's own.
    Other(Failure),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::EmailTaken => {
                Self::exists("email_taken", "Somebody has registered with this address.").with_field(taken())
            }
            Error::InvalidCredentials => {
                Self::unauthenticated("invalid_credentials", "The address or the password is wrong.")
            }
            Error::NotAMember => Self::new(
                Kind::Forbidden,
                "not_a_member",
                "You are no member of this company.",
            ),
            Error::NotFound(what) => Self::not_found(what),
            Error::Stale => Self::stale(),
            Error::InvalidToken => {
                Self::unauthenticated("invalid_token", "The session is over; sign in again.")
            }
            Error::TokenRotated => Self::unauthenticated(
                "token_rotated",
                "The token was just traded by another request; use the new one.",
            ),
            Error::TokenReused => Self::unauthenticated(
                "token_reused",
                "The token was used before, so the session has been ended; sign in again.",
            ),
            Error::InvalidMailToken => {
                Self::invalid_field("token", "invalid_token", "The link is unknown, used or expired.")
            }
            Error::TooMany(wait) => Self::too_many(wait.try_into().unwrap_or_default()),
            Error::AlreadyMember => Self::exists("already_member", "This person is a member already."),
            Error::OtherRecipient => Self::new(
                Kind::Forbidden,
                "other_recipient",
                "The invitation was sent to another address than yours.",
            ),
            Error::SignInFirst => Self::unauthenticated(
                "sign_in_first",
                "There is an account with this address: sign in, then accept.",
            ),
            Error::LastAdmin => Self::conflict("last_admin", "A company has at least one active admin."),
            Error::NoSession => Self::unauthenticated("unauthenticated", "Sign in first."),
            Error::SessionNeeded => Self::new(
                Kind::Forbidden,
                "session_required",
                "An API key is no person: sign in to do this.",
            ),
            Error::EmailNotVerified => Self::new(
                Kind::Forbidden,
                "email_not_verified",
                "Prove your address by the link of the mail first.",
            ),
            Error::RoleExists => {
                let message = "The company has a role of this name.";
                Self::exists("role_exists", message).with_field(FieldError {
                    field: "name".into(),
                    code: "role_exists".into(),
                    message: message.into(),
                    position: None,
                })
            }
            Error::BuiltInRole => Self::conflict(
                "built_in_role",
                "This role is part of the product: make one of your own beside it.",
            ),
            Error::RoleInUse => Self::conflict(
                "role_in_use",
                "Members hold this role, or were invited with it: give them another one first.",
            ),
            Error::TotpRequired => Self::unauthenticated(
                "totp_required",
                "Signing in takes a code of your authenticator too.",
            ),
            Error::InvalidTotpCode => Self::unauthenticated(
                "invalid_totp_code",
                "The code is wrong, was used before, or is of another time.",
            ),
            Error::TotpEnabled => Self::conflict(
                "totp_enabled",
                "A second factor is in force: switch it off first.",
            ),
            Error::TotpNotEnrolled => Self::conflict(
                "totp_not_enrolled",
                "There is nothing to confirm: ask for a secret first.",
            ),
            Error::WrongPassword(field) => {
                Self::invalid_field(field, "wrong_password", "This is not your password.")
            }
            Error::InvalidAttempt => Self::invalid_field(
                "attempt",
                "invalid_token",
                "This attempt to sign in is unknown, over, or another client's: begin again.",
            ),
            Error::DomainNotAllowed => Self::new(
                Kind::Forbidden,
                "domain_not_allowed",
                "The identity provider has not proved an address of its domains.",
            ),
            Error::SsoRequired => Self::new(
                Kind::Forbidden,
                "sso_required",
                "This company is entered through its identity provider.",
            ),
            Error::SsoSession => Self::new(
                Kind::Forbidden,
                "sso_session",
                "Your company's identity provider signed you in, for that company alone: sign in with your password to do this.",
            ),
            Error::Oidc(failed @ OidcError::Unavailable(_)) => Self::new(
                Kind::Unavailable,
                "identity_provider_unavailable",
                "The company's identity provider can't be reached just now.",
            )
            .with_source(failed),
            Error::Oidc(failed @ OidcError::Refused(_)) => {
                Self::unauthenticated("oidc_refused", "The identity provider does not vouch for you.")
                    .with_source(failed)
            }
            Error::Hashing(busy @ HashError::Busy) => Self::unavailable("the sign-in").with_source(busy),
            Error::Hashing(failed @ HashError::Failed(_)) => Self::internal(failed),
            Error::Signing(failed) => Self::internal(failed),
            Error::Other(failure) => failure,
        }
    }
}

fn taken() -> FieldError {
    FieldError {
        field: "email".into(),
        code: "email_taken".into(),
        message: "Somebody has registered with this address.".into(),
        position: None,
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self::Hashing(error)
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::Signing(error)
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
