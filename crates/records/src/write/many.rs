//! Changing many records at once: what is written, remembered and told of all of them is one statement.

use kontor_chassis::{Caller, Error, Scope, TenantTx};
use kontor_events::{Outgoing, outbox};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::change::{Change, Notes};
use super::rights;
use crate::description::Description;
use crate::leaf::Kind;
use crate::query::Condition;
use crate::record::Record;
use crate::value::Value;

/// Records that one message tells of.
const TOLD: usize = 1_000;

/// The company's records of these ids, deleted ones too, in the order of their ids and locked until the transaction ends.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub(crate) async fn lock<R: Record>(
    tx: &mut PgConnection,
    company: Uuid,
    ids: &[Uuid],
) -> Result<Vec<R>, Error> {
    let rows = sqlx::query(R::description().sql.lock_all_of)
        .bind(company)
        .bind(ids)
        .fetch_all(tx)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}

/// The records of these ids that the caller may read, deleted ones too, in the order of their ids and locked until the
/// transaction ends; each with whether the caller may do `action` (`update`, `delete`, …) with it.
///
/// # Errors
/// Forbidden when the caller may read none or do it with none; Unavailable and Internal as the database fails.
pub(crate) async fn lock_for<R: Record>(
    tx: &mut PgConnection,
    caller: &Caller,
    ids: &[Uuid],
    action: &str,
) -> Result<Vec<(R, bool)>, Error> {
    let description = R::description();
    let scope = caller.require(description.permission(action))?;
    let read = caller.require(description.permission("read"))?;
    if (read, scope) == (Scope::All, Scope::All) {
        let records = lock(tx, caller.company_id(), ids).await?;
        return Ok(records.into_iter().map(|record| (record, true)).collect());
    }
    let mut condition = Condition::default();
    let company = condition.bind(Kind::Id, Value::Id(caller.company_id()));
    condition.and(&format!("company_id = {company}"));
    let ids = condition.bind(Kind::Ids, Value::Ids(ids.to_vec()));
    condition.and(&format!("id = any({ids})"));
    rights::narrow(read, caller, description, &mut condition);
    let reached = rights::reach(scope, caller, description, &mut condition);
    let sql = format!(
        "select {}, coalesce({}, false) as reached\nfrom {}\nwhere {}\norder by id\nfor update",
        description.columns,
        reached.as_deref().unwrap_or("true"),
        description.table,
        condition.text(),
    );
    let rows = sqlx::query_with(AssertSqlSafe(sql), condition.arguments()?)
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| Ok((R::from_row(row)?, row.try_get("reached")?)))
        .collect()
}

/// A record as it is, and as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Pair<R> {
    pub(crate) before: R,
    pub(crate) after: R,
}

/// Writes pairs whose records were locked in this transaction. One that the table refuses doesn't stop the others: they
/// are halved until it stands alone. Answers those, with what their constraint means.
///
/// # Errors
/// As the database fails otherwise.
pub(crate) async fn update_each<R: Record>(
    tx: &mut TenantTx,
    pairs: Vec<Pair<R>>,
    change: &Change<'_>,
) -> Result<Vec<(Uuid, Error)>, Error> {
    let mut refused = Vec::new();
    let mut parts = vec![pairs];
    while let Some(mut part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        sqlx::query("savepoint many").execute(&mut **tx).await?;
        match update(tx, &part, change).await {
            Ok(()) => {
                sqlx::query("release savepoint many").execute(&mut **tx).await?;
            }
            Err(error) if is_about_a_row(&error) => {
                sqlx::query("rollback to savepoint many")
                    .execute(&mut **tx)
                    .await?;
                match part.as_slice() {
                    [alone] => refused.push((alone.before.id(), change.conflicts().of_one(error))),
                    _ => {
                        let rest = part.split_off(part.len() / 2);
                        parts.extend([rest, part]);
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}

/// Data exceptions and violated constraints: it lies in a row, and the others may go in without it.
pub(crate) fn is_about_a_row(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

async fn update<R: Record>(
    tx: &mut TenantTx,
    pairs: &[Pair<R>],
    change: &Change<'_>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<Written> = pairs
        .iter()
        .filter_map(|pair| Written::of(pair, change))
        .collect();
    let (Some(first), description) = (pairs.first(), R::description()) else {
        return Ok(());
    };
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::of(description, &rows);
    let mut arguments = PgArguments::default();
    let sql = columns
        .sql(
            description,
            first.before.company_id(),
            &rows,
            change,
            &mut arguments,
        )
        .map_err(sqlx::Error::Encode)?;
    let told = told::<R>(first.before.company_id(), rows, change);
    let outbox::Columns {
        ids,
        kinds,
        payloads,
        headers,
    } = outbox::Columns::of(tx, &told);
    arguments
        .add(ids)
        .and_then(|()| arguments.add(kinds))
        .and_then(|()| arguments.add(payloads))
        .and_then(|()| arguments.add(headers))
        .map_err(sqlx::Error::Encode)?;
    sqlx::query_with(AssertSqlSafe(sql), arguments)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn told<R: Record>(company: Uuid, rows: Vec<Written>, change: &Change<'_>) -> Vec<Outgoing> {
    let mut changes: Vec<_> = rows.into_iter().map(|row| row.told).collect();
    let mut told = Vec::new();
    while !changes.is_empty() {
        let rest = changes.split_off(changes.len().min(TOLD));
        let event = Outgoing::new(company, change.caller.user_id(), &R::changed(changes));
        told.push(event.asked_from(change.caller.origin()));
        changes = rest;
    }
    told
}

/// One record of the statement.
struct Written {
    id: Uuid,
    old: Vec<Value>,
    new: Vec<Value>,
    notes: Notes,
    told: kontor_proto::records::v1::RecordChange,
}

impl Written {
    /// None when nothing differs.
    fn of<R: Record>(pair: &Pair<R>, change: &Change<'_>) -> Option<Self> {
        let (old, new) = (pair.before.values(), pair.after.values());
        if old == new {
            return None;
        }
        let notes = if pair.before.deleted_at() == pair.after.deleted_at() {
            Notes::of(&R::description().leaves, &old, &new)
        } else {
            Notes::whole()
        };
        let mut after = pair.after.clone();
        after.touch(change.caller.user_id(), change.now);
        let told = change.told_of(&after, after.version() + 1, &notes);
        Some(Self {
            id: after.id(),
            new: after.values(),
            old,
            notes,
            told,
        })
    }
}

/// The columns that change in one record or another.
struct Columns {
    /// All records get the same value.
    same: Vec<usize>,
    /// Each gets its own.
    own: Vec<usize>,
    search: bool,
}

impl Columns {
    fn of(description: &Description, rows: &[Written]) -> Self {
        let leaves = &description.leaves;
        let changes = |at: &usize| rows.iter().any(|row| row.old[*at] != row.new[*at]);
        let changed: Vec<usize> = (0..leaves.len())
            .filter(|at| !leaves[*at].generated && leaves[*at].column != "version")
            .filter(changes)
            .collect();
        let alike = |at: &usize| rows.iter().all(|row| row.new[*at] == rows[0].new[*at]);
        let search = changed.iter().any(|at| leaves[*at].searchable);
        let (same, own) = changed.into_iter().partition(alike);
        Self { same, own, search }
    }

    /// The statement, whose last four parameters are the columns of the outbox; binds all others.
    fn sql(
        &mut self,
        description: &Description,
        company: Uuid,
        rows: &[Written],
        change: &Change<'_>,
        arguments: &mut PgArguments,
    ) -> Result<String, sqlx::error::BoxDynError> {
        let leaves = &description.leaves;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        arguments.add(company)?;
        arguments.add(ids)?;
        let mut set = Vec::new();
        for at in &self.same {
            rows[0].new[*at].clone().bind(leaves[*at].kind, arguments)?;
            set.push(format!("{} = ${}", leaves[*at].column, arguments.len()));
        }
        let (mut names, mut places) = (vec!["id".to_owned()], vec!["$2::uuid[]".to_owned()]);
        for at in &self.own {
            let texts: Vec<Option<String>> = rows.iter().map(|row| row.new[*at].to_sql_text()).collect();
            arguments.add(texts)?;
            let cast = leaves[*at].kind.cast();
            set.push(format!("{} = v.c{at}{cast}", leaves[*at].column));
            names.push(format!("c{at}"));
            places.push(format!("${}::text[]", arguments.len()));
        }
        if self.search {
            let texts: Vec<String> = rows.iter().map(|row| description.search_text(&row.new)).collect();
            arguments.add(texts)?;
            set.push("search = v.search".to_owned());
            names.push("search".to_owned());
            places.push(format!("${}::text[]", arguments.len()));
        }
        let used = arguments.len();
        bind_notes(rows, change, arguments)?;
        let n = |offset: usize| used + offset;
        Ok(format!(
            "with written as (
                 update {table} r
                 set {set},
                     version = r.version + 1
                 from unnest({places}) as v ({names})
                 where r.company_id = $1
                   and r.id = v.id
             ), noted as (
                 insert into history (company_id, record_id, id, at, actor, action, field, before, after)
                 select $1, h.record_id, h.id, ${}, ${}, ${}, h.field, h.before, h.after
                 from unnest(${}::uuid[], ${}::uuid[], ${}::text[], ${}::text[], ${}::text[])
                     as h (record_id, id, field, before, after)
             )
             insert into outbox (id, type, payload, headers)
             select *
             from unnest(${}::uuid[], ${}::text[], ${}::bytea[], ${}::jsonb[])",
            n(1),
            n(2),
            n(3),
            n(4),
            n(5),
            n(6),
            n(7),
            n(8),
            n(9),
            n(10),
            n(11),
            n(12),
            table = description.table,
            set = set.join(", "),
            places = places.join(", "),
            names = names.join(", "),
        ))
    }
}

/// Eight parameters: when, who, what was done, and the rows of the history.
fn bind_notes(
    rows: &[Written],
    change: &Change<'_>,
    arguments: &mut PgArguments,
) -> Result<(), sqlx::error::BoxDynError> {
    let records: Vec<Uuid> = rows
        .iter()
        .flat_map(|row| row.notes.ids.iter().map(|_| row.id))
        .collect();
    let ids: Vec<Uuid> = rows.iter().flat_map(|row| row.notes.ids.clone()).collect();
    let fields: Vec<Option<String>> = rows.iter().flat_map(|row| row.notes.fields.clone()).collect();
    let before: Vec<Option<String>> = rows.iter().flat_map(|row| row.notes.before.clone()).collect();
    let after: Vec<Option<String>> = rows.iter().flat_map(|row| row.notes.after.clone()).collect();
    arguments.add(change.now)?;
    arguments.add(change.caller.user_id())?;
    arguments.add(change.action)?;
    arguments.add(records)?;
    arguments.add(ids)?;
    arguments.add(fields)?;
    arguments.add(before)?;
    arguments.add(after)
}
