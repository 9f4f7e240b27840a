//! Deals in numbers.

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    deals::v1,
    records::v1::{FieldFilter, ListQuery},
};
use kontor_records::{query::Selection, stats};

use super::Deals;
use crate::model::Deal;

impl Deals {
    /// The deals that a query means, in numbers.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn stats(&self, caller: &Caller, query: &ListQuery) -> Result<v1::GetDealStatsResponse, Error> {
        let tx = &mut *self.db.read(caller).await?;
        let all = Selection::settled::<Deal>(tx, caller, query).await?;
        let amounts = stats::amounts::<Deal>(tx, &all, "amount").await?;
        let open = Selection::settled::<Deal>(tx, caller, &open(query)).await?;
        let weighted = stats::amounts::<Deal>(tx, &open, "weighted_amount").await?;
        Ok(v1::GetDealStatsResponse {
            total: stats::count::<Deal>(tx, &all).await?,
            by_status: stats::count_by::<Deal>(tx, &all, "status").await?,
            by_pipeline: stats::count_by::<Deal>(tx, &all, "pipeline_id").await?,
            by_stage: stats::count_by::<Deal>(tx, &all, "stage_id").await?,
            by_owner: stats::count_by::<Deal>(tx, &all, "owner_id").await?,
            by_source: stats::count_by::<Deal>(tx, &all, "source").await?,
            by_forecast_category: stats::count_by::<Deal>(tx, &all, "forecast_category").await?,
            created_per_month: stats::created_per_month::<Deal>(tx, &all).await?,
            amount_sum: amounts.sums,
            weighted_sum: weighted.sums,
        })
    }
}

/// Those of a query that are open.
fn open(query: &ListQuery) -> ListQuery {
    let mut query = query.clone();
    query.field_filters.push(FieldFilter {
        parameter: "status".to_owned(),
        values: vec!["open".to_owned()],
    });
    query
}
