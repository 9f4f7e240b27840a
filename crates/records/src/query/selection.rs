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

impl Selection {
    /// Of a request's typed filters, `filter`, `search` and `deleted`. What is wrong is told in `errors`.
    ///
    /// # Errors
    /// Forbidden when the caller may read none.
    pub(crate) fn of<R: Record>(
        fields: &Fields,
        caller: &Caller,
        query: &ListQuery,
        typos: bool,
        errors: &mut FieldErrors,
    ) -> Result<Self, Error> {
        let description = R::description();
        let scope = caller.require(description.permission("read"))?;
        let mut condition = Condition::default();
        let company = condition.bind(Kind::Id, Value::Id(caller.company_id()));
        condition.and(&format!("company_id = {company}"));
        condition.and(if query.deleted {
            "deleted_at is not null"
        } else {
            "deleted_at is null"
        });
        rights::narrow(scope, caller, description, &mut condition);
        typed::compile(&query.field_filters, fields, caller, &mut condition, errors);
        compile::compile(&query.filter, fields, caller, &mut condition, errors);
        if !query.search.trim().is_empty() {
            let text = if typos {
                // Found before they are ordered: the planner thinks too many will match so many patterns, and would
                // rather read the whole order until a page is full.
                let holds = search::with_typos(&query.search, &mut condition);
                let table = description.table;
                format!(
                    "id = any(array(\n    select id\n    from {table}\n    where company_id = {company}\n      and {holds}))"
                )
            } else {
                search::exact(&query.search, &mut condition)
            };
            condition.and(&text);
        }
        let searches = !query.search.trim().is_empty() || !query.filter.trim().is_empty();
        Ok(Self {
            condition,
            typos,
            searches,
        })
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
        let mut errors = FieldErrors::new();
        let selection = Self::of::<R>(&fields, caller, query, false, &mut errors)?;
        errors.into_result()?;
        if query.search.trim().is_empty() || selection.any::<R>(tx).await? {
            return Ok(selection);
        }
        Self::of::<R>(&fields, caller, query, true, &mut FieldErrors::new())
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

    async fn any<R: Record>(&self, tx: &mut PgConnection) -> Result<bool, Error> {
        let sql = format!(
            "select exists (\n  select 1\n  from {}\n  where {}\n)",
            R::description().table,
            self.condition.text()
        );
        let arguments = self.condition.arguments()?;
        Ok(sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
            .fetch_one(tx)
            .await?)
    }
}
