//! Which records a request means.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::records::v1::ListQuery;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::condition::Condition;
use super::{compile, search, typed};
use crate::fields::{self, Fields};
use crate::leaf::Kind;
use crate::record::Record;
use crate::value::Value;
use crate::write::rights;

/// The records that a request means and its caller may read, as a condition; `$1` is the company.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The condition.
    pub condition: Condition,
    /// Whether its search forgives typos.
    pub typos: bool,
    /// Whether its parameters decide by which index it is best served, so that it must be planned with them each time
    /// and never be kept prepared: a rare word is found by the index of words, a frequent one by that of the order.
    pub searches: bool,
}

/// The rows that a caller may read, whichever of them a request means.
pub(crate) struct Readable<'r> {
    pub(crate) fields: &'r Fields,
    pub(crate) caller: &'r Caller,
    /// What all of them meet; `$1` is the company.
    pub(crate) condition: Condition,
}

impl<'r> Readable<'r> {
    /// The rows of the caller's company.
    pub(crate) fn of_company(fields: &'r Fields, caller: &'r Caller) -> Self {
        let mut condition = Condition::default();
        let company = condition.bind(Kind::Id, Value::Id(caller.company_id()));
        condition.and(&format!("company_id = {company}"));
        Self {
            fields,
            caller,
            condition,
        }
    }

    /// The records within the scope of the caller, deleted ones or those that are there.
    ///
    /// # Errors
    /// Forbidden when the caller may read none.
    pub(crate) fn records(fields: &'r Fields, caller: &'r Caller, deleted: bool) -> Result<Self, Error> {
        let description = fields.description();
        let scope = caller.require(description.permission("read"))?;
        let mut readable = Self::of_company(fields, caller);
        readable.condition.and(if deleted {
            "deleted_at is not null"
        } else {
            "deleted_at is null"
        });
        rights::narrow(scope, caller, description, &mut readable.condition);
        Ok(readable)
    }

    /// Those that a request means by its typed filters, `filter` and `search`. What is wrong is told in `errors`.
    pub(crate) fn meant(&self, query: &ListQuery, typos: bool, errors: &mut FieldErrors) -> Selection {
        let Self {
            fields,
            caller,
            condition,
        } = self;
        let mut condition = condition.clone();
        typed::compile(&query.field_filters, fields, caller, &mut condition, errors);
        compile::compile(&query.filter, fields, caller, &mut condition, errors);
        if !query.search.trim().is_empty() {
            let text = if typos {
                // Found before they are ordered: the planner thinks too many will match so many patterns, and would
                // rather read the whole order until a page is full.
                let holds = search::with_typos(&query.search, &mut condition);
                let (table, id) = (fields.description().table, fields.leaf(fields.key()).column);
                format!(
                    "{id} = any(array(\n    select {id}\n    from {table}\n    where company_id = $1\n      and {holds}))"
                )
            } else {
                search::exact(&query.search, &mut condition)
            };
            condition.and(&text);
        }
        let searches = !query.search.trim().is_empty() || !query.filter.trim().is_empty();
        Selection {
            condition,
            typos,
            searches,
        }
    }

    /// The same, decided whether its search forgives typos: when nothing is found without.
    ///
    /// # Errors
    /// Invalid, naming every bad parameter; Unavailable and Internal as the database fails.
    pub(crate) async fn settled(&self, tx: &mut PgConnection, query: &ListQuery) -> Result<Selection, Error> {
        let mut errors = FieldErrors::new();
        let selection = self.meant(query, false, &mut errors);
        errors.into_result()?;
        if query.search.trim().is_empty() || self.has_any(tx, &selection).await? {
            return Ok(selection);
        }
        Ok(self.meant(query, true, &mut FieldErrors::new()))
    }

    async fn has_any(&self, tx: &mut PgConnection, selection: &Selection) -> Result<bool, Error> {
        let sql = format!(
            "select exists (\n  select 1\n  from {}\n  where {}\n)",
            self.fields.description().table,
            selection.condition.text()
        );
        let arguments = selection.condition.arguments()?;
        Ok(sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
            .fetch_one(tx)
            .await?)
    }
}

impl Selection {
    /// Of a request's typed filters, `filter`, `search` and `deleted`. What is wrong is told in `errors`.
    ///
    /// # Errors
    /// Forbidden when the caller may read none.
    pub(crate) fn of(
        fields: &Fields,
        caller: &Caller,
        query: &ListQuery,
        typos: bool,
        errors: &mut FieldErrors,
    ) -> Result<Self, Error> {
        let readable = Readable::records(fields, caller, query.deleted)?;
        Ok(readable.meant(query, typos, errors))
    }

    /// The same, decided whether its search forgives typos: when nothing is found without. For what reads everything that
    /// matches: exports, bulk actions, statistics.
    ///
    /// # Errors
    /// Invalid, naming every bad parameter; Forbidden when the caller may read none.
    pub async fn settled<R: Record>(
        tx: &mut PgConnection,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<Self, Error> {
        let fields = fields::of::<R>(tx, caller.company_id()).await?;
        Readable::records(&fields, caller, query.deleted)?
            .settled(tx, query)
            .await
    }

    /// Those of them with which the caller may also do this: `export`, `update`.
    ///
    /// # Errors
    /// Forbidden when the caller may do it with none.
    pub fn for_action<R: Record>(mut self, caller: &Caller, action: &str) -> Result<Self, Error> {
        let description = R::description();
        let scope = caller.require(description.permission(action))?;
        rights::narrow(scope, caller, description, &mut self.condition);
        Ok(self)
    }
}
