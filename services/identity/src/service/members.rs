//! The people of the caller's company.

use kontor_chassis::Caller;
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use uuid::Uuid;

use super::Identity;
use crate::error::Error;
use crate::model::company::Member;
use crate::store;

impl Identity {
    /// The members of the caller's company, by last and first name unless ordered otherwise.
    pub(crate) async fn members(&self, caller: &Caller, query: &ListQuery) -> Result<Page<Member>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::members::list(&mut tx, caller, query).await?)
    }

    /// The members of the caller's company among some people.
    pub(crate) async fn some_members(
        &self,
        caller: &Caller,
        user_ids: &[Uuid],
    ) -> Result<Vec<Member>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::members::some(&mut tx, caller.company_id(), user_ids).await?)
    }

    /// A member of the caller's company.
    pub(crate) async fn member(&self, caller: &Caller, user_id: Uuid) -> Result<Member, Error> {
        self.some_members(caller, &[user_id])
            .await?
            .pop()
            .ok_or(Error::NotFound("member"))
    }
}
