//! What accounts refuses by its own rules.

use kontor_chassis as chassis;

/// A refusal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The account would be above itself.
    #[error("An account can't belong to itself or to one below it.")]
    ParentLoop,
    /// The territory would be above itself.
    #[error("A territory can't be part of itself or of one that is part of it.")]
    TerritoryLoop,
}

impl Error {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ParentLoop | Self::TerritoryLoop => "parent_loop",
        }
    }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::ParentLoop | Error::TerritoryLoop => {
                let mut fields = chassis::FieldErrors::new();
                fields.push("parent_id", error.code(), error.to_string());
                fields.into_error(chassis::Kind::Refused)
            }
        }
    }
}
