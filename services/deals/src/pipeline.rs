//! A pipeline and its stages, and the one that every company begins with. Pure.

mod change;

pub use change::{Change, Changed, Given};
use time::OffsetDateTime;
use uuid::Uuid;

/// The name of the pipeline that every company begins with.
pub const FIRST_NAME: &str = "Sales";

/// Its stages, each with how likely its deals are won, in percent.
pub const FIRST_STAGES: [(&str, i32); 4] = [
    ("Prospecting", 10),
    ("Qualification", 25),
    ("Proposal", 50),
    ("Negotiation", 75),
];

/// The stages that deals go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// UUIDv7.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether deals that name no pipeline come into it.
    pub is_default: bool,
    /// In their order; never empty.
    pub stages: Vec<Stage>,
    /// Who made it; none for the one that a company begins with.
    pub created_by: Option<Uuid>,
    /// Who changed it last.
    pub updated_by: Option<Uuid>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
    /// Counts up with every change.
    pub version: i64,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// UUIDv7.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How likely its deals are won, in percent.
    pub probability: i32,
    /// After so many days a deal in it is rotting; none for never.
    pub rotting_days: Option<i32>,
}

impl Pipeline {
    /// The pipeline that every company begins with.
    #[must_use]
    pub fn first(now: OffsetDateTime) -> Self {
        let stages = FIRST_STAGES.iter().map(|(name, probability)| Stage {
            id: Uuid::now_v7(),
            name: (*name).to_owned(),
            probability: *probability,
            rotting_days: None,
        });
        Self {
            id: Uuid::now_v7(),
            name: FIRST_NAME.to_owned(),
            is_default: true,
            stages: stages.collect(),
            created_by: None,
            updated_by: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The stage of this id, or with none the one that new deals come into.
    #[must_use]
    pub fn stage(&self, id: Option<Uuid>) -> Option<&Stage> {
        match id {
            Some(id) => self.stages.iter().find(|stage| stage.id == id),
            None => self.stages.first(),
        }
    }
}

/// Whole days from one moment to another; never below zero.
#[must_use]
pub fn days_between(from: OffsetDateTime, to: OffsetDateTime) -> i32 {
    i32::try_from((to - from).whole_days().max(0)).unwrap_or(i32::MAX)
}

/// A position between two cards; none when there is no room. New cards are put at multiples of [`ROOM`](crate::store::ROOM),
/// which are left to them: a card that another transaction is just putting there is not seen yet.
#[must_use]
pub fn between(behind: i64, before: i64) -> Option<i64> {
    let middle = behind + (before - behind) / 2;
    [middle, middle + 1, middle - 1]
        .into_iter()
        .find(|position| behind < *position && *position < before && position % crate::store::ROOM != 0)
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 09:00 UTC);

    #[test]
    fn a_company_begins_with_the_four_stages_of_sales() {
        let pipeline = Pipeline::first(NOW);
        let stages: Vec<_> = pipeline
            .stages
            .iter()
            .map(|s| (s.name.as_str(), s.probability))
            .collect();
        assert_eq!(pipeline.name, "Sales");
        assert_eq!(stages, FIRST_STAGES);
    }

    #[test]
    fn a_deal_that_names_no_stage_comes_into_the_first() {
        let pipeline = Pipeline::first(NOW);
        assert_eq!(pipeline.stage(None).unwrap().name, "Prospecting");
        assert_eq!(
            pipeline.stage(Some(pipeline.stages[2].id)).unwrap().name,
            "Proposal"
        );
        assert_eq!(pipeline.stage(Some(Uuid::nil())), None);
    }

    #[test]
    fn a_card_between_two_takes_no_place_of_a_new_card() {
        assert_eq!(between(0, 65_536), Some(32_768));
        assert_eq!(between(0, 131_072), Some(65_537));
        assert_eq!(between(10, 12), Some(11));
        assert_eq!(between(10, 11), None);
        assert_eq!(between(-1, 1), None, "0 is a new card's");
    }

    #[test]
    fn days_in_a_stage_are_whole_and_never_negative() {
        assert_eq!(days_between(NOW, NOW + Duration::hours(47)), 1);
        assert_eq!(days_between(NOW, NOW - Duration::days(3)), 0);
    }
}
