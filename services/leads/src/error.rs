//! What leads refuses by its own rules.

use kontor_chassis as chassis;
use kontor_proto::records::v1::SagaTouch;
use kontor_records::Choice;

use crate::{conversion::ConversionState, model::LeadStatus, states::Step};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The lead's state doesn't allow the step.
    #[error("The lead is {} and can't be {}.", .state.word(), .step.verb())]
    WrongState {
        /// Where it stands.
        state: LeadStatus,
        /// What was wanted.
        step: Step,
    },
    /// No step leads from its state to another.
    #[error("The lead is {} and can't be made {}.", .state.word(), .wanted.word())]
    Unreachable {
        /// Where it stands.
        state: LeadStatus,
        /// Where it was to be.
        wanted: LeadStatus,
    },
    /// It was converted: only its description and tags may be changed.
    #[error("The lead is converted; only its description and tags can be changed.")]
    Converted,
    /// Its conversion is at work.
    #[error("The lead is converting; wait until that has ended.")]
    Converting,
    /// Nobody ever converted it.
    #[error("The lead was never converted.")]
    NeverConverted,
    /// A step of the conversion can't be done, and what it had done is taken back.
    #[error("{0}")]
    ConversionFailed(String),
    /// Its conversion, one of many, was begun and not waited for to its end.
    #[error("The lead's conversion goes on and will end by itself; ask for it later.")]
    ConversionGoesOn,
    /// Its conversion is being taken back.
    #[error("The lead's conversion is being taken back; wait until that has ended.")]
    Undoing,
    /// There is no conversion to take back.
    #[error("The lead is {} and has no conversion to take back.", .0.word())]
    NotConverted(LeadStatus),
    /// A reason is needed.
    #[error("A reason is required.")]
    ReasonRequired,
    /// A reason has 500 characters at most.
    #[error("A reason has at most 500 characters.")]
    ReasonTooLong,
    /// Seconds to wait are 0 to 30.
    #[error("Allowed is 0 to 30.")]
    WaitOutOfRange,
}

impl Error {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongState { .. } | Self::Unreachable { .. } => "wrong_state",
            Self::Converted => "lead_converted",
            Self::Converting => "lead_converting",
            Self::NeverConverted => "not_found",
            Self::ConversionFailed(_) => "conversion_failed",
            Self::ConversionGoesOn => "conversion_running",
            Self::Undoing => "lead_converting",
            Self::NotConverted(_) => "wrong_state",
            Self::ReasonRequired => "required",
            Self::ReasonTooLong => "too_long",
            Self::WaitOutOfRange => "out_of_range",
        }
    }
}

impl From<Error> for chassis::Error {
    fn from(error: Error) -> Self {
        let (code, detail) = (error.code(), error.to_string());
        match error {
            Error::WrongState { state, .. } | Error::Unreachable { state, .. } => {
                Self::conflict(code, detail).with_member("state", state.word())
            }
            Error::Converted => {
                Self::conflict(code, detail).with_member("state", LeadStatus::Converted.word())
            }
            Error::Converting | Error::ConversionGoesOn => {
                Self::conflict(code, detail).with_member("state", LeadStatus::Converting.word())
            }
            Error::NeverConverted => Self::new(chassis::Kind::NotFound, code, detail),
            Error::ConversionFailed(reason) => Self::conflict(code, detail)
                .with_member("state", "failed")
                .with_member("reason", reason),
            Error::Undoing => {
                Self::conflict(code, detail).with_member("state", ConversionState::Undoing.word())
            }
            Error::NotConverted(state) => Self::conflict(code, detail).with_member("state", state.word()),
            Error::ReasonRequired | Error::ReasonTooLong => Self::invalid_field("reason", code, detail),
            Error::WaitOutOfRange => Self::invalid_field("wait_seconds", code, detail),
        }
    }
}

/// What a conversion made was touched since: each record, and what happened to it.
#[must_use]
pub(crate) fn touched(touches: Vec<SagaTouch>) -> chassis::Error {
    let mut errors = chassis::FieldErrors::new();
    for SagaTouch {
        kind,
        id,
        name,
        reason,
    } in touches
    {
        let what = match reason.as_str() {
            "changed" => "was changed since the conversion",
            "deleted" => "was deleted since the conversion",
            _ => "is linked to what the conversion made",
        };
        let message = format!("The {kind} {name} ({id}) {what}.");
        errors.push(format!("{kind}s.{id}"), reason, message);
    }
    let detail = "What the conversion made was touched since; see the list.";
    let touched = chassis::Error::conflict("conversion_touched", detail);
    errors
        .into_vec()
        .into_iter()
        .fold(touched, chassis::Error::with_field)
}
