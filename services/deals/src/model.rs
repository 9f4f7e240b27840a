//! A deal: what it holds, where it stands, and what follows from what. Pure.

use kontor_proto::deals::v1;
use kontor_records::{Money, choice, record};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::pipeline::Stage;

choice! {
    /// Where a deal stands.
    pub enum DealStatus(v1::DealStatus) {
        /// May be won or lost.
        Open = "open",
        /// It was sold.
        Won = "won",
        /// It was not.
        Lost = "lost",
    }
}

choice! {
    /// How a deal counts in the forecast.
    pub enum ForecastCategory(v1::ForecastCategory) {
        /// Worked on.
        Pipeline = "pipeline",
        /// Won if all goes well.
        BestCase = "best_case",
        /// Promised.
        Commit = "commit",
        /// Won.
        Closed = "closed",
        /// Left out.
        Omitted = "omitted",
    }
}

record! {
    /// What may be sold to an account.
    pub struct Deal(v1::Deal), told by v1::DealsChanged;
    table "deals.deals", one "deal", many "deals";
    title |deal| deal.name.clone();
    fields {
        /// Its name.
        name: String = text(255).required().search().import(&["deal name", "opportunity", "opportunity name"]),
        /// The account it is with.
        account_id: Option<Uuid> = reference("account").label("Account").told(),
        /// The contacts it is with.
        contact_ids: Vec<Uuid> = references("contact").label("Contacts"),
        /// The lead it came from.
        lead_id: Option<Uuid> = reference("lead").label("Lead"),
        /// What it is worth.
        amount: Option<Money> = money().import(&["value", "deal value", "close value"]),
        /// How likely it is won, in percent; from the stage unless set.
        probability: i32 = whole(0, 100).import(&["win probability", "probability (%)"]),
        /// Amount times probability.
        weighted_amount: Option<Money> = money().generated(),
        /// The pipeline it is in.
        pipeline_id: Uuid = reference("pipeline").label("Pipeline"),
        /// Its stage.
        stage_id: Uuid = reference("stage").label("Stage"),
        /// Its place among the open deals of its stage.
        position: i64 = whole(i64::MIN, i64::MAX).generated(),
        /// Where it stands.
        status: DealStatus = choice().read_only().told(),
        /// Why it was lost.
        lost_reason: Option<String> = text(500).read_only().search(),
        /// When it is thought to be won.
        expected_close_date: Option<Date> = date().import(&["close date", "expected close"]),
        /// When it was won or lost.
        closed_at: Option<OffsetDateTime> = moment().read_only(),
        /// How it came.
        source: Option<String> = text(100).import(&["lead source", "deal source"]),
        /// How it counts in the forecast.
        forecast_category: ForecastCategory = choice(),
        /// Whole days since it came into its stage, until it was closed.
        days_in_stage: i32 = whole(0, i64::MAX).computed(
            "(greatest(floor(extract(epoch from coalesce(closed_at, now()) - stage_entered_at) / 86400), 0)::integer)",
        ),
        /// Open, and longer in its stage than the stage's `rotting_days`.
        is_rotting: bool = flag().computed(
            "(status = 'open' and coalesce(
                floor(extract(epoch from now() - stage_entered_at) / 86400)
                    > (select s.rotting_days from deals.stages s where s.id = stage_id),
                false))",
        ),
        /// Free text.
        description: Option<String> = lines(32_000).import(&["notes"]),
    }
    internal {
        /// The probability was set by a person and stays when the stage changes.
        probability_by_hand: bool = flag(),
        /// Since when it is in its stage.
        stage_entered_at: OffsetDateTime = moment(),
    }
    computed {}
    expand {
        account: account_id,
        contacts: contact_ids,
        lead: lead_id,
        owner: owner_id,
        pipeline: pipeline_id,
        stage: stage_id,
    }
}

/// A step that closes or opens a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was sold.
    Win,
    /// It was not, for this reason.
    Lose(String),
    /// It may be won or lost again.
    Reopen,
}

impl Step {
    /// What is done to the deal, as its history tells it.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Win => "won",
            Self::Lose(_) => "lost",
            Self::Reopen => "reopened",
        }
    }
}

impl Deal {
    /// Takes a step: won is certain and counts as closed, lost is hopeless and counts no more, reopened is as likely as
    /// its stage says.
    ///
    /// # Errors
    /// The present status, when it doesn't allow the step.
    pub fn take(&mut self, step: Step, stage: &Stage, now: OffsetDateTime) -> Result<(), DealStatus> {
        match (step, self.status) {
            (Step::Win, DealStatus::Open) => {
                self.close(DealStatus::Won, 100, ForecastCategory::Closed, now);
                Ok(())
            }
            (Step::Lose(reason), DealStatus::Open) => {
                self.close(DealStatus::Lost, 0, ForecastCategory::Omitted, now);
                self.lost_reason = Some(reason);
                Ok(())
            }
            (Step::Reopen, DealStatus::Won | DealStatus::Lost) => {
                self.status = DealStatus::Open;
                self.probability = stage.probability;
                self.probability_by_hand = false;
                self.forecast_category = ForecastCategory::Pipeline;
                self.closed_at = None;
                self.lost_reason = None;
                Ok(())
            }
            (Step::Win | Step::Lose(_), DealStatus::Won | DealStatus::Lost)
            | (Step::Reopen, DealStatus::Open) => Err(self.status),
        }
    }

    /// Comes into a stage: with its probability, unless a person has set another.
    pub fn enter(&mut self, pipeline: Uuid, stage: &Stage, now: OffsetDateTime) {
        if self.stage_id != stage.id {
            self.stage_entered_at = now;
        }
        self.pipeline_id = pipeline;
        self.stage_id = stage.id;
        if self.status == DealStatus::Open && !self.probability_by_hand {
            self.probability = stage.probability;
        }
    }

    fn close(
        &mut self,
        status: DealStatus,
        probability: i32,
        category: ForecastCategory,
        now: OffsetDateTime,
    ) {
        self.status = status;
        self.probability = probability;
        self.forecast_category = category;
        self.closed_at = Some(now);
    }
}
