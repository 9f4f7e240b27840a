//! Records that may be the same, found among those that are there.
//!
//! Every record becomes a [`Profile`](profile::Profile) of what tells it apart: names, addresses, e-mail, telephone, domain,
//! read from the fields of the description whose names and kinds say so. [`blocks`] brings together those that share
//! something rare, so that not every pair has to be looked at; [`likeness`] says how alike a pair is and why. Pairs alike
//! enough are joined into groups, but for those of which a person said that they are not the same. Of a record that isn't
//! there yet, [`similar`] finds those with a name like its.

mod blocks;
mod groups;
mod likeness;
mod place;
mod profile;
mod similar;

use std::collections::HashSet;
use std::marker::PhantomData;

use kontor_chassis::{Caller, Db, Error, FieldErrors, Kind};
use kontor_proto::records::v1::{DuplicateGroup, ListQuery};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::fields;
use crate::query::{Selection, page_size};
use crate::record::Record;
use crate::write::{self, Which};
use profile::{Pattern, Profile};

pub use similar::explain_similar;
pub(crate) use similar::similar;

/// The records of a company that are compared at most, those that changed last.
const MOST: usize = 50_000;
/// The ids that are dismissed at once.
const MOST_DISMISSED: usize = 100;

/// A page of groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The groups, surest first.
    pub groups: Vec<DuplicateGroup>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
}

/// The duplicates of a kind, as a service offers them. Cheap to clone.
#[derive(Clone)]
pub struct Duplicates<R> {
    db: Db,
    kind: PhantomData<fn() -> R>,
}

impl<R: Record> Duplicates<R> {
    /// In the schema of this service.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            kind: PhantomData,
        }
    }

    /// Groups of records that the caller may read and that may be the same, surest first.
    ///
    /// # Errors
    /// Forbidden; Invalid for a page that can't be meant; as the database fails.
    pub async fn list(&self, caller: &Caller, size: i32, token: &str) -> Result<Page, Error> {
        let mut errors = FieldErrors::new();
        let size = page_size(size, &mut errors);
        let begin = begin::<R>(caller, token, &mut errors);
        errors.into_result()?;
        let mut tx = self.db.read(caller).await?;
        let profiles = profiles::<R>(&mut tx, caller).await?;
        let dismissed = dismissed(&mut tx, caller.company_id(), R::description().many).await?;
        drop(tx);
        // Seconds of work for a big company: not among the rpcs of others.
        let groups = tokio::task::spawn_blocking(move || groups::find(&profiles, &dismissed))
            .await
            .map_err(Error::internal)?;
        let end = begin.saturating_add(size).min(groups.len());
        let next_page_token = if end < groups.len() {
            format!("{}{end:x}", seal::<R>(caller))
        } else {
            String::new()
        };
        let groups = groups.into_iter().skip(begin).take(size).collect();
        Ok(Page {
            groups,
            next_page_token,
        })
    }

    /// Remembers that these records are not the same, each of each.
    ///
    /// # Errors
    /// Invalid for fewer than two; Refused, naming ids that are not there; Forbidden.
    pub async fn dismiss(&self, caller: &Caller, ids: &[String]) -> Result<(), Error> {
        let description = R::description();
        caller.require(description.permission("merge"))?;
        let ids = read_ids(ids)?;
        let mut tx = self.db.begin(caller).await?;
        let mut unknown = FieldErrors::new();
        for (at, id) in ids.iter().enumerate() {
            match write::find::<R>(&mut tx, caller, *id, Which::Present).await? {
                Some(record) => write::may(&mut tx, caller, "merge", &record).await?,
                None => unknown.push(
                    format!("ids[{at}]"),
                    "unknown_reference",
                    "There is no such record.",
                ),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown.into_error(Kind::Refused));
        }
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (at, one) in ids.iter().enumerate() {
            for other in &ids[at + 1..] {
                first.push(*one.min(other));
                second.push(*one.max(other));
            }
        }
        sqlx::query(
            "insert into dismissed_duplicates (company_id, kind, first_id, second_id, dismissed_by)
             select $1, $2, d.first_id, d.second_id, $5
             from unnest($3::uuid[], $4::uuid[]) as d (first_id, second_id)
             on conflict do nothing",
        )
        .bind(caller.company_id())
        .bind(description.many)
        .bind(first)
        .bind(second)
        .bind(caller.user_id())
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

/// What a token begins with, so that it is of use for this list alone.
fn seal<R: Record>(caller: &Caller) -> String {
    let mut hash = Sha256::new();
    hash.update(R::description().table);
    hash.update(caller.company_id());
    let hash = hash.finalize();
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn begin<R: Record>(caller: &Caller, token: &str, errors: &mut FieldErrors) -> usize {
    if token.is_empty() {
        return 0;
    }
    let begin = token
        .strip_prefix(seal::<R>(caller).as_str())
        .and_then(|rest| usize::from_str_radix(rest, 16).ok());
    begin.unwrap_or_else(|| {
        let message = "This token belongs to no page of this list.";
        errors.push("page_token", "invalid_page_token", message);
        0
    })
}

fn read_ids(ids: &[String]) -> Result<Vec<Uuid>, Error> {
    let mut errors = FieldErrors::new();
    let mut read = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        match crate::admit::id(id) {
            Ok(id) if read.contains(&id) => {}
            Ok(id) => read.push(id),
            Err(fault) => errors.push(format!("ids[{at}]"), fault.code, fault.message),
        }
    }
    if ids.len() > MOST_DISMISSED {
        errors.push("ids", "too_many", format!("At most {MOST_DISMISSED}."));
    } else if read.len() < 2 && errors.is_empty() {
        errors.push("ids", "too_few", "Two records at least.");
    }
    errors.into_result()?;
    Ok(read)
}

/// What tells the records apart that the caller may read.
async fn profiles<R: Record>(tx: &mut PgConnection, caller: &Caller) -> Result<Vec<Profile>, Error> {
    let description = R::description();
    let fields = fields::of::<R>(tx, caller.company_id()).await?;
    let mut errors = FieldErrors::new();
    let Selection { condition, .. } =
        Selection::of(&fields, caller, &ListQuery::default(), false, &mut errors)?;
    errors.into_result()?;
    let sql = format!(
        "select {}\nfrom {}\nwhere {}\norder by updated_at desc\nlimit {MOST}",
        description.columns,
        description.table,
        condition.text()
    );
    let rows = sqlx::query_with(AssertSqlSafe(sql), condition.arguments()?)
        .persistent(false)
        .fetch_all(tx)
        .await?;
    let pattern = Pattern::of(description);
    let mut profiles = Vec::with_capacity(rows.len());
    for row in &rows {
        profiles.push(pattern.profile(&R::from_row(row)?));
    }
    Ok(profiles)
}

async fn dismissed(
    tx: &mut PgConnection,
    company: Uuid,
    kind: &str,
) -> Result<HashSet<(Uuid, Uuid)>, sqlx::Error> {
    let pairs: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select first_id, second_id
         from dismissed_duplicates
         where company_id = $1
           and kind = $2",
    )
    .bind(company)
    .bind(kind)
    .fetch_all(tx)
    .await?;
    Ok(pairs.into_iter().collect())
}
