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
    /// A stage that is left out holds deals, and nobody said where they go.
    #[error("The stage {stage} holds {deals} deals: say in move_deals where they go.")]
    StageInUse {
        /// Its name.
        stage: String,
        /// How many.
        deals: i64,
    },
    /// A pipeline that is to be deleted holds deals.
    #[error("The pipeline holds {0} deals.")]
    PipelineInUse(i64),
    /// New deals come into the default pipeline, so a company is never without one.
    #[error("This is the default pipeline: make another one the default first.")]
    DefaultPipeline,
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
            Self::StageInUse { .. } => "stage_in_use",
            Self::PipelineInUse(_) => "pipeline_in_use",
            Self::DefaultPipeline => "default_pipeline",
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
            Self::WrongState(_)
            | Self::StageInUse { .. }
            | Self::PipelineInUse(_)
            | Self::DefaultPipeline => None,
        }
    }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::UnknownPipeline | Error::UnknownStage | Error::UnknownNeighbour => chassis::Kind::Refused,
            Error::WrongState(_)
            | Error::StageInUse { .. }
            | Error::PipelineInUse(_)
            | Error::DefaultPipeline => chassis::Kind::Conflict,
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

/// What it means when a constraint of the table of deals refuses.
#[must_use]
pub fn of_constraint(constraint: &str) -> Option<chassis::Error> {
    match constraint {
        // The stage was removed between the look at it and the deal's coming into it.
        "deals_stage_fk" => Some(Error::UnknownStage.into()),
        _ => None,
    }
}
