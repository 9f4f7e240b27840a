//! The conversion of a lead: its steps one after the other, and what each has told. Pure.

use kontor_proto::leads::v1;
use kontor_records::{Choice, choice};
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::{BecameOf, LeadStatus};

choice! {
    /// Where a conversion stands.
    pub enum ConversionState(v1::ConversionState) {
        Running = "running",
        Completed = "completed",
        Failed = "failed",
        Undoing = "undoing",
        Undone = "undone",
    }
}

choice! {
    /// What happens to fields of linked records.
    pub enum Fill(v1::ConversionFill) { Keep = "keep", Overwrite = "overwrite", Blanks = "blanks" }
}

/// A part of the work, done by another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Linking or making the account.
    Account,
    /// The contact.
    Contact,
    /// The deal.
    Deal,
}

impl Part {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Deal => "deal",
        }
    }

    /// The part of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Account, Self::Contact, Self::Deal]
            .into_iter()
            .find(|part| part.word() == word)
    }
}

/// A record that a part linked or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The record.
    pub id: Uuid,
    /// It was there before.
    pub matched_existing: bool,
    /// What was done is taken back.
    pub undone: bool,
}

/// Why a conversion failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The part that couldn't be done.
    pub part: Part,
    /// Why, in a sentence.
    pub reason: String,
}

/// What the caller wants, and what was chosen before anybody was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Link this account.
    pub given_account_id: Option<Uuid>,
    /// Link this contact.
    pub given_contact_id: Option<Uuid>,
    /// Link this deal.
    pub given_deal_id: Option<Uuid>,
    /// The id of a new account.
    pub new_account_id: Uuid,
    /// The id of a new contact.
    pub new_contact_id: Uuid,
    /// The id of a new deal; none when no deal is wanted.
    pub new_deal_id: Option<Uuid>,
    /// What the deal is to be.
    pub deal: Option<v1::ConvertLeadDeal>,
    /// The owner of what is made.
    pub owner_id: Option<Uuid>,
    /// What happens to fields of linked records.
    pub fill: Fill,
}

/// A conversion.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// The company.
    pub company_id: Uuid,
    /// The conversion, by which every part is done once.
    pub id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// Where it stands.
    pub state: ConversionState,
    /// Where the lead stood.
    pub lead_status_before: LeadStatus,
    /// Who asked for it.
    pub requested_by: Option<Uuid>,
    /// The lead when it began.
    pub lead: v1::Lead,
    /// What is wanted.
    pub plan: Plan,
    /// The account, once known.
    pub account: Option<Linked>,
    /// The account's name, for the contact.
    pub account_name: Option<String>,
    /// The contact, once known.
    pub contact: Option<Linked>,
    /// The deal, once known.
    pub deal: Option<Linked>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Who asked for it to be taken back.
    pub undo_requested_by: Option<Uuid>,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended, or was taken back.
    pub finished_at: Option<OffsetDateTime>,
}

impl Conversion {
    /// The part that is at work; none once all are done or it has ended.
    #[must_use]
    pub fn awaited(&self) -> Option<Part> {
        match self.state {
            ConversionState::Running => self.parts().find(|part| self.linked(*part).is_none()),
            ConversionState::Completed
            | ConversionState::Failed
            | ConversionState::Undoing
            | ConversionState::Undone => None,
        }
    }

    /// Takes in what a part has told. False when that part isn't awaited: it was told before, or too late.
    pub fn take(&mut self, part: Part, linked: Linked) -> bool {
        if self.awaited() != Some(part) {
            return false;
        }
        match part {
            Part::Account => self.account = Some(linked),
            Part::Contact => self.contact = Some(linked),
            Part::Deal => self.deal = Some(linked),
        }
        true
    }

    /// Ends it well, when every part is done.
    pub fn complete(&mut self, now: OffsetDateTime) -> bool {
        if self.state != ConversionState::Running || self.awaited().is_some() {
            return false;
        }
        self.state = ConversionState::Completed;
        self.finished_at = Some(now);
        true
    }

    /// Ends it badly, when that part is awaited.
    pub fn fail(&mut self, part: Part, reason: String, now: OffsetDateTime) -> bool {
        if self.awaited() != Some(part) {
            return false;
        }
        self.state = ConversionState::Failed;
        self.failure = Some(Failure { part, reason });
        self.finished_at = Some(now);
        true
    }

    /// Whether nothing is left to wait for.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !matches!(self.state, ConversionState::Running | ConversionState::Undoing)
    }

    /// Begins to take it back, when it is completed.
    pub fn begin_undo(&mut self, by: Option<Uuid>) -> bool {
        if self.state != ConversionState::Completed {
            return false;
        }
        self.state = ConversionState::Undoing;
        self.undo_requested_by = by;
        true
    }

    /// Notes that a part is taken back. True when that was the last.
    pub fn take_back(&mut self, part: Part, now: OffsetDateTime) -> bool {
        if self.state != ConversionState::Undoing {
            return false;
        }
        let linked = match part {
            Part::Account => &mut self.account,
            Part::Contact => &mut self.contact,
            Part::Deal => &mut self.deal,
        };
        if let Some(linked) = linked {
            linked.undone = true;
        }
        let left = self
            .parts()
            .any(|part| self.linked(part).is_some_and(|linked| !linked.undone));
        if !left {
            self.state = ConversionState::Undone;
            self.finished_at = Some(now);
        }
        !left
    }

    /// The record of a part, if this conversion made it.
    #[must_use]
    pub fn made(&self, part: Part) -> Option<Uuid> {
        self.linked(part)
            .filter(|linked| !linked.matched_existing)
            .map(|linked| linked.id)
    }

    /// What the lead became, once all is done.
    #[must_use]
    pub fn became(&self) -> BecameOf {
        BecameOf {
            id: Some(self.id),
            account_id: self.account.as_ref().map(|linked| linked.id),
            contact_id: self.contact.as_ref().map(|linked| linked.id),
            deal_id: self.deal.as_ref().map(|linked| linked.id),
            converted_at: self.finished_at,
            converted_by: self.requested_by,
        }
    }

    /// For an answer. A failed or undone conversion names no records: nothing of them is left.
    #[must_use]
    pub fn to_message(&self) -> v1::Conversion {
        let standing = !matches!(self.state, ConversionState::Failed | ConversionState::Undone);
        let id = |part| {
            self.linked(part)
                .filter(|_| standing)
                .map(|linked| linked.id.to_string())
        };
        v1::Conversion {
            id: self.id.to_string(),
            state: self.state.number(),
            account_id: id(Part::Account),
            contact_id: id(Part::Contact),
            deal_id: id(Part::Deal),
            steps: self.parts().map(|part| self.step(part)).collect(),
            failure: self.failure.as_ref().map(|failure| failure.reason.clone()),
            started_at: Some(timestamp(self.started_at)),
            finished_at: self.finished_at.map(timestamp),
        }
    }

    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let deal = self.plan.new_deal_id.map(|_| Part::Deal);
        [Part::Account, Part::Contact].into_iter().chain(deal)
    }

    fn linked(&self, part: Part) -> Option<&Linked> {
        match part {
            Part::Account => self.account.as_ref(),
            Part::Contact => self.contact.as_ref(),
            Part::Deal => self.deal.as_ref(),
        }
    }

    fn step(&self, part: Part) -> v1::ConversionStep {
        use v1::ConversionStepState as State;
        let failed = self.failure.as_ref().is_some_and(|failure| failure.part == part);
        let state = match (self.state, self.linked(part)) {
            _ if failed => State::Failed,
            (ConversionState::Undoing, Some(linked)) if linked.undone => State::Undone,
            (ConversionState::Running | ConversionState::Completed | ConversionState::Undoing, Some(_)) => {
                State::Completed
            }
            (ConversionState::Failed | ConversionState::Undone, Some(_)) => State::Undone,
            (ConversionState::Running, None) if self.awaited() == Some(part) => State::Running,
            (_, None) => State::Pending,
        };
        v1::ConversionStep {
            step: part.word().to_owned(),
            state: state.into(),
            matched_existing: self.linked(part).is_some_and(|linked| linked.matched_existing),
        }
    }
}

/// As the contract has it.
#[must_use]
pub fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use v1::ConversionStepState as State;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-31 12:00 UTC);

    fn conversion(wants_deal: bool) -> Conversion {
        let plan = Plan {
            given_account_id: None,
            given_contact_id: None,
            given_deal_id: None,
            new_account_id: Uuid::now_v7(),
            new_contact_id: Uuid::now_v7(),
            new_deal_id: wants_deal.then(Uuid::now_v7),
            deal: None,
            owner_id: None,
            fill: Fill::Blanks,
        };
        Conversion {
            company_id: Uuid::now_v7(),
            id: Uuid::now_v7(),
            lead_id: Uuid::now_v7(),
            state: ConversionState::Running,
            lead_status_before: LeadStatus::Working,
            requested_by: None,
            lead: v1::Lead::default(),
            plan,
            account: None,
            account_name: None,
            contact: None,
            deal: None,
            failure: None,
            undo_requested_by: None,
            started_at: NOW,
            finished_at: None,
        }
    }

    fn linked() -> Linked {
        Linked {
            id: Uuid::now_v7(),
            matched_existing: false,
            undone: false,
        }
    }

    fn states(conversion: &Conversion) -> Vec<State> {
        conversion
            .to_message()
            .steps
            .iter()
            .map(v1::ConversionStep::state)
            .collect()
    }

    #[test]
    fn its_parts_are_done_one_after_the_other() {
        let mut conversion = conversion(true);
        assert_eq!(
            states(&conversion),
            [State::Running, State::Pending, State::Pending]
        );
        assert!(
            !conversion.take(Part::Contact, linked()),
            "the contact waits for its account"
        );
        assert!(conversion.take(Part::Account, linked()));
        assert!(
            !conversion.take(Part::Account, linked()),
            "told again it changes nothing"
        );
        assert!(!conversion.complete(NOW));
        assert!(conversion.take(Part::Contact, linked()));
        assert_eq!(
            states(&conversion),
            [State::Completed, State::Completed, State::Running]
        );
        assert!(conversion.take(Part::Deal, linked()));
        assert!(conversion.complete(NOW));
        assert!(!conversion.complete(NOW));
        assert_eq!(conversion.to_message().state(), v1::ConversionState::Completed);
    }

    #[test]
    fn it_is_undone_when_every_part_is_taken_back() {
        let mut conversion = conversion(false);
        assert!(!conversion.begin_undo(None), "it is at work");
        conversion.take(Part::Account, linked());
        conversion.take(Part::Contact, linked());
        assert!(conversion.complete(NOW));
        assert!(
            !conversion.take_back(Part::Account, NOW),
            "nobody has asked for it"
        );
        assert!(conversion.begin_undo(None));
        assert!(!conversion.take_back(Part::Deal, NOW), "there is no deal");
        assert!(!conversion.take_back(Part::Contact, NOW));
        assert_eq!(states(&conversion), [State::Completed, State::Undone]);
        assert!(conversion.take_back(Part::Account, NOW));
        assert_eq!(states(&conversion), [State::Undone, State::Undone]);
        assert_eq!(conversion.to_message().account_id, None);
        assert!(!conversion.begin_undo(None));
    }

    #[test]
    fn without_a_deal_it_ends_with_the_contact() {
        let mut conversion = conversion(false);
        assert!(conversion.take(Part::Account, linked()));
        assert!(conversion.take(Part::Contact, linked()));
        assert_eq!(conversion.awaited(), None);
        assert!(conversion.complete(NOW));
        assert_eq!(conversion.became().deal_id, None);
    }

    #[test]
    fn a_failed_part_undoes_the_others_and_names_no_records() {
        let mut conversion = conversion(true);
        assert!(conversion.take(Part::Account, linked()));
        assert!(!conversion.fail(Part::Deal, "too early".into(), NOW));
        assert!(conversion.fail(Part::Contact, "the contact is gone".into(), NOW));
        assert_eq!(
            states(&conversion),
            [State::Undone, State::Failed, State::Pending]
        );
        let message = conversion.to_message();
        assert_eq!(
            (message.account_id, message.failure.as_deref()),
            (None, Some("the contact is gone"))
        );
        assert!(
            !conversion.take(Part::Contact, linked()),
            "what is told afterwards comes too late"
        );
    }
}
