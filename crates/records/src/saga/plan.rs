//! What a saga would do, and whether what it did is still as it left it. Nothing is saved here.

use std::collections::HashSet;

use kontor_chassis::{Caller, Db, Error, FieldErrors, Kind, TenantTx};
use kontor_proto::records::v1::{SagaCandidate, SagaPlan, SagaTouch, SagaWrite};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::fill::Written;
use super::store::{self, Entry};
use super::{Participant, draft, filled, gone};
use crate::duplicates;
use crate::record::Record;
use crate::write::{self, Which};

/// What the step of a saga would do, with nothing saved.
///
/// # Errors
/// Refused when the record given is not there for the caller, or for a record that can't be made; as
/// [`step`](super::step).
pub async fn plan<P: Participant>(
    db: &Db,
    caller: &Caller,
    part: &P,
    now: OffsetDateTime,
) -> Result<SagaPlan, Error> {
    let mut wanted = draft(part, caller, now)?.map_err(refused)?;
    // Dropped: placing a new record may write, which then never was.
    let tx = &mut db.begin(caller).await?;
    let link = match part.asked().given {
        Some(given) => {
            let given = write::find(tx, caller, write::parse_id(given)?, Which::Present).await?;
            Some(given.ok_or_else(|| refused(gone::<P::Record>()))?)
        }
        None => match part.same(tx, &wanted).await?.as_slice() {
            [only] => write::find(tx, &Caller::system(caller.company_id()), *only, Which::Present).await?,
            _ => None,
        },
    };
    let candidates = readable(tx, caller, part, &wanted).await?;
    let written = if let Some(record) = &link {
        Written::between(record, &filled(part, record, &wanted)?, P::WRITES)
    } else {
        part.place(tx, &mut wanted, now).await?.map_err(refused)?;
        made(caller, &wanted, now)
    };
    let linked = link.is_some();
    let writes = written.changes().map(|(field, from, to)| SagaWrite {
        field: field.to_owned(),
        // A new record holds nothing yet, whatever it is drafted with.
        from: from.filter(|text| linked && !text.is_empty()).map(str::to_owned),
        to: to.map(str::to_owned),
    });
    Ok(SagaPlan {
        id: link.map(|record| record.id().to_string()),
        candidates,
        writes: writes.collect(),
    })
}

/// Candidates that are told.
const TOLD: usize = 5;

/// The candidates that the caller may read, best first; none for one who may read no such record.
async fn readable<P: Participant>(
    tx: &mut TenantTx,
    caller: &Caller,
    part: &P,
    wanted: &P::Record,
) -> Result<Vec<SagaCandidate>, Error> {
    let mut shown = Vec::new();
    if caller
        .require(P::Record::description().permission("read"))
        .is_err()
    {
        return Ok(shown);
    }
    for candidate in part.candidates(tx, wanted).await? {
        if let Some(record) = write::find::<P::Record>(tx, caller, candidate.id, Which::Present).await? {
            shown.push(SagaCandidate {
                id: record.id().to_string(),
                name: record.title(),
                reason: candidate.reason,
                score: candidate.score,
            });
        }
    }
    if P::BY_NAME > 0.0 {
        for (record, likeness) in duplicates::similar(tx, caller, wanted).await? {
            shown.push(SagaCandidate {
                id: record.id().to_string(),
                name: record.title(),
                reason: "name".to_owned(),
                score: (P::BY_NAME * likeness * 100.0).round() / 100.0,
            });
        }
    }
    shown.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut known = HashSet::new();
    shown.retain(|candidate| known.insert(candidate.id.clone()));
    shown.truncate(TOLD);
    Ok(shown)
}

/// What a new record would hold, of what a person may set.
fn made<R: Record>(caller: &Caller, record: &R, now: OffsetDateTime) -> Written {
    let mut blank = R::draft(record.id(), caller, now).values();
    let leaves = &R::description().leaves;
    let mut fields: Vec<&str> = Vec::new();
    for (at, leaf) in leaves.iter().enumerate() {
        if leaf.read_only {
            continue;
        }
        // An owner by default is written like one that was chosen.
        if leaf.nullable {
            blank[at] = crate::Value::Null;
        }
        let field = leaf.path.split('.').next().unwrap_or(leaf.path);
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    R::from_values(blank).map_or_else(Written::default, |blank| {
        Written::between(&blank, record, &fields)
    })
}

fn refused(reason: String) -> Error {
    let mut errors = FieldErrors::new();
    errors.push("id", "invalid_value", reason);
    errors.into_error(Kind::Refused)
}

/// What stands in the way of taking a saga back: the record that it made, if it isn't as the saga left it (changed, deleted, or
/// linked by another saga), and those of `others` that aren't its own, as they are linked to what it made.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn touches<R: Record>(
    tx: &mut TenantTx,
    company: Uuid,
    saga: Uuid,
    others: &[Uuid],
) -> Result<Vec<SagaTouch>, Error> {
    let mut touches = Vec::from_iter(touched::<R>(tx, company, saga).await?);
    touches.extend(linked::<R>(tx, company, saga, others).await?);
    Ok(touches)
}

async fn touched<R: Record>(
    tx: &mut TenantTx,
    company: Uuid,
    saga: Uuid,
) -> Result<Option<SagaTouch>, Error> {
    let Some(Entry::Completed(step)) = store::find(tx, company, saga).await? else {
        return Ok(None);
    };
    if step.matched_existing {
        return Ok(None);
    }
    let found = write::find::<R>(tx, &Caller::system(company), step.record, Which::Any).await?;
    let Some(record) = found else { return Ok(None) };
    let reason = if record.deleted_at().is_some() {
        "deleted"
    } else if record.version() != step.version {
        "changed"
    } else if store::heir(tx, company, saga, step.record).await?.is_some() {
        "linked"
    } else {
        return Ok(None);
    };
    Ok(Some(touch(&record, reason)))
}

async fn linked<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    saga: Uuid,
    records: &[Uuid],
) -> Result<Vec<SagaTouch>, Error> {
    let own = match store::find(conn, company, saga).await? {
        Some(Entry::Completed(step)) => Some(step.record),
        Some(Entry::Failed(_) | Entry::Undone) | None => None,
    };
    let others: Vec<Uuid> = records
        .iter()
        .copied()
        .filter(|record| Some(*record) != own)
        .collect();
    let records = write::all_of::<R>(conn, company, &others).await?;
    Ok(records.iter().map(|record| touch(record, "linked")).collect())
}

fn touch<R: Record>(record: &R, reason: &str) -> SagaTouch {
    SagaTouch {
        kind: R::description().one.to_owned(),
        id: record.id().to_string(),
        name: record.title(),
        reason: reason.to_owned(),
    }
}
