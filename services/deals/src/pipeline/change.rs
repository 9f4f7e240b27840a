//! What a request says of a pipeline, judged; and what follows for its stages. Pure.

use std::collections::HashMap;

use kontor_chassis::{Error, FieldErrors, Kind};
use kontor_records::{
    Leaf, LeafKind, Value,
    leaf::{Form, Spec, text, whole},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Pipeline, Stage};

/// The most stages of a pipeline.
const MOST: usize = 50;

/// What is given of a pipeline; what is none is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// Whether it becomes the default one.
    pub is_default: Option<bool>,
    /// All its stages, in their new order.
    pub stages: Option<Vec<Given>>,
    /// Where the deals of stages that are left out go: ids as they came.
    pub move_deals: HashMap<String, String>,
}

/// A stage as a request gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The id of a stage that is there; none makes a new one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// How likely its deals are won, in percent.
    pub probability: i32,
    /// After so many days a deal in it is rotting.
    pub rotting_days: Option<i32>,
}

/// A pipeline after a change, and what that means for its stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Stages that are left out, each with the one its deals go to.
    pub left_out: Vec<(Stage, Option<Uuid>)>,
}

impl Change {
    /// A new pipeline; without stages it has those that every company begins with.
    ///
    /// # Errors
    /// Invalid, naming every bad field; Refused, naming every stage that is not there.
    pub fn create(self, now: OffsetDateTime) -> Result<Pipeline, Error> {
        let mut blank = Pipeline::first(now);
        blank.name.clear();
        blank.is_default = false;
        if self.stages.is_some() {
            blank.stages.clear();
        }
        let change = Self {
            name: Some(self.name.unwrap_or_default()),
            ..self
        };
        Ok(change.apply(&blank, now)?.pipeline)
    }

    /// The pipeline with what was given.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn apply(self, before: &Pipeline, now: OffsetDateTime) -> Result<Changed, Error> {
        let Self {
            name,
            is_default,
            stages,
            move_deals,
        } = self;
        let mut errors = FieldErrors::new();
        let mut unknown = FieldErrors::new();
        let mut pipeline = before.clone();
        if let Some(name) = name {
            pipeline.name = line("name", "name", &name, &mut errors);
        }
        pipeline.is_default = is_default.unwrap_or(before.is_default);
        if let Some(given) = stages {
            pipeline.stages = read_stages(given, before, &mut errors, &mut unknown);
        }
        let kept = |id: Uuid| pipeline.stages.iter().any(|stage| stage.id == id);
        let mut left_out: Vec<(Stage, Option<Uuid>)> = before
            .stages
            .iter()
            .filter(|stage| !kept(stage.id))
            .map(|stage| (stage.clone(), None))
            .collect();
        for (from, to) in move_deals {
            let to = to.parse().ok().filter(|to| kept(*to));
            let from = from.as_str();
            match left_out
                .iter_mut()
                .find(|(stage, _)| from.parse() == Ok(stage.id))
            {
                Some((_, goal)) if to.is_some() => *goal = to,
                Some(_) => unknown.push(
                    format!("move_deals.{from}"),
                    "unknown_reference",
                    "No such stage stays in the pipeline.",
                ),
                None => unknown.push(
                    format!("move_deals.{from}"),
                    "unknown_reference",
                    "No such stage is left out.",
                ),
            }
        }
        errors.into_result()?;
        if !unknown.is_empty() {
            return Err(unknown.into_error(Kind::Refused));
        }
        if pipeline != *before {
            pipeline.updated_at = now;
        }
        Ok(Changed { pipeline, left_out })
    }
}

fn read_stages(
    given: Vec<Given>,
    before: &Pipeline,
    errors: &mut FieldErrors,
    unknown: &mut FieldErrors,
) -> Vec<Stage> {
    if given.is_empty() {
        errors.push("stages", "required", "A pipeline has at least one stage.");
    }
    if given.len() > MOST {
        errors.push("stages", "too_many", format!("At most {MOST} stages."));
        return Vec::new();
    }
    let mut stages: Vec<Stage> = Vec::new();
    for (at, given) in given.into_iter().enumerate() {
        let Given {
            id,
            name,
            probability,
            rotting_days,
        } = given;
        let path = |field: &str| format!("stages[{at}].{field}");
        let id = match id {
            None => Uuid::now_v7(),
            Some(text) => {
                let known = before.stages.iter().find(|stage| text.parse() == Ok(stage.id));
                let id = known.map(|stage| stage.id).unwrap_or_default();
                if known.is_none() {
                    unknown.push(path("id"), "unknown_reference", "The pipeline has no such stage.");
                } else if stages.iter().any(|stage| stage.id == id) {
                    errors.push(path("id"), "duplicate_key", "This stage stands there twice.");
                }
                id
            }
        };
        let stage = Stage {
            id,
            name: line("name", &path("name"), &name, errors),
            probability: number(&whole(0, 100), &path("probability"), probability, errors),
            rotting_days: rotting_days
                .map(|days| number(&whole(1, 36_500), &path("rotting_days"), days, errors)),
        };
        stages.push(stage);
    }
    stages
}

/// A required text of one line without blanks around it, judged as those of records are.
fn line(name: &'static str, path: &str, given: &str, errors: &mut FieldErrors) -> String {
    let leaf = Leaf::new(name, LeafKind::Text(Form::Line), false, &text(100));
    match leaf.admit(Value::Text(given.trim().to_owned())) {
        Ok(Value::Text(text)) => return text,
        Ok(_) => errors.push(path.to_owned(), "required", "This is required."),
        Err(fault) => errors.push(path.to_owned(), fault.code, fault.message),
    }
    String::new()
}

/// A whole number within bounds.
fn number(bounds: &Spec, path: &str, given: i32, errors: &mut FieldErrors) -> i32 {
    let leaf = Leaf::new("number", LeafKind::Int, false, bounds);
    if let Err(fault) = leaf.admit(Value::Int(given.into())) {
        errors.push(path.to_owned(), fault.code, fault.message);
    }
    given
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
