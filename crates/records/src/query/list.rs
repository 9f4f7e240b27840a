//! A page of a list.

use kontor_chassis::{Caller, Db, Error, FieldErrors, Scope};
use kontor_proto::records::v1::ListQuery;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnection, PgRow};

use super::condition::Condition;
use super::expand::{Expansions, show};
use super::order::Order;
use super::selection::{Readable, Selection};
use super::token::{Cursor, Identity};
use super::total::total;
use crate::fields::{self, Fields};
use crate::record::Record;
use crate::value::Value;

/// Without `page_size`.
const USUAL: usize = 50;
/// At most.
const MOST: usize = 200;

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<M> {
    /// The records as messages.
    pub records: Vec<M>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
    /// All that match; none when it wasn't asked for.
    pub total_size: Option<i64>,
    /// Whether that is an estimate.
    pub total_size_is_estimate: bool,
}

/// How many records a page has: 50 unless said, at most 200. Below 0 is told at `page_size`.
pub fn page_size(asked: i32, errors: &mut FieldErrors) -> usize {
    match usize::try_from(asked) {
        Ok(0) => USUAL,
        Ok(size) => size.min(MOST),
        Err(_) => {
            errors.push("page_size", "out_of_range", "Allowed is 0 and above.");
            USUAL
        }
    }
}

/// A page of the records that a request means and its caller may read, in a transaction of its own.
///
/// # Errors
/// As [`list`].
pub async fn page<R: Record>(db: &Db, caller: &Caller, query: &ListQuery) -> Result<Page<R::Message>, Error> {
    // Planning a page takes longer than reading it, and left alone PostgreSQL plans it anew each time, as it thinks a plan
    // that knows no company dearer. For fields and an order it finds the same one anyway; words decide it by their number.
    let all = caller.require(R::description().permission("read"))? == Scope::All;
    let mut tx = if all && query.search.trim().is_empty() && query.filter.trim().is_empty() {
        db.read_as_planned(caller).await?
    } else {
        db.read(caller).await?
    };
    list::<R>(&mut tx, caller, query).await
}

/// A page of the records that a request means and its caller may read: one statement, and one for the total.
///
/// # Errors
/// Invalid, naming every bad parameter; Forbidden when the caller may read none; Unavailable and Internal as the database
/// fails.
pub async fn list<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<R::Message>, Error> {
    let fields = fields::of::<R>(tx, caller.company_id()).await?;
    let readable = Readable::records(&fields, caller, query.deleted)?;
    let mut errors = FieldErrors::new();
    let expansions = Expansions::of(&query.expand, R::description(), &mut errors);
    let page = readable
        .page(
            tx,
            query,
            errors,
            |row| R::from_row(&row),
            |record: &R| Ok(record.values()),
        )
        .await?;
    let Page {
        records,
        next_page_token,
        total_size,
        total_size_is_estimate,
    } = page;
    Ok(Page {
        records: show(tx, records, &expansions).await?,
        next_page_token,
        total_size,
        total_size_is_estimate,
    })
}

impl Readable<'_> {
    /// A page of those that a request means. `read` makes one of a row, `values` are what it is ordered by.
    pub(super) async fn page<T>(
        &self,
        tx: &mut PgConnection,
        query: &ListQuery,
        mut errors: FieldErrors,
        read: impl Fn(PgRow) -> Result<T, sqlx::Error>,
        values: impl Fn(&T) -> Result<Vec<Value>, sqlx::Error>,
    ) -> Result<Page<T>, Error> {
        let fields = self.fields;
        let size = page_size(query.page_size, &mut errors);
        let order = Order::of(&query.order_by, fields, &mut errors);
        let mut selection = self.meant(query, false, &mut errors);
        errors.into_result()?;
        let identity = Identity::of(fields, self.caller, query, &order);
        let cursor = identity.cursor(&query.page_token, &order.leaves(fields))?;

        let forgiving = || self.meant(query, true, &mut FieldErrors::new());
        if cursor.as_ref().is_some_and(|cursor| cursor.typos) {
            selection = forgiving();
        }
        let mut found = rows(tx, fields, &selection, &order, cursor.as_ref(), size + 1).await?;
        if found.is_empty() && cursor.is_none() && !query.search.trim().is_empty() {
            selection = forgiving();
            found = rows(tx, fields, &selection, &order, None, size + 1).await?;
        }

        let more = found.len() > size;
        found.truncate(size);
        let records: Vec<T> = found.into_iter().map(read).collect::<Result<_, _>>()?;
        let next_page_token = match records.last() {
            Some(last) if more => identity.token(&order.cursor(&values(last)?, fields, selection.typos))?,
            _ => String::new(),
        };
        let (total_size, total_size_is_estimate) = if query.include_total == Some(false) {
            (None, false)
        } else if cursor.is_none() && !more {
            // The first page is all there is.
            (i64::try_from(records.len()).ok(), false)
        } else {
            let (total, estimate) = total(tx, fields.description().table, &selection).await?;
            (Some(total), estimate)
        };
        Ok(Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        })
    }
}

/// The text of a page.
pub(super) fn statement(fields: &Fields, condition: &Condition, order: &Order, limit: usize) -> String {
    let description = fields.description();
    // The limit is one of 201 numbers: written out, the planner knows it, and pages of the usual size share one text.
    format!(
        "select {}\nfrom {}\nwhere {}\norder by {}\nlimit {limit}",
        description.columns,
        description.table,
        condition.text(),
        order.sql(fields),
    )
}

async fn rows(
    tx: &mut PgConnection,
    fields: &Fields,
    selection: &Selection,
    order: &Order,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<PgRow>, Error> {
    let mut condition = selection.condition.clone();
    if let Some(cursor) = cursor {
        order.after(&cursor.place, fields, &mut condition);
    }
    let sql = statement(fields, &condition, order, limit);
    Ok(sqlx::query_with(AssertSqlSafe(sql), condition.arguments()?)
        .persistent(!selection.searches)
        .fetch_all(tx)
        .await?)
}
