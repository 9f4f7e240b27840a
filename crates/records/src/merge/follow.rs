//! Following a merge in a service whose records refer to what was merged.
//!
//! Messages may come twice, late and in any order. Which merges were heard of is remembered ([`heard`]), and where a
//! record has gone; so whatever comes to a record that has gone itself goes on with it, and what is taken back too early
//! waits for what lies on top of it.

use std::collections::BTreeSet;

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::records::v1::Merging;
use time::OffsetDateTime;
use uuid::Uuid;

use super::heard::{self, Passage};
use super::settle::Settle;
use super::store;
use super::written::Written;
use crate::implied::MEMBER;
use crate::record::Record;
use crate::refs;
use crate::value::Value;
use crate::write::{self, Change, Which, parse_id};

/// Lets the records of a kind that refer to a merge's sources (records of `referred`) refer to its winner, or back when it
/// was taken back.
///
/// Records that are being made just now with a reference to a source are waited for, and from here on none can be made.
///
/// # Errors
/// Invalid when an id can't be read; Unavailable and Internal as the database fails.
pub async fn follow<R: Settle>(
    tx: &mut TenantTx,
    company: Uuid,
    referred: &'static str,
    merging: &Merging,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let kind = R::description();
    let sources = merging.sources.iter().map(|source| parse_id(&source.id));
    let passage = Passage {
        merge_id: parse_id(&merging.merge_id)?,
        gone: sources.collect::<Result<_, _>>()?,
        winner_id: parse_id(&merging.winner_id)?,
    };
    heard::hold(tx, company, &passage).await?;
    refs::settle(tx, company, referred, &merging.sources).await?;
    if merging.undone {
        if heard::undone(tx, company, kind.many, &passage).await? {
            back::<R>(tx, company, passage, now).await?;
        }
    } else if heard::done(tx, company, kind.many, referred, &passage).await? {
        forth::<R>(tx, company, referred, vec![passage], now).await?;
    }
    Ok(())
}

/// A record that another service had made or linked, with its references where they have gone by now: what it was asked to
/// refer to may have been merged meanwhile.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub(crate) async fn catch_up<R: Settle>(
    tx: &mut TenantTx,
    record: R,
    now: OffsetDateTime,
) -> Result<R, Error> {
    let (company, kind) = (record.company_id(), R::description());
    let referred = elsewhere(&record);
    let ids: BTreeSet<Uuid> = referred.iter().map(|(_, id)| *id).collect();
    if ids.is_empty() {
        return Ok(record);
    }
    // A merge that is heard at this moment either is seen, or sees the record.
    heard::share(tx, company, ids).await?;
    let gone = heard::passages_of(tx, company, referred).await?;
    if gone.is_empty() {
        return Ok(record);
    }
    for (referred, passages) in gone {
        forth::<R>(tx, company, &referred, passages, now).await?;
    }
    let system = Caller::system(company);
    write::find(tx, &system, record.id(), Which::Any)
        .await?
        .ok_or_else(|| Error::not_found(kind.one))
}

/// What a record refers to in other services and may be merged there.
fn elsewhere<R: Record>(record: &R) -> BTreeSet<(&'static str, Uuid)> {
    let kind = R::description();
    let never = [kind.one, MEMBER, "territory"];
    let mut referred = BTreeSet::new();
    for (leaf, value) in kind.leaves.iter().zip(record.values()) {
        let Some(other) = leaf
            .refers
            .filter(|other| !leaf.read_only && !never.contains(other))
        else {
            continue;
        };
        match value {
            Value::Id(id) => referred.extend([(other, id)]),
            Value::Ids(ids) => referred.extend(ids.into_iter().map(|id| (other, id))),
            _ => {}
        }
    }
    referred
}

/// Moves references from what has gone to where it went, and on from there.
async fn forth<R: Settle>(
    tx: &mut TenantTx,
    company: Uuid,
    referred: &str,
    mut pending: Vec<Passage>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    // A merge that was taken back, which is not heard yet, could close a circle.
    let mut gone_through = BTreeSet::new();
    while let Some(passage) = pending.pop() {
        if !gone_through.insert(passage.merge_id) {
            continue;
        }
        move_references::<R>(tx, company, referred, &passage, now).await?;
        pending.extend(heard::passages(tx, company, referred, passage.winner_id).await?);
    }
    Ok(())
}

async fn move_references<R: Settle>(
    tx: &mut TenantTx,
    company: Uuid,
    referred: &str,
    passage: &Passage,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let kind = R::description();
    let system = Caller::system(company);
    let referring = kind
        .leaves
        .iter()
        .filter(|leaf| leaf.refers == Some(referred) && !leaf.read_only);
    for leaf in referring {
        let records: Vec<R> = store::referring(tx, company, leaf, &passage.gone).await?;
        for before in records {
            let mut after = replaced(&before, referred, &passage.gone, Some(passage.winner_id));
            let part = after.clone();
            R::settle_merge(tx, &[part], &mut after).await?;
            let written = Written::between(&before, &after);
            let id = before.id();
            write::update(tx, &before, after, Change::new(&system, now, "moved")).await?;
            store::note_move(tx, company, passage.merge_id, kind.many, id, &written).await?;
        }
    }
    Ok(())
}

/// Moves references back that nobody has changed since, unless where they went to has gone itself: then they wait until
/// that is taken back.
async fn back<R: Settle>(
    tx: &mut TenantTx,
    company: Uuid,
    passage: Passage,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let kind = R::description();
    let system = Caller::system(company);
    let mut pending = vec![passage];
    while let Some(passage) = pending.pop() {
        if heard::has_gone(tx, company, kind.many, passage.winner_id).await? {
            continue;
        }
        for (id, written) in store::take_moves(tx, company, passage.merge_id, kind.many).await? {
            let Some(before) = store::held::<R>(tx, company, id).await? else {
                continue;
            };
            let (mut after, _) = written.undo(&before)?;
            let part = after.clone();
            R::settle_merge(tx, &[part], &mut after).await?;
            write::update(tx, &before, after, Change::new(&system, now, "moved")).await?;
        }
        pending.extend(heard::waiting(tx, company, kind.many, &passage.gone).await?);
    }
    Ok(())
}

/// The record with its references to these replaced; without a replacement they are cleared.
pub(super) fn replaced<R: Record>(record: &R, referred: &str, gone: &[Uuid], winner: Option<Uuid>) -> R {
    let mut values = record.values();
    for (leaf, value) in R::description().leaves.iter().zip(&mut values) {
        if leaf.refers != Some(referred) || leaf.read_only {
            continue;
        }
        match value {
            Value::Id(id) if gone.contains(id) => *value = winner.map_or(Value::Null, Value::Id),
            Value::Ids(ids) => {
                let mut kept: Vec<Uuid> = Vec::with_capacity(ids.len());
                for id in ids.iter() {
                    let id = if gone.contains(id) { winner } else { Some(*id) };
                    kept.extend(id.filter(|id| !kept.contains(id)));
                }
                *ids = kept;
            }
            _ => {}
        }
    }
    // The kinds of the values are what they were.
    R::from_values(values).unwrap_or_else(|| record.clone())
}
