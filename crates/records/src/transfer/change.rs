//! Rows that change records which are there (`upsert`, `update`), one statement a record, with its history.

use std::collections::HashMap;

use kontor_chassis::TenantTx;
use kontor_chassis::error::Error;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Row as _};
use time::OffsetDateTime;
use uuid::Uuid;

use super::apply::{Apply, Batch};
use super::changes::Changed;
use super::draft::{Drafter, Given, RowError};
use super::importer::{Candidate, Importer};
use super::job::Job;
use super::own_cells;
use super::plan::{MatchOn, Mode};
use super::refusals::Refusal;
use super::staging::key_column;
use crate::fields;
use crate::record::Record;
use crate::write::{self, is_about_a_row};

/// A staged row and the records it matches.
struct Matched {
    line: i64,
    cells: Vec<String>,
    given: Given,
    key: Option<String>,
    ids: Vec<Uuid>,
}

/// Applies the rows above the job's mark, up to `upto`.
pub(super) async fn batch<I: Importer>(
    apply: &Apply<'_, I>,
    tx: &mut TenantTx,
    job: &Job,
    upto: i64,
) -> Result<Batch, Error> {
    let fields = fields::of::<I::Record>(tx, apply.claim.company_id).await?;
    let drafter = Drafter::of(&apply.plan, &job.header, &fields, apply.caller)?;
    let mut batch = Batch::default();
    // Rows of one file that match each other: the first one makes the record, the next ones change it.
    let mut made: HashMap<String, Uuid> = HashMap::new();
    for row in matched(apply, tx, job, upto).await? {
        let key = row.key.clone();
        let known = key.as_ref().and_then(|key| made.get(key)).copied();
        let outcome = one(apply, tx, &drafter, &row, known).await?;
        match outcome {
            Ok(Done::Created(id)) => {
                batch.created.push(id);
                made.extend(key.map(|key| (key, id)));
            }
            Ok(Done::Updated(change)) => {
                batch.updated += 1;
                batch.changed.extend(change);
            }
            Err(errors) => batch.refusals.push(Refusal {
                line: row.line,
                cells: row.cells,
                errors,
            }),
        }
    }
    Ok(batch)
}

enum Done {
    Created(Uuid),
    /// Changed, unless it was like that already.
    Updated(Option<Changed>),
}

/// One row: what it did, or why it was refused.
async fn one<I: Importer>(
    apply: &Apply<'_, I>,
    tx: &mut TenantTx,
    drafter: &Drafter,
    row: &Matched,
    known: Option<Uuid>,
) -> Result<Result<Done, Vec<RowError>>, Error> {
    let refused = |code: &str, message: &str| Ok(Err(vec![RowError::whole(code, message)]));
    let now = OffsetDateTime::now_utc();
    if row.key.is_none() {
        return refused("required", "The row lacks what records are matched by.");
    }
    let id = match (known, row.ids.as_slice()) {
        (Some(id), _) => Some(id),
        (None, [id]) => Some(*id),
        (None, []) => None,
        _ => return refused("ambiguous_match", "Several records match the row."),
    };
    let Some(id) = id else {
        if apply.plan.mode == Mode::Update {
            return refused("no_match", "No record matches the row.");
        }
        let record: I::Record = match drafter.create(row.given.clone().into(), now) {
            Ok((record, errors)) if errors.is_empty() => record,
            Ok((_, errors)) => return Ok(Err(errors)),
            Err(error) => return Ok(Err(vec![error])),
        };
        let candidate = Candidate::new(record, drafter.gives_owner(&row.given));
        return write(apply, tx, drafter, row, candidate, now).await;
    };
    let found =
        write::get_for_update::<I::Record>(tx, apply.caller, id, "update", write::Which::Present).await;
    let before = match found {
        Ok(before) => before,
        Err(error) if error.kind() == kontor_chassis::error::Kind::NotFound => {
            return refused("no_match", "No record matches the row.");
        }
        Err(error) if error.kind() == kontor_chassis::error::Kind::Forbidden => {
            return refused("forbidden", "The record is not one's own.");
        }
        Err(error) => return Err(error),
    };
    match drafter.change(&before, row.given.clone()) {
        Ok(record) => {
            let candidate = Candidate::of(before, record, drafter.gives_owner(&row.given));
            write(apply, tx, drafter, row, candidate, now).await
        }
        Err(errors) => Ok(Err(errors)),
    }
}

async fn write<I: Importer>(
    apply: &Apply<'_, I>,
    tx: &mut TenantTx,
    drafter: &Drafter,
    row: &Matched,
    candidate: Candidate<I::Record>,
    now: OffsetDateTime,
) -> Result<Result<Done, Vec<RowError>>, Error> {
    let mut batch = [candidate];
    apply.importer.complete(tx, apply.caller, now, &mut batch).await?;
    let [
        Candidate {
            record,
            before,
            owner_given: _,
            errors,
        },
    ] = batch;
    let errors = drafter.errors_at(errors, &row.cells);
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    sqlx::query("savepoint one").execute(&mut **tx).await?;
    let id = record.id();
    let written = match &before {
        Some(before) => {
            let change = write::Change::new(apply.caller, now, "updated");
            write::update(tx, before, record, change)
                .await
                .map(|after| Done::Updated(Changed::between(before, &after)))
        }
        None => {
            let change = write::Change::new(apply.caller, now, "created");
            write::insert(tx, &record, change)
                .await
                .map(|_| Done::Created(id))
        }
    };
    match written {
        Ok(done) => {
            sqlx::query("release savepoint one").execute(&mut **tx).await?;
            Ok(Ok(done))
        }
        Err(error) if caused_by_a_row(&error) => {
            sqlx::query("rollback to savepoint one")
                .execute(&mut **tx)
                .await?;
            Ok(Err(vec![RowError::whole(
                "refused",
                "The record breaks a rule of its kind.",
            )]))
        }
        Err(error) => Err(error),
    }
}

fn caused_by_a_row(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|source| source.downcast_ref::<sqlx::Error>())
        .is_some_and(is_about_a_row)
}

/// The staged rows of a batch with the ids of the records that match them.
async fn matched<I: Importer>(
    apply: &Apply<'_, I>,
    tx: &mut TenantTx,
    job: &Job,
    upto: i64,
) -> Result<Vec<Matched>, Error> {
    let kind = I::Record::description();
    let (leaf, column) = match apply.plan.match_on {
        MatchOn::Email => (kind.position("email"), key_column(kind, "email")),
        MatchOn::Number => (
            kind.position("account_number"),
            key_column(kind, "account_number"),
        ),
        MatchOn::Id => (kind.position("id"), Some("id")),
        MatchOn::Name => (kind.position("name"), key_column(kind, "name")),
    };
    let Some(column) = column else {
        return Err(Error::internal("a record without a column to match by"));
    };
    let staged = |leaf: usize| {
        apply
            .staging
            .leaves
            .iter()
            .position(|at| *at == leaf)
            .map(|at| format!("s.c{}", at + 1))
    };
    let key = match (leaf.and_then(staged), apply.plan.match_on) {
        (Some(key), _) => key,
        // A name in two parts.
        (None, MatchOn::Name) => {
            let part = |name: &str| {
                kind.position(name)
                    .and_then(staged)
                    .unwrap_or_else(|| "null".to_owned())
            };
            format!(
                "nullif(concat_ws(' ', {}, {}), '')",
                part("first_name"),
                part("last_name")
            )
        }
        (None, _) => "null".to_owned(),
    };
    let same = match apply.plan.match_on {
        MatchOn::Id => format!("r.id = ({key})::uuid"),
        MatchOn::Number => format!("r.{column} = {key}"),
        MatchOn::Email | MatchOn::Name => format!("lower(r.{column}) = lower({key})"),
    };
    sqlx::query("set local enable_nestloop = off")
        .execute(&mut **tx)
        .await?;
    let sql = format!(
        "select s.*, {key} as key, m.ids
         from import_staging s
         left join (
             select s.seq, array_agg(r.id) as ids
             from import_staging s
             join {} r on {same}
             where s.job_id = $1
               and s.seq > $3
               and s.seq <= $4
               and r.company_id = $2
               and r.deleted_at is null
             group by s.seq
         ) m on m.seq = s.seq
         where s.job_id = $1
           and s.seq > $3
           and s.seq <= $4
         order by s.seq",
        kind.table
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(apply.claim.id)
        .bind(apply.claim.company_id)
        .bind(job.applied_to)
        .bind(upto)
        .fetch_all(&mut **tx)
        .await?;
    sqlx::query("set local enable_nestloop = on")
        .execute(&mut **tx)
        .await?;
    rows.iter().map(|row| read(apply, row)).collect()
}

fn read<I: Importer>(apply: &Apply<'_, I>, row: &PgRow) -> Result<Matched, Error> {
    let kind = I::Record::description();
    let mut given = Given::new();
    for (index, leaf) in apply.staging.leaves.iter().enumerate() {
        let text: Option<String> = row.try_get(format!("c{}", index + 1).as_str())?;
        let Some(text) = text else { continue };
        given.push((*leaf, own_cells::staged(&kind.leaves[*leaf], text)?));
    }
    let cells: Option<Json<Vec<String>>> = row.try_get("cells")?;
    let key: Option<String> = row.try_get("key")?;
    Ok(Matched {
        line: row.try_get("line")?,
        cells: cells.map(|cells| cells.0).unwrap_or_default(),
        given,
        key: key.map(|key| key.to_lowercase()),
        ids: row.try_get::<Option<Vec<Uuid>>, _>("ids")?.unwrap_or_default(),
    })
}
