//! The rpcs of pipelines.

use kontor_chassis::{Caller, Error, FieldErrors};
use kontor_proto::deals::v1::{self, pipeline_service_server::PipelineService};
use prost_types::{FieldMask, Timestamp};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};
use crate::pipeline::{Change, Given, Pipeline, Stage};

/// What a request may change of a pipeline, and what only the suite sets.
const SETTABLE: [&str; 4] = ["name", "is_default", "stages", "move_deals"];
const READ_ONLY: [&str; 7] = [
    "id",
    "created_by",
    "updated_by",
    "created_at",
    "updated_at",
    "deleted_at",
    "etag",
];

#[tonic::async_trait]
impl PipelineService for Grpc {
    async fn list_pipelines(
        &self,
        request: Request<v1::ListPipelinesRequest>,
    ) -> Answer<v1::ListPipelinesResponse> {
        let caller = Caller::of(&request)?;
        let pipelines = self.deals.pipelines(&caller, OffsetDateTime::now_utc()).await?;
        Ok(Response::new(v1::ListPipelinesResponse {
            pipelines: pipelines.into_iter().map(pipeline).collect(),
        }))
    }

    async fn get_pipeline(
        &self,
        request: Request<v1::GetPipelineRequest>,
    ) -> Answer<v1::GetPipelineResponse> {
        let caller = Caller::of(&request)?;
        let found = self.deals.pipeline(&caller, &request.into_inner().id).await?;
        Ok(Response::new(v1::GetPipelineResponse {
            pipeline: Some(pipeline(found)),
        }))
    }

    async fn create_pipeline(
        &self,
        request: Request<v1::CreatePipelineRequest>,
    ) -> Answer<v1::CreatePipelineResponse> {
        let caller = Caller::of(&request)?;
        let change = change(request.into_inner().pipeline.unwrap_or_default(), None)?;
        let made = self
            .deals
            .create_pipeline(&caller, change, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::CreatePipelineResponse {
            pipeline: Some(pipeline(made)),
        }))
    }

    async fn update_pipeline(
        &self,
        request: Request<v1::UpdatePipelineRequest>,
    ) -> Answer<v1::UpdatePipelineResponse> {
        let caller = Caller::of(&request)?;
        let v1::UpdatePipelineRequest {
            id,
            pipeline: message,
            update_mask,
            etag,
        } = request.into_inner();
        let change = change(message.unwrap_or_default(), update_mask)?;
        let changed = self
            .deals
            .update_pipeline(&caller, &id, change, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdatePipelineResponse {
            pipeline: Some(pipeline(changed)),
        }))
    }

    async fn delete_pipeline(&self, request: Request<v1::DeletePipelineRequest>) -> Answer<()> {
        let caller = Caller::of(&request)?;
        let v1::DeletePipelineRequest { id, etag } = request.into_inner();
        self.deals
            .delete_pipeline(&caller, &id, &etag, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(()))
    }
}

/// What a message gives of a pipeline: what the mask names, and without one what is set.
fn change(message: v1::Pipeline, mask: Option<FieldMask>) -> Result<Change, Error> {
    let v1::Pipeline {
        id: _,
        name,
        is_default,
        stages,
        created_at: _,
        updated_at: _,
        etag: _,
        move_deals,
        created_by: _,
        updated_by: _,
        deleted_at: _,
    } = message;
    let paths = mask.map(|mask| mask.paths).filter(|paths| !paths.is_empty());
    let mut errors = FieldErrors::new();
    for path in paths.iter().flatten() {
        if READ_ONLY.contains(&path.as_str()) {
            errors.push(path.clone(), "read_only", "Only the server sets this.");
        } else if !SETTABLE.contains(&path.as_str()) {
            errors.push(path.clone(), "unknown_field", "There is no such field.");
        }
    }
    errors.into_result()?;
    let given = |field: &str, is_set: bool| match &paths {
        Some(paths) => paths.iter().any(|path| path == field),
        None => is_set,
    };
    Ok(Change {
        name: given("name", !name.is_empty()).then_some(name),
        is_default: given("is_default", is_default).then_some(is_default),
        stages: given("stages", !stages.is_empty()).then(|| stages.into_iter().map(given_stage).collect()),
        move_deals,
    })
}

fn given_stage(stage: v1::Stage) -> Given {
    let v1::Stage {
        id,
        name,
        probability,
        rotting_days,
    } = stage;
    Given {
        id,
        name,
        probability,
        rotting_days,
    }
}

fn pipeline(pipeline: Pipeline) -> v1::Pipeline {
    let Pipeline {
        id,
        name,
        is_default,
        stages,
        created_by,
        updated_by,
        created_at,
        updated_at,
        version,
    } = pipeline;
    v1::Pipeline {
        id: id.to_string(),
        name,
        is_default,
        stages: stages.into_iter().map(stage).collect(),
        created_at: Some(timestamp(created_at)),
        updated_at: Some(timestamp(updated_at)),
        etag: version.to_string(),
        move_deals: std::collections::HashMap::new(),
        created_by: created_by.map(|id| id.to_string()),
        updated_by: updated_by.map(|id| id.to_string()),
        deleted_at: None,
    }
}

fn stage(stage: Stage) -> v1::Stage {
    let Stage {
        id,
        name,
        probability,
        rotting_days,
    } = stage;
    v1::Stage {
        id: Some(id.to_string()),
        name,
        probability,
        rotting_days,
    }
}

fn timestamp(at: OffsetDateTime) -> Timestamp {
    // Nanoseconds within a second fit an i32.
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}
