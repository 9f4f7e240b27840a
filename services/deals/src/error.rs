//! What deals refuses by its own rules.

use kontor_chassis as chassis;

use crate::model::DealStatus;

/// A refusal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The pipeline is not there.
    #[error("There is no such pipeline.")]
    UnknownPipeline,
    /// The stage is not there, or is another pipeline's.
    #[error("There is no such stage in the pipeline.")]
    UnknownStage,
    /// The card that another is to be put behind is not in the stage.
    #[error("There is no such open deal in the stage.")]
    UnknownNeighbour,
    /// The deal's status doesn't allow the step.
    #[error("The deal is {}.", kontor_records::Choice::word(*.0))]
    WrongState(DealStatus),
    /// A deal is lost for a reason of 1 to 500 characters.
    #[error("A reason of 1 to 500 characters is required.")]
    ReasonRequired,
}

impl Error {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownPipeline | Self::UnknownStage | Self::UnknownNeighbour => "unknown_reference",
            Self::WrongState(_) => "wrong_state",
            Self::ReasonRequired => "required",
        }
    }

    /// The field that is to blame; none when the whole is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::UnknownPipeline => Some("pipeline_id"),
            Self::UnknownStage => Some("stage_id"),
            Self::UnknownNeighbour => Some("after_id"),
            Self::ReasonRequired => Some("reason"),
            Self::WrongState(_) => None,
        }
    }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::UnknownPipeline | Error::UnknownStage | Error::UnknownNeighbour => chassis::Kind::Refused,
            Error::WrongState(_) => chassis::Kind::Conflict,
            Error::ReasonRequired => chassis::Kind::Invalid,
        };
        match error.field() {
            Some(field) => {
                let mut fields = chassis::FieldErrors::new();
                fields.push(field, error.code(), error.to_string());
                fields.into_error(kind)
            }
            None => Self::new(kind, error.code(), error.to_string()),
        }
    }
}
