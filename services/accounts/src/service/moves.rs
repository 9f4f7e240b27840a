//! What a changed territory moves: looked at beforehand, and carried out in the background.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_events::{Outgoing, outbox};
use kontor_proto::{
    accounts::v1,
    records::v1::{Reference, TerritoryMoveFlow, TerritoryMoveRow, TerritoryMoves},
};
use kontor_records::{
    Record, fields,
    query::page_size,
    territories::{self, Sweep},
    wire::Wire,
    write,
};
use prost_types::FieldMask;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Accounts,
    territories::{MANAGE, READ, hold, save},
};
use crate::{
    model::Account,
    store::jobs::{self, Job},
    territory::Territory,
};

/// What moves, in the order in which it is listed.
const KINDS: [(&str, &str); 2] = [("account", "accounts"), ("lead", "leads")];

impl Accounts {
    /// What would move between territories if one had these rules and this priority, with nothing saved.
    ///
    /// # Errors
    /// NotFound; Invalid names every bad field; Unavailable when leads is away.
    pub async fn preview_territory(
        &self,
        caller: &Caller,
        request: v1::PreviewTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<v1::PreviewTerritoryResponse, Error> {
        caller.require(MANAGE)?;
        let v1::PreviewTerritoryRequest {
            id,
            rules,
            priority,
            page_size: size,
            page_token,
        } = request;
        let id = write::parse_id(&id)?;
        let mut tx = self.db.read(caller).await?;
        let before: Territory = write::get(&mut tx, &Caller::system(caller.company_id()), id).await?;
        let mut errors = FieldErrors::new();
        let size = page_size(size, &mut errors);
        let place = Place::read(&page_token, id, &mut errors);
        let mut after = changed(&before, rules, priority, &mut errors);
        errors.into_result()?;
        after.touch(caller.user_id(), now);
        drop(tx);
        self.would_move(caller, &after, place, size).await
    }

    /// Changes a territory's rules and priority, and moves the records accordingly in the background.
    ///
    /// # Errors
    /// NotFound; Invalid names every bad field; Unavailable when leads is away.
    pub async fn apply_territory(
        &self,
        caller: &Caller,
        request: v1::ApplyTerritoryRequest,
        now: OffsetDateTime,
    ) -> Result<Job, Error> {
        caller.require(MANAGE)?;
        let v1::ApplyTerritoryRequest { id, rules, priority } = request;
        let preview = v1::PreviewTerritoryRequest {
            id: id.clone(),
            rules: rules.clone(),
            priority,
            ..v1::PreviewTerritoryRequest::default()
        };
        let total = self.preview_territory(caller, preview, now).await?.total;
        let (company, by) = (caller.company_id(), caller.user_id());
        let mut tx = self.db.begin(caller).await?;
        let before = hold(&mut tx, caller, write::parse_id(&id)?).await?;
        let mut errors = FieldErrors::new();
        let after = changed(&before, rules, priority, &mut errors);
        errors.into_result()?;
        let territory = save(&mut tx, caller, &before, after, now).await?;
        let job = Job {
            id: Uuid::now_v7(),
            territory_id: territory.id,
            total,
            moved: 0,
            started_at: now,
            finished_at: None,
        };
        jobs::begin(&mut tx, company, &job, &KINDS.map(|(_, many)| many), by).await?;
        let sweep = Sweep {
            id: job.id,
            territory_id: territory.id,
            emptying: false,
            actor: by,
        };
        territories::begin::<Account>(&mut tx, company, sweep).await?;
        let request = v1::TerritoryMovesRequested {
            job_id: job.id.to_string(),
            territory: Some(territory.told(caller, "applied", Vec::new())),
            requested_by: by.map(|by| by.to_string()),
        };
        let request = Outgoing::new(company, by, &request)
            .about(territory.id)
            .addressed();
        outbox::put(&mut tx, &[request]).await?;
        tx.commit().await?;
        self.settled(caller, &territory).await;
        Ok(job)
    }

    /// How far a job has come.
    ///
    /// # Errors
    /// NotFound.
    pub async fn territory_job(&self, caller: &Caller, territory: &str, job: &str) -> Result<Job, Error> {
        caller.require(READ)?;
        let (territory, job) = (write::parse_id(territory)?, write::parse_id(job)?);
        let mut tx = self.db.read(caller).await?;
        let job = jobs::find(&mut tx, caller.company_id(), territory, job).await?;
        job.ok_or_else(|| Error::not_found("job"))
    }

    async fn would_move(
        &self,
        caller: &Caller,
        territory: &Territory,
        place: Place,
        size: usize,
    ) -> Result<v1::PreviewTerritoryResponse, Error> {
        let mut answer = v1::PreviewTerritoryResponse::default();
        let mut next = None;
        for (at, (kind, _)) in KINDS.into_iter().enumerate() {
            // What was listed on the pages before is counted all the same.
            let behind = match at.cmp(&place.kind) {
                std::cmp::Ordering::Less => Uuid::max(),
                std::cmp::Ordering::Equal => place.behind,
                std::cmp::Ordering::Greater => Uuid::nil(),
            };
            let left = size - answer.moves.len();
            let TerritoryMoves { flows, moves, more } =
                self.part(caller, territory, kind, behind, left).await?;
            let last = moves.last().map(|row| write::parse_id(&row.id)).transpose()?;
            if more && next.is_none() {
                next = Some(Place {
                    kind: at,
                    behind: last.unwrap_or(behind),
                });
            }
            add(&mut answer.by_territory, flows);
            answer.moves.extend(moves.into_iter().map(|row| shown(kind, row)));
        }
        answer.total = answer.by_territory.iter().map(|flow| flow.count).sum();
        answer
            .by_territory
            .sort_by_key(|flow| std::cmp::Reverse(flow.count));
        answer.next_page_token = next.map(|place| place.token(territory.id)).unwrap_or_default();
        Ok(answer)
    }

    async fn part(
        &self,
        caller: &Caller,
        territory: &Territory,
        kind: &str,
        behind: Uuid,
        page: usize,
    ) -> Result<TerritoryMoves, Error> {
        if kind == Account::description().one {
            let (mut tx, company) = (self.db.read(caller).await?, caller.company_id());
            territories::preview::<Account>(&mut tx, company, territory.place(), behind, page).await
        } else {
            let territory = territory.told(caller, "previewed", Vec::new());
            self.homes.lead_moves(caller, territory, behind, page).await
        }
    }
}

/// The territory with other rules and another priority, where they are given.
fn changed(
    before: &Territory,
    rules: Option<v1::TerritoryRules>,
    priority: Option<i32>,
    errors: &mut FieldErrors,
) -> Territory {
    let given = [("rules", rules.is_some()), ("priority", priority.is_some())];
    let paths = given
        .iter()
        .filter(|(_, given)| *given)
        .map(|(path, _)| (*path).to_owned());
    let mask = FieldMask {
        paths: paths.collect(),
    };
    let message = v1::Territory {
        rules,
        priority: priority.unwrap_or_default(),
        ..v1::Territory::default()
    };
    let mut after = before.patch(message, Some(&mask), &fields::built_in::<Territory>(), errors);
    after.settle(errors);
    after
}

/// Where a page of moves begins: the kind's place among all, and the record behind which it does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    kind: usize,
    behind: Uuid,
}

impl Place {
    /// Of a token, which is of use for its territory alone; a bad one is told at `page_token`.
    fn read(token: &str, territory: Uuid, errors: &mut FieldErrors) -> Self {
        let first = Self {
            kind: 0,
            behind: Uuid::nil(),
        };
        if token.is_empty() {
            return first;
        }
        let read = || {
            let rest = token.strip_prefix(&territory.simple().to_string())?;
            let (kind, behind) = rest.split_once('-')?;
            Some(Self {
                kind: KINDS.iter().position(|(one, _)| *one == kind)?,
                behind: Uuid::try_parse(behind).ok()?,
            })
        };
        read().unwrap_or_else(|| {
            let message = "This token belongs to no page of this list.";
            errors.push("page_token", "invalid_page_token", message);
            first
        })
    }

    fn token(self, territory: Uuid) -> String {
        format!(
            "{}{}-{}",
            territory.simple(),
            KINDS[self.kind].0,
            self.behind.simple()
        )
    }
}

/// Adds what moves of another kind.
fn add(all: &mut Vec<v1::TerritoryFlow>, flows: Vec<TerritoryMoveFlow>) {
    let id = |reference: &Option<Reference>| reference.as_ref().map(|reference| reference.id.clone());
    for TerritoryMoveFlow { from, to, count } in flows {
        let known = all
            .iter_mut()
            .find(|flow| (id(&flow.from), id(&flow.to)) == (id(&from), id(&to)));
        match known {
            Some(flow) => flow.count += count,
            None => all.push(v1::TerritoryFlow { from, to, count }),
        }
    }
}

fn shown(kind: &str, row: TerritoryMoveRow) -> v1::TerritoryMove {
    let TerritoryMoveRow {
        id,
        name,
        from,
        to,
        reason,
    } = row;
    v1::TerritoryMove {
        record: Some(v1::TerritoryRecord {
            kind: kind.to_owned(),
            id,
            name,
        }),
        from,
        to,
        reason,
    }
}

impl From<Job> for v1::TerritoryJob {
    fn from(job: Job) -> Self {
        let Job {
            id,
            territory_id: _,
            total,
            moved,
            started_at,
            finished_at,
        } = job;
        let state = if finished_at.is_some() {
            v1::TerritoryJobState::Succeeded
        } else {
            v1::TerritoryJobState::Running
        };
        Self {
            id: id.to_string(),
            state: state.into(),
            // What was changed meanwhile moved too.
            total: total.max(moved),
            moved,
            started_at: started_at.into_wire(),
            finished_at: finished_at.into_wire(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_use_for_its_territory_alone() {
        let (territory, other) = (Uuid::now_v7(), Uuid::now_v7());
        let place = Place {
            kind: 1,
            behind: Uuid::now_v7(),
        };
        let mut errors = FieldErrors::new();
        assert_eq!(
            Place::read(&place.token(territory), territory, &mut errors),
            place
        );
        assert!(errors.is_empty());
        for token in [
            place.token(other),
            place.token(territory).replace("lead", "deal"),
            "x".into(),
        ] {
            let mut errors = FieldErrors::new();
            Place::read(&token, territory, &mut errors);
            assert_eq!(errors.into_vec()[0].code, "invalid_page_token", "{token}");
        }
    }
}
