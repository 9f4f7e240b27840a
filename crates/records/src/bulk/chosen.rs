//! Which records are meant.

use std::collections::HashSet;

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, TenantTx};
use kontor_proto::records::v1::{BulkAction, ListQuery};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::query::Selection;
use crate::record::Record;

/// The records of a request.
pub(super) enum Chosen {
    /// These, each once, in the order in which they were named.
    Ids(Vec<Uuid>),
    /// All that a list would find.
    Matching {
        /// An AIP-160 expression.
        filter: String,
        /// Words.
        search: String,
    },
}

impl Chosen {
    /// Reads a request: ids, or a filter and words, or all.
    pub(super) fn of(request: &BulkAction, errors: &mut FieldErrors) -> Option<Self> {
        let BulkAction {
            action: _,
            ids,
            filter,
            search,
            all,
            params: _,
            wait_seconds: _,
        } = request;
        let matching = !filter.trim().is_empty() || !search.trim().is_empty();
        match (!ids.is_empty(), matching, *all) {
            (false, false, false) => {
                errors.push(
                    "ids",
                    "required",
                    "Say which records: ids, filter and search, or all.",
                );
                None
            }
            (true, false, false) => {
                let mut known = HashSet::with_capacity(ids.len());
                let mut read = Vec::with_capacity(ids.len());
                for (place, id) in ids.iter().enumerate() {
                    match crate::admit::id(id) {
                        Ok(id) => read.extend(known.insert(id).then_some(id)),
                        Err(fault) => errors.push(format!("ids[{place}]"), fault.code, fault.message),
                    }
                }
                Some(Self::Ids(read))
            }
            (false, _, _) => Some(Self::Matching {
                filter: filter.clone(),
                search: search.clone(),
            }),
            (true, _, _) => {
                let message = "Say either ids, or filter and search, or all.";
                errors.push("ids", "ambiguous_selection", message);
                None
            }
        }
    }

    /// Their ids, of deleted records or of those that are there.
    ///
    /// # Errors
    /// Invalid at `filter`; Forbidden when the caller may read none.
    pub(super) async fn ids<R: Record>(
        self,
        tx: &mut TenantTx,
        caller: &Caller,
        deleted: bool,
    ) -> Result<Vec<Uuid>, Error> {
        let (filter, search) = match self {
            Self::Ids(ids) => return Ok(ids),
            Self::Matching { filter, search } => (filter, search),
        };
        let query = ListQuery {
            filter,
            search,
            deleted,
            ..ListQuery::default()
        };
        let selection = Selection::settled::<R>(tx, caller, &query).await?;
        let sql = format!(
            "select id from {} where {} order by id",
            R::description().table,
            selection.condition.text()
        );
        let arguments = selection.condition.arguments()?;
        Ok(sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
            .persistent(false)
            .fetch_all(&mut **tx)
            .await?)
    }
}
