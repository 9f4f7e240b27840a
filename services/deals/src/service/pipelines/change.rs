//! Making, changing and deleting pipelines.

use std::collections::HashMap;

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_events::{Outgoing, outbox};
use kontor_proto::{deals::v1::DealsChanged, records::v1::RecordChange};
use kontor_records::{
    refs,
    setup::{self, Deed},
    write,
};
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{default_pipeline, name, named};
use crate::{
    error,
    pipeline::{Change, Changed, Pipeline, Stage},
    service::Deals,
    store::pipelines::{self as store, Entered},
};

/// So many deals are told in one event.
const TOLD_AT_ONCE: usize = 500;

impl Deals {
    /// Makes a pipeline.
    ///
    /// # Errors
    /// Invalid names every bad field.
    pub async fn create_pipeline(
        &self,
        caller: &Caller,
        change: Change,
        now: OffsetDateTime,
    ) -> Result<Pipeline, Error> {
        caller.require("pipelines:manage")?;
        let mut pipeline = change.create(now)?;
        pipeline.created_by = caller.user_id();
        pipeline.updated_by = caller.user_id();
        let company = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        // The first one is the company's own beginning, whatever it makes before it looks at it.
        default_pipeline(&mut tx, company, now).await?;
        store::lock(&mut tx, company).await?;
        store::put(&mut tx, company, &pipeline).await?;
        store::put_stages(&mut tx, company, pipeline.id, &pipeline.stages).await?;
        name(&mut tx, company, &pipeline).await?;
        let kept = kept(&mut tx, company, pipeline.id).await?;
        note(&mut tx, caller, "created", &kept, now).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Changes a pipeline; its stages by their whole list.
    ///
    /// # Errors
    /// NotFound, Stale; Invalid names every bad field; Refused a stage that is not there; Conflict when a stage that is
    /// left out holds deals that go nowhere, and when it would leave the company without a default pipeline.
    pub async fn update_pipeline(
        &self,
        caller: &Caller,
        id: &str,
        change: Change,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Pipeline, Error> {
        caller.require("pipelines:manage")?;
        let company = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let before = locked(&mut tx, company, id, etag).await?;
        let Changed {
            mut pipeline,
            left_out,
        } = change.apply(&before, now)?;
        if before.is_default && !pipeline.is_default {
            return Err(error::Error::DefaultPipeline.into());
        }
        if pipeline == before {
            return Ok(before);
        }
        pipeline.version += 1;
        pipeline.updated_by = caller.user_id();
        store::put(&mut tx, company, &pipeline).await?;
        store::put_stages(&mut tx, company, pipeline.id, &pipeline.stages).await?;
        let likelier = other_likelihoods(&before, &pipeline);
        let out: Vec<Uuid> = left_out.iter().map(|(stage, _)| stage.id).collect();
        store::lock_out(&mut tx, company, &out).await?;
        store::hold_deals(&mut tx, company, &[out, likelier.clone()].concat()).await?;
        self.leave_out(&mut tx, caller, &pipeline, &left_out, now).await?;
        for stage in likelier {
            move_deals(&mut tx, caller, (stage, stage), now).await?;
        }
        name(&mut tx, company, &pipeline).await?;
        let kept = kept(&mut tx, company, pipeline.id).await?;
        note(&mut tx, caller, "updated", &kept, now).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Deletes a pipeline that holds no deals.
    ///
    /// # Errors
    /// NotFound, Stale; Conflict when it holds deals, or is the default one.
    pub async fn delete_pipeline(
        &self,
        caller: &Caller,
        id: &str,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        caller.require("pipelines:manage")?;
        let company = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let pipeline = locked(&mut tx, company, id, etag).await?;
        let stages: Vec<Uuid> = pipeline.stages.iter().map(|stage| stage.id).collect();
        store::lock_out(&mut tx, company, &stages).await?;
        store::hold_deals(&mut tx, company, &stages).await?;
        let held: i64 = store::held(&mut tx, company, &stages)
            .await?
            .iter()
            .map(|(_, deals)| deals)
            .sum();
        if held > 0 {
            return Err(error::Error::PipelineInUse(held).into());
        }
        if pipeline.is_default {
            return Err(error::Error::DefaultPipeline.into());
        }
        // Deleted deals may be restored: into the default pipeline then.
        let home = default_pipeline(&mut tx, company, now).await?;
        if let Some(first) = home.stage(None) {
            for stage in &stages {
                move_deals(&mut tx, caller, (*stage, first.id), now).await?;
            }
        }
        store::remove(&mut tx, company, pipeline.id).await?;
        forget(
            &mut tx,
            company,
            "pipeline",
            &[(pipeline.id, &pipeline.name)],
            pipeline.version + 1,
        )
        .await?;
        let names: Vec<_> = pipeline
            .stages
            .iter()
            .map(|stage| (stage.id, &stage.name))
            .collect();
        forget(&mut tx, company, "stage", &names, pipeline.version + 1).await?;
        note(&mut tx, caller, "deleted", &pipeline, now).await?;
        tx.commit().await
    }

    /// Empties and removes the stages that a change leaves out, which nobody comes into any more.
    async fn leave_out(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        pipeline: &Pipeline,
        left_out: &[(Stage, Option<Uuid>)],
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let company = caller.company_id();
        let ids: Vec<Uuid> = left_out.iter().map(|(stage, _)| stage.id).collect();
        let held = store::held(tx, company, &ids).await?;
        for (stage, goal) in left_out {
            let deals = held.iter().find(|(id, _)| *id == stage.id);
            if let (None, Some((_, deals))) = (goal, deals) {
                return Err(error::Error::StageInUse {
                    stage: stage.name.clone(),
                    deals: *deals,
                }
                .into());
            }
            // Without a goal there are deleted deals at most, which may be restored.
            if let Some(goal) = goal.or_else(|| pipeline.stage(None).map(|first| first.id)) {
                move_deals(tx, caller, (stage.id, goal), now).await?;
            }
        }
        store::remove_stages(tx, company, &ids).await?;
        let names: Vec<_> = left_out
            .iter()
            .map(|(stage, _)| (stage.id, &stage.name))
            .collect();
        forget(tx, company, "stage", &names, pipeline.version).await
    }
}

/// The pipeline, locked with all others of the company until the transaction ends.
async fn locked(tx: &mut TenantTx, company: Uuid, id: &str, etag: &str) -> Result<Pipeline, Error> {
    let id = write::parse_id(id)?;
    store::lock(tx, company).await?;
    let pipeline = store::get(tx, company, id)
        .await?
        .ok_or_else(|| Error::not_found("pipeline"))?;
    Error::unless_stale(etag, &pipeline.version.to_string())?;
    Ok(pipeline)
}

/// Tells the audit log of a pipeline.
async fn note(
    tx: &mut TenantTx,
    caller: &Caller,
    action: &str,
    pipeline: &Pipeline,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let deed = Deed {
        resource: "pipeline",
        action,
        id: &pipeline.id.to_string(),
        name: &pipeline.name,
    };
    setup::note(tx, caller, deed, now).await
}

/// A pipeline as the database keeps it.
async fn kept(tx: &mut TenantTx, company: Uuid, id: Uuid) -> Result<Pipeline, Error> {
    store::get(tx, company, id)
        .await?
        .ok_or_else(|| Error::internal("a pipeline that was saved is not there"))
}

/// The stages whose likelihood changes: their open deals become as likely, unless a person set another probability.
fn other_likelihoods(before: &Pipeline, after: &Pipeline) -> Vec<Uuid> {
    let is_other = |stage: &&Stage| {
        let old = before.stage(Some(stage.id));
        old.is_some_and(|old| old.probability != stage.probability)
    };
    after
        .stages
        .iter()
        .filter(is_other)
        .map(|stage| stage.id)
        .collect()
}

/// Moves every deal of a stage into another, remembers it and tells it.
async fn move_deals(
    tx: &mut TenantTx,
    caller: &Caller,
    (from, to): (Uuid, Uuid),
    now: OffsetDateTime,
) -> Result<(), Error> {
    let (company, by) = (caller.company_id(), caller.user_id());
    let moved = store::move_all(tx, company, (from, to), by, now).await?;
    if moved.is_empty() {
        return Ok(());
    }
    store::note(tx, company, &moved, by, now).await?;
    let told: Vec<Outgoing> = moved
        .chunks(TOLD_AT_ONCE)
        .map(|deals| {
            let changes = deals.iter().map(|deal| change_of(deal, by, now)).collect();
            Outgoing::new(company, by, &DealsChanged { changes })
        })
        .collect();
    outbox::put(tx, &told).await?;
    Ok(())
}

fn change_of(deal: &Entered, by: Option<Uuid>, now: OffsetDateTime) -> RecordChange {
    RecordChange {
        id: deal.id.to_string(),
        name: deal.name.clone(),
        deleted: deal.is_deleted,
        version: deal.version,
        action: "moved".to_owned(),
        fields: deal.fields().into_iter().map(str::to_owned).collect(),
        owner_id: deal.owner_id.map(|id| id.to_string()),
        by: by.map(|id| id.to_string()),
        at: Some(Timestamp {
            seconds: now.unix_timestamp(),
            nanos: i32::try_from(now.nanosecond()).unwrap_or_default(),
        }),
        // Whose it is and whether it is open stays as it was.
        told: HashMap::new(),
    }
}

/// Marks what is gone, so that nothing new refers to it; its name is still known.
async fn forget(
    tx: &mut TenantTx,
    company: Uuid,
    kind: &str,
    gone: &[(Uuid, &String)],
    version: i64,
) -> Result<(), Error> {
    let gone: Vec<_> = gone
        .iter()
        .map(|(id, name)| RecordChange {
            deleted: true,
            ..named(*id, name, version)
        })
        .collect();
    refs::apply(tx, company, kind, &gone).await
}
