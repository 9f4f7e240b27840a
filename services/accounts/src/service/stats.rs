//! Accounts in numbers.

use kontor_chassis::{Caller, Error};
use kontor_proto::{accounts::v1, records::v1::ListQuery};
use kontor_records::{query::Selection, stats};

use super::Accounts;
use crate::model::Account;

impl Accounts {
    /// The accounts that a query means, in numbers.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn stats(
        &self,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<v1::GetAccountStatsResponse, Error> {
        let tx = &mut *self.db.read(caller).await?;
        let all = Selection::settled::<Account>(tx, caller, query).await?;
        let revenue = stats::amounts::<Account>(tx, &all, "annual_revenue").await?;
        Ok(v1::GetAccountStatsResponse {
            total: stats::count::<Account>(tx, &all).await?,
            by_type: stats::count_by::<Account>(tx, &all, "type").await?,
            by_status: stats::count_by::<Account>(tx, &all, "status").await?,
            by_industry: stats::count_by::<Account>(tx, &all, "industry").await?,
            by_territory: stats::count_by::<Account>(tx, &all, "territory_id").await?,
            by_owner: stats::count_by::<Account>(tx, &all, "owner_id").await?,
            by_rating: stats::count_by::<Account>(tx, &all, "rating").await?,
            created_per_month: stats::created_per_month::<Account>(tx, &all).await?,
            revenue_sum: revenue.sums,
            revenue_mean: revenue.means,
        })
    }
}
