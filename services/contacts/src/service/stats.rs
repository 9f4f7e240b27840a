//! Contacts in numbers.

use kontor_chassis::{Caller, Error};
use kontor_proto::{contacts::v1, records::v1::ListQuery};
use kontor_records::{query::Selection, stats};

use super::Contacts;
use crate::model::Contact;

impl Contacts {
    /// The contacts that a query means, in numbers.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn stats(
        &self,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<v1::GetContactStatsResponse, Error> {
        let tx = &mut *self.db.read(caller).await?;
        let all = Selection::settled::<Contact>(tx, caller, query).await?;
        Ok(v1::GetContactStatsResponse {
            total: stats::count::<Contact>(tx, &all).await?,
            by_account: stats::count_by::<Contact>(tx, &all, "account_id").await?,
            by_department: stats::count_by::<Contact>(tx, &all, "department").await?,
            by_source: stats::count_by::<Contact>(tx, &all, "source").await?,
            by_owner: stats::count_by::<Contact>(tx, &all, "owner_id").await?,
            by_territory: stats::count_by::<Contact>(tx, &all, "territory_id").await?,
            created_per_month: stats::created_per_month::<Contact>(tx, &all).await?,
        })
    }
}
