//! Where a lead stands, and the steps it may take from there. Pure.
//!
//! `new → working → qualified → converting → converted`; `disqualified` is reached from the first three and left to
//! `working`.

use crate::model::LeadStatus;

/// A step that somebody wants a lead to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody begins to work on it.
    Start,
    /// It is worth a deal.
    Qualify,
    /// It is not worth one.
    Disqualify,
    /// It was disqualified, and may be worth one after all.
    Reopen,
    /// It becomes an account, a contact and a deal.
    Convert,
}

impl Step {
    /// What is done to the lead, as its history tells it.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Qualify => "qualified",
            Self::Disqualify => "disqualified",
            Self::Reopen => "reopened",
            Self::Convert => "converting",
        }
    }

    /// The verb, for the sentence that refuses it.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Qualify => "qualified",
            Self::Disqualify => "disqualified",
            Self::Reopen => "reopened",
            Self::Convert => "converted",
        }
    }
}

/// Where a step leads from a state; none when the state doesn't allow it.
#[must_use]
pub fn after(state: LeadStatus, step: Step) -> Option<LeadStatus> {
    use LeadStatus::{Converted, Converting, Disqualified, New, Qualified, Working};
    match (step, state) {
        (Step::Start, New) => Some(Working),
        (Step::Qualify, New | Working) => Some(Qualified),
        (Step::Disqualify, New | Working | Qualified) => Some(Disqualified),
        (Step::Reopen, Disqualified) => Some(Working),
        (Step::Convert, New | Working | Qualified) => Some(Converting),
        (Step::Start, Working | Qualified | Disqualified | Converting | Converted)
        | (Step::Qualify, Qualified | Disqualified | Converting | Converted)
        | (Step::Disqualify, Disqualified | Converting | Converted)
        | (Step::Reopen, New | Working | Qualified | Converting | Converted)
        | (Step::Convert, Disqualified | Converting | Converted) => None,
    }
}

/// What may be edited of a lead in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Editable {
    /// Every field that is the user's.
    All,
    /// Its description and tags: the rest lives on in what it became.
    DescriptionAndTags,
    /// Nothing, until its conversion ends.
    Nothing,
}

/// What may be edited of a lead in this state.
#[must_use]
pub fn editable(state: LeadStatus) -> Editable {
    match state {
        LeadStatus::New | LeadStatus::Working | LeadStatus::Qualified | LeadStatus::Disqualified => {
            Editable::All
        }
        LeadStatus::Converting => Editable::Nothing,
        LeadStatus::Converted => Editable::DescriptionAndTags,
    }
}

#[cfg(test)]
mod tests {
    use LeadStatus::{Converted, Converting, Disqualified, New, Qualified, Working};

    use super::*;

    const STATES: [LeadStatus; 6] = [New, Working, Qualified, Disqualified, Converting, Converted];

    fn allowed(step: Step) -> Vec<(LeadStatus, LeadStatus)> {
        STATES
            .iter()
            .filter_map(|state| after(*state, step).map(|next| (*state, next)))
            .collect()
    }

    #[test]
    fn only_a_new_lead_is_started() {
        assert_eq!(allowed(Step::Start), [(New, Working)]);
    }

    #[test]
    fn a_new_or_working_lead_is_qualified() {
        assert_eq!(allowed(Step::Qualify), [(New, Qualified), (Working, Qualified)]);
    }

    #[test]
    fn an_open_lead_is_disqualified() {
        let steps = [
            (New, Disqualified),
            (Working, Disqualified),
            (Qualified, Disqualified),
        ];
        assert_eq!(allowed(Step::Disqualify), steps);
    }

    #[test]
    fn only_a_disqualified_lead_is_reopened() {
        assert_eq!(allowed(Step::Reopen), [(Disqualified, Working)]);
    }

    #[test]
    fn any_lead_converts_but_a_disqualified_converting_or_converted_one() {
        assert_eq!(
            allowed(Step::Convert),
            [(New, Converting), (Working, Converting), (Qualified, Converting)]
        );
    }

    #[test]
    fn a_converted_lead_keeps_its_description_and_tags_open() {
        assert_eq!(editable(Converted), Editable::DescriptionAndTags);
        assert_eq!(editable(Converting), Editable::Nothing);
    }
}
