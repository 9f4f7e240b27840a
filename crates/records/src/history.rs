//! What was done to a record, newest first.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::records::v1::Change;
use prost_types::Timestamp;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::query::page_size;
use crate::record::Record;
use crate::write::{Which, find};

/// A page of changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The changes, newest first.
    pub changes: Vec<Change>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
}

/// The changes of a record that the caller may read; also of one that is deleted.
///
/// # Errors
/// NotFound when it isn't there for the caller; Invalid at `page_size` and `page_token`; Unavailable and Internal as the
/// database fails.
pub async fn list<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    record: Uuid,
    size: i32,
    token: &str,
) -> Result<Page, Error> {
    page::<R>(tx, caller, record, None, size, token).await
}

/// The changes of one field of a record, by its name in the history.
///
/// # Errors
/// As [`list`].
pub async fn of_field<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    record: Uuid,
    field: &'static str,
    size: i32,
    token: &str,
) -> Result<Page, Error> {
    page::<R>(tx, caller, record, Some(field), size, token).await
}

async fn page<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    record: Uuid,
    field: Option<&'static str>,
    size: i32,
    token: &str,
) -> Result<Page, Error> {
    let mut errors = FieldErrors::new();
    let size = page_size(size, &mut errors);
    let before = before(token, record, &mut errors);
    errors.into_result()?;
    if find::<R>(tx, caller, record, Which::Any).await?.is_none() {
        return Err(Error::not_found(R::description().one));
    }
    let mut rows: Vec<Row> = sqlx::query_as(
        "select id, at, actor, action, field, before, after
         from history
         where company_id = $1
           and record_id = $2
           and ($3::uuid is null or id < $3)
           and ($4::text is null or field = $4)
         order by id desc
         limit $5",
    )
    .bind(caller.company_id())
    .bind(record)
    .bind(before)
    .bind(field)
    .bind(i64::try_from(size + 1).unwrap_or(i64::MAX))
    .fetch_all(tx)
    .await?;
    let more = rows.len() > size;
    rows.truncate(size);
    let next_page_token = match rows.last() {
        Some(last) if more => format!("{}{}", record.simple(), last.id.simple()),
        _ => String::new(),
    };
    Ok(Page {
        changes: rows.into_iter().map(Change::from).collect(),
        next_page_token,
    })
}

/// A token is the record and the last change of the page before; of use for that record alone.
fn before(token: &str, record: Uuid, errors: &mut FieldErrors) -> Option<Uuid> {
    if token.is_empty() {
        return None;
    }
    let record = record.simple().to_string();
    let last = token
        .strip_prefix(record.as_str())
        .and_then(|rest| Uuid::try_parse(rest).ok());
    if last.is_none() {
        errors.push(
            "page_token",
            "invalid_page_token",
            "This token belongs to no page of this list.",
        );
    }
    last
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: OffsetDateTime,
    actor: Option<Uuid>,
    action: String,
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl From<Row> for Change {
    fn from(row: Row) -> Self {
        let Row {
            id: _,
            at,
            actor,
            action,
            field,
            before,
            after,
        } = row;
        Self {
            at: Some(Timestamp {
                seconds: at.unix_timestamp(),
                nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
            }),
            by: actor.map(|id| id.to_string()),
            action,
            field,
            old: before,
            new: after,
        }
    }
}
