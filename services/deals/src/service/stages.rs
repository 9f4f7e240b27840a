//! The stages that a deal went through.

use kontor_chassis::{Caller, Error};
use kontor_proto::deals::v1;
use kontor_records::{refs, write};
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Deals;
use crate::{
    model::Deal,
    pipeline::days_between,
    store::stages::{self, Passage},
};

impl Deals {
    /// Every time a deal came into a stage, the first one first, as its history tells.
    ///
    /// # Errors
    /// NotFound.
    pub async fn stages(
        &self,
        caller: &Caller,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<v1::DealStage>, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let deal: Deal = write::get(&mut tx, caller, id).await?;
        let passages = stages::passages(&mut tx, deal.company_id, id).await?;
        let visits = visits(&deal, &passages);
        let ids: Vec<Uuid> = visits.iter().map(|visit| visit.stage).collect();
        let names = refs::names(&mut tx, deal.company_id, "stage", &ids).await?;
        Ok(visits
            .into_iter()
            .map(|visit| v1::DealStage {
                stage_id: visit.stage.to_string(),
                name: names.get(&visit.stage).cloned(),
                entered_at: Some(timestamp(visit.entered_at)),
                left_at: visit.left_at.map(timestamp),
                days: days_between(visit.entered_at, visit.left_at.unwrap_or(now)),
                by: visit.by.map(|id| id.to_string()),
            })
            .collect())
    }
}

/// A deal's time in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Visit {
    stage: Uuid,
    entered_at: OffsetDateTime,
    left_at: Option<OffsetDateTime>,
    by: Option<Uuid>,
}

/// A deal begins in the stage that its first passage leaves; without one it is there still.
fn visits(deal: &Deal, passages: &[Passage]) -> Vec<Visit> {
    let first = passages.first();
    let mut visits = vec![Visit {
        stage: first.map_or(deal.stage_id, |passage| passage.from),
        entered_at: first.map_or(deal.stage_entered_at, |_| deal.created_at),
        left_at: None,
        by: deal.created_by,
    }];
    for passage in passages {
        if let Some(last) = visits.last_mut() {
            last.left_at = Some(passage.at);
        }
        visits.push(Visit {
            stage: passage.to,
            entered_at: passage.at,
            left_at: None,
            by: passage.by,
        });
    }
    visits
}

fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}
