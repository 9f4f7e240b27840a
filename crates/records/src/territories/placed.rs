//! How a record comes into its territory, and to its owner.

use std::future::Future;

use kontor_chassis::{Error, TenantTx};
use prost_types::FieldMask;
use sqlx::PgConnection;
use uuid::Uuid;

use super::known::Territories;
use super::rules::Facts;
use super::sweep::Progress;
use super::turns;
use crate::record::Record;
use crate::transfer::Candidate;

/// A kind of record that lies in territories.
pub trait Placed: Record {
    /// What of it decides where it belongs.
    fn facts(&self) -> Facts<'_>;
    /// Where it is.
    fn territory_id(&self) -> Option<Uuid>;
    /// Whether a person put it there: then rules leave it where it is.
    fn by_hand(&self) -> bool;
    /// Puts it into a territory, or takes it out of all.
    fn put(&mut self, territory: Option<Uuid>, by_hand: bool);
    /// Whether its state allows no move.
    fn stays(&self) -> bool {
        false
    }
    /// Notes how far a job that moves such records has come; told again after a crash.
    fn progressed(
        tx: &mut TenantTx,
        company: Uuid,
        job: Uuid,
        progress: Progress,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (tx, company, job, progress);
        std::future::ready(Ok(()))
    }
}

/// What a request says by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// A territory, or that it is in none.
    pub territory: bool,
    /// An owner.
    pub owner: bool,
}

impl Given {
    /// Of a request: what its mask names, or else what is set in it.
    #[must_use]
    pub fn of(mask: Option<&FieldMask>, territory: bool, owner: bool) -> Self {
        let names =
            |field: &str, set: bool| mask.map_or(set, |mask| mask.paths.iter().any(|path| path == field));
        Self {
            territory: names("territory_id", territory),
            owner: names("owner_id", owner),
        }
    }
}

/// A record that is about to be written.
#[derive(Debug)]
pub struct Case<'r, R> {
    /// As it was; nothing when it is new.
    pub before: Option<&'r R>,
    /// As it will be.
    pub record: &'r mut R,
    /// What was said of it.
    pub given: Given,
}

impl<'c, R: Placed> Case<'c, R> {
    /// Of one among many records, as a file or an action on all of them has it.
    pub fn of(candidate: &'c mut Candidate<R>) -> Self {
        let before = candidate.before.as_ref();
        let record = &mut candidate.record;
        let territory = record.territory_id();
        let moved = before.is_none_or(|before| before.territory_id() != territory);
        let given = Given {
            territory: territory.is_some() && moved,
            owner: candidate.owner_given,
        };
        Self {
            before,
            record,
            given,
        }
    }
}

impl Territories {
    /// Puts records where they belong, unless a person said where, and gives those that came into a territory with an
    /// assignment to one of its members, unless somebody owns them. Looks at the database only when there is a turn to
    /// take or the map isn't known.
    ///
    /// # Errors
    /// Unavailable and Internal as the database fails.
    pub async fn settle<R: Placed>(
        &self,
        conn: &mut PgConnection,
        company: Uuid,
        cases: &mut [Case<'_, R>],
    ) -> Result<(), Error> {
        let map = self.of(conn, company).await?;
        let mut came: Vec<(Uuid, usize)> = Vec::new();
        for (
            at,
            Case {
                before,
                record,
                given,
            },
        ) in cases.iter_mut().enumerate()
        {
            if given.territory {
                record.put(record.territory_id(), true);
            } else if !record.by_hand() && before.is_none_or(|before| before.facts() != record.facts()) {
                record.put(map.place(&record.facts()).map(|place| place.id), false);
            }
            let moved = before.is_none_or(|before| before.territory_id() != record.territory_id());
            let free = !given.owner && (before.is_none() || record.owner_id().is_none());
            if let Some(territory) = record.territory_id().filter(|_| moved && free) {
                came.push((territory, at));
            }
        }
        // In one order, so that two transactions never wait for each other's turns.
        came.sort_unstable();
        for group in came.chunk_by(|(one, _), (other, _)| one == other) {
            let Some(territory) = map.get(group[0].0) else {
                continue;
            };
            let owners = turns::take::<R>(conn, company, territory, group.len()).await?;
            for ((_, at), owner) in group.iter().zip(owners) {
                cases[*at].record.set_owner_id(Some(owner));
            }
        }
        Ok(())
    }

    /// Puts a record into a territory by hand, or back to where the rules say, and answers the rule.
    ///
    /// # Errors
    /// Unavailable and Internal as the database fails.
    pub async fn assign<R: Placed>(
        &self,
        conn: &mut PgConnection,
        before: &R,
        record: &mut R,
        wanted: Option<Uuid>,
    ) -> Result<Option<String>, Error> {
        let company = before.company_id();
        let mut rule = None;
        if wanted.is_some() {
            record.put(wanted, true);
        } else {
            let map = self.of(conn, company).await?;
            let place = map.place(&record.facts());
            rule = place.map(|place| place.rules.words(&record.facts()));
            let place = place.map(|place| place.id);
            record.put(place, false);
        }
        self.settle_one(conn, Some(before), record, Given::default())
            .await?;
        Ok(rule)
    }

    /// As [`Self::settle`], of one record.
    ///
    /// # Errors
    /// Unavailable and Internal as the database fails.
    pub async fn settle_one<R: Placed>(
        &self,
        conn: &mut PgConnection,
        before: Option<&R>,
        record: &mut R,
        given: Given,
    ) -> Result<(), Error> {
        let company = record.company_id();
        let case = Case {
            before,
            record,
            given,
        };
        self.settle(conn, company, &mut [case]).await
    }
}
