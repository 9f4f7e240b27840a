//! A page of a list.

use kontor_chassis::{Caller, Db, Error, FieldErrors, Scope};
use kontor_proto::records::v1::ListQuery;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::condition::Condition;
use super::expand::{Expansions, show};
use super::order::Order;
use super::selection::Selection;
use super::token::{Cursor, Identity};
use super::total::total;
use crate::description::Description;
use crate::fields::{self, Fields};
use crate::record::Record;

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
    let mut errors = FieldErrors::new();
    let size = page_size(query.page_size, &mut errors);
    let order = Order::of(&query.order_by, &fields, &mut errors);
    let expansions = Expansions::of(&query.expand, R::description(), &mut errors);
    let mut selection = Selection::of::<R>(&fields, caller, query, false, &mut errors)?;
    errors.into_result()?;
    let identity = Identity::of::<R>(&fields, caller, query, &order);
    let cursor = identity.cursor(&query.page_token, &order.leaves(&fields))?;

    let forgive = |selection: &mut Selection| {
        *selection = Selection::of::<R>(&fields, caller, query, true, &mut FieldErrors::new())?;
        Ok::<_, Error>(())
    };
    if cursor.as_ref().is_some_and(|cursor| cursor.typos) {
        forgive(&mut selection)?;
    }
    let mut records: Vec<R> = rows(tx, &fields, &selection, &order, cursor.as_ref(), size + 1).await?;
    if records.is_empty() && cursor.is_none() && !query.search.trim().is_empty() {
        forgive(&mut selection)?;
        records = rows(tx, &fields, &selection, &order, None, size + 1).await?;
    }

    let more = records.len() > size;
    records.truncate(size);
    let next_page_token = match records.last() {
        Some(last) if more => identity.token(&order.cursor(&last.values(), &fields, selection.typos))?,
        _ => String::new(),
    };
    let (total_size, total_size_is_estimate) = if query.include_total == Some(false) {
        (None, false)
    } else if cursor.is_none() && !more {
        // The first page is all there is.
        (i64::try_from(records.len()).ok(), false)
    } else {
        let (total, estimate) = total::<R>(tx, &selection).await?;
        (Some(total), estimate)
    };
    let records = show(tx, records, &expansions).await?;
    Ok(Page {
        records,
        next_page_token,
        total_size,
        total_size_is_estimate,
    })
}

/// The text of a page.
pub(super) fn statement(
    description: &Description,
    fields: &Fields,
    condition: &Condition,
    order: &Order,
    limit: usize,
) -> String {
    // The limit is one of 201 numbers: written out, the planner knows it, and pages of the usual size share one text.
    format!(
        "select {}\nfrom {}\nwhere {}\norder by {}\nlimit {limit}",
        description.columns,
        description.table,
        condition.text(),
        order.sql(fields),
    )
}

async fn rows<R: Record>(
    tx: &mut PgConnection,
    fields: &Fields,
    selection: &Selection,
    order: &Order,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<R>, Error> {
    let description = R::description();
    let mut condition = selection.condition.clone();
    if let Some(cursor) = cursor {
        order.after(&cursor.place, fields, &mut condition);
    }
    let sql = statement(description, fields, &condition, order, limit);
    let rows = sqlx::query_with(AssertSqlSafe(sql), condition.arguments()?)
        .persistent(!selection.searches)
        .fetch_all(tx)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}
