//! Lists of what is no record, with the parameters that every list takes.

use std::sync::Arc;

use kontor_chassis::{Caller, Db, Error, FieldErrors};
use kontor_proto::records::v1::ListQuery;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use time::{Date, OffsetDateTime};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::list::Page;
use super::selection::Readable;
use crate::description::{Description, Names};
use crate::fields::Fields;
use crate::leaf::{Kind, Leaf};
use crate::transfer::{Download, download};
use crate::value::Value;

/// Rows that are filtered, ordered, searched, paged and exported as records are.
#[derive(Debug)]
pub struct Listing {
    fields: Arc<Fields>,
    /// The column that holds whose a row is, when one sees one's own alone.
    own: Option<&'static str>,
}

impl Listing {
    /// Rows of `names.table`, which may also be a query in parentheses with a name. It has the columns of the leaves,
    /// `company_id`, and `search` with the folded words that `search` looks for. The first leaf tells two rows apart.
    /// `order` is what they are ordered by unless it is said.
    #[must_use]
    pub fn new(names: Names, leaves: Vec<Leaf>, order: &'static str) -> Self {
        let description = Description::new(names, leaves, &[], &[]).ordered_by(order);
        // A listing lives as long as the process, as the description of a record does.
        let fields = Fields::new(Box::leak(Box::new(description)), Vec::new());
        Self {
            fields: Arc::new(fields),
            own: None,
        }
    }

    /// The same, of which one sees those alone whose this column holds one's own id.
    #[must_use]
    pub const fn own(mut self, column: &'static str) -> Self {
        self.own = Some(column);
        self
    }

    /// A page of the rows that a request means. `read` makes of a row, which has the columns of the leaves, what is wanted.
    ///
    /// # Errors
    /// Invalid, naming every bad parameter; Unavailable and Internal as the database fails.
    pub async fn page<T>(
        &self,
        tx: &mut PgConnection,
        caller: &Caller,
        query: &ListQuery,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Page<T>, Error> {
        let leaves = &self.fields.description().leaves;
        let values = |row: &PgRow| leaves.iter().map(|leaf| value(row, leaf)).collect();
        let readable = self.readable(caller);
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = readable.page(tx, query, refused(query), Ok, values).await?;
        Ok(Page {
            records: records.iter().map(read).collect::<Result<_, _>>()?,
            next_page_token,
            total_size,
            total_size_is_estimate,
        })
    }

    /// All rows that a request means, in the list's order, as CSV. `columns` are fields separated by commas; empty for all.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub async fn export(
        &self,
        db: &Db,
        tasks: &TaskTracker,
        caller: &Caller,
        query: &ListQuery,
        columns: &str,
    ) -> Result<Download, Error> {
        let mut tx = db.read(caller).await?;
        let selection = self.readable(caller).settled(&mut tx, query).await;
        let asked = (query.order_by.as_str(), columns);
        download(
            tx,
            tasks,
            Arc::clone(&self.fields),
            asked,
            selection,
            refused(query),
        )
    }

    fn readable<'r>(&'r self, caller: &'r Caller) -> Readable<'r> {
        let mut readable = Readable::of_company(&self.fields, caller);
        if let Some(column) = self.own {
            let me = caller.user_id().map_or(Value::Null, Value::Id);
            let place = readable.condition.bind(Kind::Id, me);
            readable.condition.and(&format!("{column} = {place}"));
        }
        readable
    }
}

/// Parameters of lists of records that mean nothing here.
fn refused(query: &ListQuery) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if query.deleted {
        errors.push("deleted", "unknown_parameter", "What is deleted here is gone.");
    }
    if !query.expand.trim().is_empty() {
        errors.push("expand", "unknown_field", "There is nothing to expand.");
    }
    errors
}

/// The value of a leaf in a row.
fn value(row: &PgRow, leaf: &Leaf) -> Result<Value, sqlx::Error> {
    let column = leaf.column;
    let value = match leaf.kind {
        Kind::Id => row.try_get::<Option<Uuid>, _>(column)?.map(Value::Id),
        Kind::Text(_) | Kind::Choice(_) => row.try_get::<Option<String>, _>(column)?.map(Value::Text),
        Kind::Bool => row.try_get::<Option<bool>, _>(column)?.map(Value::Bool),
        Kind::Int => row.try_get::<Option<i64>, _>(column)?.map(Value::Int),
        Kind::Amount => row.try_get::<Option<Decimal>, _>(column)?.map(Value::Decimal),
        Kind::Time => row.try_get::<Option<OffsetDateTime>, _>(column)?.map(Value::Time),
        Kind::Date => row.try_get::<Option<Date>, _>(column)?.map(Value::Date),
        Kind::Words => row.try_get::<Option<Vec<String>>, _>(column)?.map(Value::Texts),
        Kind::Ids => row.try_get::<Option<Vec<Uuid>>, _>(column)?.map(Value::Ids),
        Kind::Object => match row.try_get::<Option<Json>, _>(column)? {
            Some(Json::Object(object)) => Some(Value::Json(object)),
            _ => None,
        },
    };
    Ok(value.unwrap_or(Value::Null))
}
