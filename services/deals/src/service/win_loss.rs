//! How many deals are won and lost, why, and how fast.

use std::collections::BTreeMap;

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::deals::v1;
use kontor_records::query::Selection;

use super::Deals;
use crate::{
    company::{Company, Sum},
    model::Deal,
    month::Span,
    store::sums::{self, Closed},
};

/// Wins and losses of a group.
#[derive(Debug, Default)]
struct Tally {
    won: i64,
    lost: i64,
    amount: Sum,
}

impl Tally {
    fn add(&mut self, company: &Company, closed: &Closed) {
        if closed.is_won {
            self.won += closed.count;
            self.amount
                .add(company, closed.amount, closed.currency.as_deref());
        } else {
            self.lost += closed.count;
        }
    }

    /// Won of all closed, 0 to 1; 0 of none.
    #[allow(clippy::cast_precision_loss)] // nobody has so many deals
    fn win_rate(&self) -> f64 {
        if self.won == 0 {
            return 0.0;
        }
        self.won as f64 / (self.won + self.lost) as f64
    }
}

impl Deals {
    /// Wins and losses of the deals that a query means; a deal counts in the month in which it was closed, by the
    /// company's clock.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn win_loss(
        &self,
        caller: &Caller,
        request: v1::GetDealWinLossRequest,
    ) -> Result<v1::GetDealWinLossResponse, Error> {
        let v1::GetDealWinLossRequest { from, to, query } = request;
        let mut errors = FieldErrors::new();
        let span = Span::read(&from, &to, &mut errors);
        errors.into_result()?;
        let company = self.company(caller).await?;
        let zone = company.time_zone.as_str();
        let mut tx = self.db.read(caller).await?;
        let selection = Selection::settled::<Deal>(&mut tx, caller, &query.unwrap_or_default()).await?;
        let closed = sums::closed(&mut tx, &selection, span, zone).await?;
        let reasons = sums::lost_reasons(&mut tx, &selection, span, zone).await?;
        let median_days_to_close = sums::median_days(&mut tx, &selection, span, zone).await?;
        drop(tx);

        let mut all = Tally::default();
        for group in &closed {
            all.add(&company, group);
        }
        let by = |value: fn(&Closed) -> Option<String>| groups(&company, &closed, value);
        Ok(v1::GetDealWinLossResponse {
            won_count: all.won,
            lost_count: all.lost,
            win_rate: all.win_rate(),
            won_amount: Some(company.money(all.amount.converted)),
            lost_reasons: reasons
                .into_iter()
                .map(|(reason, count)| v1::LostReason { reason, count })
                .collect(),
            median_days_to_close,
            by_owner: by(|closed| closed.owner_id.map(|id| id.to_string())),
            by_source: by(|closed| closed.source.clone()),
            by_stage: by(|closed| Some(closed.stage_id.to_string())),
            unconverted: all.amount.left_out(),
        })
    }
}

/// Wins and losses by a value, the most closed deals first.
fn groups(
    company: &Company,
    closed: &[Closed],
    value: fn(&Closed) -> Option<String>,
) -> Vec<v1::WinLossGroup> {
    let mut tallies: BTreeMap<Option<String>, Tally> = BTreeMap::new();
    for group in closed {
        tallies.entry(value(group)).or_default().add(company, group);
    }
    let mut groups: Vec<v1::WinLossGroup> = tallies
        .into_iter()
        .map(|(value, tally)| v1::WinLossGroup {
            value,
            won_count: tally.won,
            lost_count: tally.lost,
            win_rate: tally.win_rate(),
            won_amount: Some(company.money(tally.amount.converted)),
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.won_count + group.lost_count));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_win_rate_lies_between_0_and_1() {
        let tally = |won, lost| Tally {
            won,
            lost,
            ..Tally::default()
        };
        for (tally, rate) in [
            (tally(0, 0), 0.0),
            (tally(0, 3), 0.0),
            (tally(1, 3), 0.25),
            (tally(2, 0), 1.0),
        ] {
            assert!((tally.win_rate() - rate).abs() < f64::EPSILON);
        }
    }
}
