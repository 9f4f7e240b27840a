//! The board: the open deals of a pipeline by stage.

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::{
    deals::v1,
    records::v1::{FieldFilter, ListQuery},
};
use kontor_records::{
    query::{self, Page, Selection},
    refs,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Deals;
use crate::{
    company::{Company, Sum, money},
    model::Deal,
    pipeline::{Pipeline, Stage},
    store::sums::{self, Staged},
};

impl Deals {
    /// The open deals that a query means, by stage: counts, sums, and a page of cards each.
    ///
    /// # Errors
    /// NotFound when the pipeline or the stage is not there; Invalid names every bad parameter.
    pub async fn board(
        &self,
        caller: &Caller,
        request: v1::GetDealBoardRequest,
        now: OffsetDateTime,
    ) -> Result<v1::GetDealBoardResponse, Error> {
        let v1::GetDealBoardRequest {
            pipeline_id,
            query,
            stage_id,
        } = request;
        let query = query.unwrap_or_default();
        if stage_id.is_none() && !query.page_token.is_empty() {
            return Err(Error::invalid_field(
                "stage_id",
                "required",
                "A page token belongs to a stage.",
            ));
        }
        let pipeline_id = id("pipeline_id", pipeline_id.as_deref())?;
        let stage_id = id("stage_id", stage_id.as_deref())?;
        let (pipeline, stages) = self.shown(caller, pipeline_id, stage_id, now).await?;
        let company = self.company(caller).await?;

        let query = narrowed(
            query,
            &[("pipeline_id", &pipeline.id.to_string()), ("status", "open")],
        );
        let mut tx = self.db.read(caller).await?;
        let selection = Selection::settled::<Deal>(&mut tx, caller, &query).await?;
        let sums = sums::by_stage(&mut tx, &selection).await?;
        let mut columns = Vec::with_capacity(stages.len());
        for stage in stages {
            let sums: Vec<&Staged> = sums.iter().filter(|sum| sum.stage_id == stage.id).collect();
            columns.push(column(&mut tx, caller, &company, &query, stage, &sums).await?);
        }
        Ok(v1::GetDealBoardResponse { stages: columns })
    }

    /// The pipeline that was asked for, or that of the stage, or the default one; and those of its stages that are wanted.
    async fn shown(
        &self,
        caller: &Caller,
        pipeline: Option<Uuid>,
        stage: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<(Pipeline, Vec<Stage>), Error> {
        let pipelines = self.pipelines(caller, now).await?;
        let found = pipelines.into_iter().find(|known| match (pipeline, stage) {
            (Some(id), _) => known.id == id,
            (None, Some(stage)) => known.stages.iter().any(|known| known.id == stage),
            (None, None) => known.is_default,
        });
        let missing = if pipeline.is_some() { "pipeline" } else { "stage" };
        let found = found.ok_or_else(|| Error::not_found(missing))?;
        let stages: Vec<Stage> = found
            .stages
            .iter()
            .filter(|known| stage.is_none_or(|wanted| wanted == known.id))
            .cloned()
            .collect();
        if stages.is_empty() {
            return Err(Error::not_found("stage"));
        }
        Ok((found, stages))
    }
}

async fn column(
    tx: &mut TenantTx,
    caller: &Caller,
    company: &Company,
    query: &ListQuery,
    stage: Stage,
    sums: &[&Staged],
) -> Result<v1::BoardStage, Error> {
    let mut wanted = narrowed(query.clone(), &[("stage_id", &stage.id.to_string())]);
    wanted.include_total = Some(false);
    if wanted.order_by.trim().is_empty() {
        wanted.order_by = "position".to_owned();
    }
    let count = sums.iter().map(|sum| sum.count).sum();
    let Page {
        records: deals,
        next_page_token,
        total_size: _,
        total_size_is_estimate: _,
    } = query::list::<Deal>(tx, caller, &wanted).await?;
    // A search that found other stages' cards is not forgiven its typos here.
    let (deals, next_page_token) = if count == 0 {
        (Vec::new(), String::new())
    } else {
        (deals, next_page_token)
    };
    let mut converted = Sum::default();
    for sum in sums {
        converted.add(company, sum.amount, sum.currency.as_deref());
    }
    let each = |amount: fn(&Staged) -> rust_decimal::Decimal| {
        sums.iter()
            .filter_map(|sum| Some(money(amount(sum), sum.currency.as_deref()?)))
            .collect()
    };
    let Stage {
        id,
        name,
        probability,
        rotting_days,
    } = stage;
    Ok(v1::BoardStage {
        stage: Some(v1::BoardStageHead {
            id: id.to_string(),
            name,
            probability,
            rotting_days,
        }),
        count,
        sums: each(|sum| sum.amount),
        weighted_sums: each(|sum| sum.weighted),
        converted_sum: converted.whole(company),
        deals,
        next_page_token,
    })
}

/// Those of a query that also have these values.
fn narrowed(mut query: ListQuery, values: &[(&str, &str)]) -> ListQuery {
    let filters = values.iter().map(|(parameter, value)| FieldFilter {
        parameter: (*parameter).to_owned(),
        values: vec![(*value).to_owned()],
    });
    query.field_filters.extend(filters);
    query
}

fn id(parameter: &'static str, text: Option<&str>) -> Result<Option<Uuid>, Error> {
    text.map(|text| refs::required(parameter, text)).transpose()
}
