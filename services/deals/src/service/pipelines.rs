//! The use-cases of pipelines.

mod change;

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::records::v1::RecordChange;
use kontor_records::{refs, write};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Deals;
use crate::{
    error,
    pipeline::{Pipeline, Stage},
    store,
};

impl Deals {
    /// The company's pipelines, the default one first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn pipelines(&self, caller: &Caller, now: OffsetDateTime) -> Result<Vec<Pipeline>, Error> {
        let mut tx = self.db.read(caller).await?;
        let pipelines = store::pipelines::list(&mut tx, caller.company_id()).await?;
        if pipelines.iter().any(|pipeline| pipeline.is_default) {
            return Ok(pipelines);
        }
        drop(tx);
        let mut tx = self.db.begin(caller).await?;
        default_pipeline(&mut tx, caller.company_id(), now).await?;
        let pipelines = store::pipelines::list(&mut tx, caller.company_id()).await?;
        tx.commit().await?;
        Ok(pipelines)
    }

    /// A pipeline.
    ///
    /// # Errors
    /// NotFound.
    pub async fn pipeline(&self, caller: &Caller, id: &str) -> Result<Pipeline, Error> {
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let pipeline = store::pipelines::get(&mut tx, caller.company_id(), id).await?;
        pipeline.ok_or_else(|| Error::not_found("pipeline"))
    }
}

/// The company's default pipeline, which is made when it has none yet.
///
/// # Errors
/// As the database fails.
pub async fn default_pipeline(
    tx: &mut TenantTx,
    company: Uuid,
    now: OffsetDateTime,
) -> Result<Pipeline, Error> {
    if let Some(pipeline) = store::pipelines::default(tx, company).await? {
        return Ok(pipeline);
    }
    store::pipelines::insert_default(tx, company, &Pipeline::first(now)).await?;
    // Perhaps another's, made at the same moment.
    let made = store::pipelines::default(tx, company).await?;
    let made = made.ok_or_else(|| Error::internal("a company has no default pipeline after one was made"))?;
    name(tx, company, &made).await?;
    Ok(made)
}

/// Keeps the names of a pipeline and its stages for the summaries of deals.
async fn name(tx: &mut TenantTx, company: Uuid, pipeline: &Pipeline) -> Result<(), Error> {
    let Pipeline { id, version, .. } = *pipeline;
    let stages: Vec<_> = pipeline
        .stages
        .iter()
        .map(|stage| named(stage.id, &stage.name, version))
        .collect();
    refs::apply(tx, company, "pipeline", &[named(id, &pipeline.name, version)]).await?;
    refs::apply(tx, company, "stage", &stages).await
}

/// A name for the summaries of deals, as other services tell theirs.
fn named(id: Uuid, name: &str, version: i64) -> RecordChange {
    RecordChange {
        id: id.to_string(),
        name: name.to_owned(),
        version,
        ..RecordChange::default()
    }
}

/// The pipeline and the stage that a deal comes into: those given, else the stage's own pipeline, else the pipeline's
/// first stage, else the company's default.
///
/// # Errors
/// As the database fails; within, that a given one is not there.
pub async fn stage_for(
    tx: &mut TenantTx,
    company: Uuid,
    pipeline: Option<Uuid>,
    stage: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<Result<(Uuid, Stage), error::Error>, Error> {
    let pipeline = match (pipeline, stage) {
        (Some(pipeline), _) => match store::pipelines::get(tx, company, pipeline).await? {
            Some(pipeline) => pipeline,
            None => return Ok(Err(error::Error::UnknownPipeline)),
        },
        (None, Some(stage)) => {
            let Some(pipeline) = store::pipelines::of_stage(tx, company, stage).await? else {
                return Ok(Err(error::Error::UnknownStage));
            };
            match store::pipelines::get(tx, company, pipeline).await? {
                Some(pipeline) => pipeline,
                None => return Ok(Err(error::Error::UnknownPipeline)),
            }
        }
        (None, None) => default_pipeline(tx, company, now).await?,
    };
    Ok(pipeline
        .stage(stage)
        .cloned()
        .map(|stage| (pipeline.id, stage))
        .ok_or(error::Error::UnknownStage))
}
