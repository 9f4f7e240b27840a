//! The rpcs of pipelines.

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, pipeline_service_server::PipelineService};
use prost_types::Timestamp;
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};
use crate::pipeline::{Pipeline, Stage};

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
}

fn pipeline(pipeline: Pipeline) -> v1::Pipeline {
    let Pipeline {
        id,
        name,
        is_default,
        stages,
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
