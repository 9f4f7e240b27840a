//! Reading what was done.

use kontor_chassis::Caller;
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use kontor_records::transfer::Download;

use super::Identity;
use crate::error::Error;
use crate::model::audit::Entry;
use crate::store;

impl Identity {
    /// Entries of the caller's company.
    pub(crate) async fn audit_log(&self, caller: &Caller, query: &ListQuery) -> Result<Page<Entry>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::audit::list(&mut tx, caller, query).await?)
    }

    /// The entries as CSV: one statement, so one snapshot; a row after the other, so constant memory.
    pub(crate) async fn export_audit_log(
        &self,
        caller: &Caller,
        query: &ListQuery,
        columns: &str,
    ) -> Result<Download, Error> {
        Ok(store::audit::export(&self.db, &self.tasks, caller, query, columns).await?)
    }
}
