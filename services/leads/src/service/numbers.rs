//! Leads in numbers.

use kontor_chassis::{Caller, Error};
use kontor_proto::{leads::v1, records::v1::ListQuery};
use kontor_records::{query::Selection, stats};

use super::Leads;
use crate::{model::Lead, store::numbers};

impl Leads {
    /// Counts the leads that a query means.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn stats(&self, caller: &Caller, query: &ListQuery) -> Result<v1::GetLeadStatsResponse, Error> {
        let mut tx = self.db.read(caller).await?;
        let selection = Selection::settled::<Lead>(&mut tx, caller, query).await?;
        let total = stats::count::<Lead>(&mut tx, &selection).await?;
        let (converted, median_days_to_convert) = numbers::converted(&mut tx, &selection).await?;
        let bins = numbers::score_bins(&mut tx, &selection).await?;
        Ok(v1::GetLeadStatsResponse {
            total,
            by_status: stats::count_by::<Lead>(&mut tx, &selection, "status").await?,
            by_source: stats::count_by::<Lead>(&mut tx, &selection, "source").await?,
            by_rating: stats::count_by::<Lead>(&mut tx, &selection, "rating").await?,
            by_owner: stats::count_by::<Lead>(&mut tx, &selection, "owner_id").await?,
            by_territory: stats::count_by::<Lead>(&mut tx, &selection, "territory_id").await?,
            by_utm_campaign: stats::count_by::<Lead>(&mut tx, &selection, "utm.campaign").await?,
            created_per_month: stats::created_per_month::<Lead>(&mut tx, &selection).await?,
            score_histogram: histogram(&bins),
            conversion_rate: rate(converted, total),
            median_days_to_convert,
        })
    }
}

/// Ten bins, also the empty ones; the last holds 100 too.
fn histogram(found: &[(i32, i64)]) -> Vec<v1::ScoreBin> {
    (0..10)
        .map(|bin| v1::ScoreBin {
            from: bin * 10,
            to: if bin == 9 { 100 } else { bin * 10 + 9 },
            count: found
                .iter()
                .find(|(place, _)| *place == bin)
                .map_or(0, |(_, count)| *count),
        })
        .collect()
}

#[allow(clippy::cast_precision_loss)] // nobody has so many leads
fn rate(converted: i64, total: i64) -> f64 {
    if total == 0 {
        0.0
    } else {
        converted as f64 / total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_ten_bins_from_0_to_100() {
        let bins = histogram(&[(0, 3), (9, 2)]);
        assert_eq!(bins.len(), 10);
        assert_eq!((bins[0].from, bins[0].to, bins[0].count), (0, 9, 3));
        assert_eq!((bins[5].from, bins[5].to, bins[5].count), (50, 59, 0));
        assert_eq!((bins[9].from, bins[9].to, bins[9].count), (90, 100, 2));
    }

    #[test]
    fn without_leads_nothing_is_converted() {
        assert!(rate(0, 0).abs() < f64::EPSILON);
        assert!((rate(1, 4) - 0.25).abs() < f64::EPSILON);
    }
}
