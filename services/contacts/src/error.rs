//! What contacts refuses by its own rules.

use kontor_chassis as chassis;

/// A refusal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Only a contact of an account can be its primary one.
    #[error("The contact belongs to no account, so it can't be the primary one of any.")]
    NoAccount,
    /// The contact whom the person reports to is not there, is deleted, or is the person.
    #[error("There is no such contact.")]
    UnknownSuperior,
}

impl Error {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::UnknownSuperior => "unknown_reference",
        }
    }

    /// The field that is to blame.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoAccount => "is_primary",
            Self::UnknownSuperior => "reports_to_id",
        }
    }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        let mut fields = chassis::FieldErrors::new();
        fields.push(error.field(), error.code(), error.to_string());
        fields.into_error(chassis::Kind::Refused)
    }
}
