//! How promising a lead is: nine factors, each with its points and a reason that a person can read. Pure.

use time::{Duration, OffsetDateTime};

/// The points of each factor, and how far back engagement and recency look. A company's own, or the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// A valid e-mail address.
    pub email: i32,
    /// Phone or mobile.
    pub phone: i32,
    /// A company name.
    pub company: i32,
    /// A known industry.
    pub industry: i32,
    /// Annual revenue given.
    pub revenue: i32,
    /// A budget above zero.
    pub budget: i32,
    /// Rated hot.
    pub rating_hot: i32,
    /// Rated warm.
    pub rating_warm: i32,
    /// Each activity in the window.
    pub engagement_each: i32,
    /// All activities in the window together.
    pub engagement_max: i32,
    /// Made within the window.
    pub recency: i32,
    /// Days that engagement and recency look back.
    pub window_days: i32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            email: 10,
            phone: 5,
            company: 10,
            industry: 5,
            revenue: 10,
            budget: 15,
            rating_hot: 20,
            rating_warm: 10,
            engagement_each: 5,
            engagement_max: 15,
            recency: 10,
            window_days: 30,
        }
    }
}

impl Weights {
    /// How far back engagement and recency look.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::days(i64::from(self.window_days))
    }
}

/// The user's own judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Very promising.
    Hot,
    /// Somewhat.
    Warm,
    /// Hardly.
    Cold,
}

/// What is known of a lead, as far as it scores.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its e-mail address.
    pub email: Option<&'a str>,
    /// Its telephone number.
    pub phone: Option<&'a str>,
    /// Its mobile number.
    pub mobile: Option<&'a str>,
    /// Where the person works.
    pub company_name: Option<&'a str>,
    /// The industry of that company.
    pub industry: Option<&'a str>,
    /// Whether its revenue was given, also as zero.
    pub revenue_given: bool,
    /// Whether a budget above zero was given.
    pub budget_above_zero: bool,
    /// The rating.
    pub judgement: Option<Judgement>,
    /// Activities logged within the window.
    pub activities: i32,
    /// When the lead was made.
    pub created_at: OffsetDateTime,
}

/// What one factor gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its word.
    pub factor: &'static str,
    /// What it gave.
    pub points: i32,
    /// What it can give.
    pub max_points: i32,
    /// Why, in a sentence.
    pub reason: String,
}

/// A score and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// 0 to 100.
    pub total: i32,
    /// Every factor in the order of the documentation, also those that gave nothing.
    pub factors: Vec<Factor>,
}

/// Scores a lead as it stands at `now`.
#[must_use]
pub fn score(known: &Known<'_>, weights: &Weights, now: OffsetDateTime) -> Score {
    let factors = vec![
        holds("email", weights.email, known.email.is_some_and(is_address), EMAIL),
        holds(
            "phone",
            weights.phone,
            is_said(known.phone) || is_said(known.mobile),
            PHONE,
        ),
        holds("company", weights.company, is_said(known.company_name), COMPANY),
        holds("industry", weights.industry, is_said(known.industry), INDUSTRY),
        holds("revenue", weights.revenue, known.revenue_given, REVENUE),
        holds("budget", weights.budget, known.budget_above_zero, BUDGET),
        rating(known.judgement, weights),
        engagement(known.activities, weights),
        recency(known.created_at, weights, now),
    ];
    let total = factors
        .iter()
        .map(|factor| factor.points)
        .sum::<i32>()
        .clamp(0, 100);
    Score { total, factors }
}

/// The total alone, as every create and change needs it.
#[must_use]
pub fn total(known: &Known<'_>, weights: &Weights, now: OffsetDateTime) -> i32 {
    score(known, weights, now).total
}

/// When a lead made at `created_at` stops to be recent.
#[must_use]
pub fn lapses_at(created_at: OffsetDateTime, weights: &Weights) -> OffsetDateTime {
    created_at + weights.window()
}

/// A factor's sentence when it holds and when it doesn't.
type Reasons = (&'static str, &'static str);
const EMAIL: Reasons = (
    "A valid e-mail address is given.",
    "No valid e-mail address is given.",
);
const PHONE: Reasons = (
    "A phone or mobile number is given.",
    "Neither a phone nor a mobile number is given.",
);
const COMPANY: Reasons = ("The company is named.", "No company is named.");
const INDUSTRY: Reasons = ("The industry is known.", "The industry is not known.");
const REVENUE: Reasons = ("The annual revenue is given.", "No annual revenue is given.");
const BUDGET: Reasons = ("A budget above zero is given.", "No budget above zero is given.");

fn holds(factor: &'static str, max_points: i32, yes: bool, (met, unmet): Reasons) -> Factor {
    let (points, reason) = if yes { (max_points, met) } else { (0, unmet) };
    Factor {
        factor,
        points,
        max_points,
        reason: reason.to_owned(),
    }
}

fn rating(judgement: Option<Judgement>, weights: &Weights) -> Factor {
    let (points, reason) = match judgement {
        Some(Judgement::Hot) => (weights.rating_hot, "It is rated hot."),
        Some(Judgement::Warm) => (weights.rating_warm, "It is rated warm."),
        Some(Judgement::Cold) => (0, "It is rated cold."),
        None => (0, "It is not rated."),
    };
    let max_points = weights.rating_hot.max(weights.rating_warm);
    Factor {
        factor: "rating",
        points,
        max_points,
        reason: reason.to_owned(),
    }
}

fn engagement(activities: i32, weights: &Weights) -> Factor {
    let each = weights.engagement_each.saturating_mul(activities.max(0));
    let days = weights.window_days;
    let reason = match activities {
        i32::MIN..=0 => format!("No activity was logged in the last {days} days."),
        1 => format!("1 activity was logged in the last {days} days."),
        2.. => format!("{activities} activities were logged in the last {days} days."),
    };
    Factor {
        factor: "engagement",
        points: each.min(weights.engagement_max),
        max_points: weights.engagement_max,
        reason,
    }
}

fn recency(created_at: OffsetDateTime, weights: &Weights, now: OffsetDateTime) -> Factor {
    let days = weights.window_days;
    let recent = now < lapses_at(created_at, weights);
    let (points, reason) = if recent {
        (weights.recency, format!("It was made in the last {days} days."))
    } else {
        (0, format!("It was made more than {days} days ago."))
    };
    Factor {
        factor: "recency",
        points,
        max_points: weights.recency,
        reason,
    }
}

fn is_said(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

/// Something before one `@`, and a host after it. What is stored was checked more strictly when it came in.
fn is_address(text: &str) -> bool {
    let mut parts = text.trim().split('@');
    let (Some(person), Some(host), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    !person.is_empty() && !host.is_empty() && !text.trim().contains(char::is_whitespace)
}

#[cfg(test)]
#[path = "scoring_tests.rs"]
mod tests;
