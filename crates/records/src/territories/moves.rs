//! Which records would move, and why: the one answer for looking at it beforehand and for doing it. Pure, but for reading
//! the records.

use std::collections::{BTreeMap, HashSet};

use kontor_chassis::Error;
use kontor_proto::records::v1 as contract;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::map::{Map, Territory};
use super::placed::Placed;
use crate::record::Record;

/// Records that are looked at together.
pub(super) const BATCH: usize = 2_000;

/// Where a record would go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move<'m> {
    /// The territory that it would come into, or none.
    pub(super) to: Option<&'m Territory>,
    /// The rule that says so, in words.
    pub(super) reason: String,
}

/// Whether a record would move out of these territories, or into one of them. One that a person put somewhere stays, and
/// so does one whose state allows no change.
pub(super) fn verdict<'m, R: Placed>(map: &'m Map, within: &HashSet<Uuid>, record: &R) -> Option<Move<'m>> {
    if record.by_hand() || record.stays() {
        return None;
    }
    let facts = record.facts();
    let to = map.place(&facts);
    let (from, into) = (record.territory_id(), to.map(|to| to.id));
    let concerned = [from, into].into_iter().flatten().any(|id| within.contains(&id));
    if from == into || !concerned {
        return None;
    }
    let reason = to.map_or_else(
        || "no territory's rules match".to_owned(),
        |to| to.rules.words(&facts),
    );
    Some(Move { to, reason })
}

/// The next records behind an id, in the order of their ids.
pub(super) async fn next<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    behind: Uuid,
    within: Option<Uuid>,
) -> Result<Vec<R>, Error> {
    let description = R::description();
    let sql = format!(
        "select {}
         from {}
         where company_id = $1
           and id > $2
           and deleted_at is null
           {}
         order by id
         limit {BATCH}",
        description.columns,
        description.table,
        if within.is_some() {
            "and territory_id = $3"
        } else {
            "and $3::uuid is null"
        },
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(company)
        .bind(behind)
        .bind(within)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
}

/// What would move if a territory were another: all of it counted, and a page of it behind a record.
///
/// # Errors
/// Unavailable and Internal as the database fails.
pub async fn preview<R: Placed>(
    conn: &mut PgConnection,
    company: Uuid,
    changed: Territory,
    behind: Uuid,
    page: usize,
) -> Result<contract::TerritoryMoves, Error> {
    let before = super::table::load(conn, company).await?;
    let id = changed.id;
    let map = before.with(changed);
    let within = map.within(id);
    let mut flows: BTreeMap<(Option<Uuid>, Option<Uuid>), i64> = BTreeMap::new();
    let mut moves = Vec::new();
    let (mut seen, mut more) = (Uuid::nil(), false);
    loop {
        let records: Vec<R> = next(conn, company, seen, None).await?;
        let Some(last) = records.last() else { break };
        seen = last.id();
        for record in &records {
            let Some(Move { to, reason }) = verdict(&map, &within, record) else {
                continue;
            };
            let to = to.map(|to| to.id);
            *flows.entry((record.territory_id(), to)).or_default() += 1;
            if record.id() <= behind {
                continue;
            }
            if moves.len() == page {
                more = true;
                continue;
            }
            moves.push(contract::TerritoryMoveRow {
                id: record.id().to_string(),
                name: record.title(),
                from: reference(&map, record.territory_id()),
                to: reference(&map, to),
                reason,
            });
        }
    }
    Ok(contract::TerritoryMoves {
        flows: flows
            .into_iter()
            .map(|((from, to), count)| contract::TerritoryMoveFlow {
                from: reference(&map, from),
                to: reference(&map, to),
                count,
            })
            .collect(),
        moves,
        more,
    })
}

/// A territory by id and name; one that is gone has no name any more.
fn reference(map: &Map, id: Option<Uuid>) -> Option<contract::Reference> {
    let id = id?;
    let name = map.get(id).map(|territory| territory.name.clone());
    Some(contract::Reference {
        id: id.to_string(),
        name: name.unwrap_or_default(),
    })
}
