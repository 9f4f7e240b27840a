use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-25 09:00 UTC);

fn stage(name: &str, probability: i32) -> Given {
    Given {
        name: name.to_owned(),
        probability,
        ..Given::default()
    }
}

fn fields(error: &Error) -> Vec<(&str, &str)> {
    error
        .fields()
        .iter()
        .map(|field| (field.field.as_ref(), field.code.as_ref()))
        .collect()
}

#[test]
fn a_pipeline_that_names_no_stages_has_those_of_sales() {
    let change = Change {
        name: Some(" Renewals ".to_owned()),
        ..Change::default()
    };
    let pipeline = change.create(NOW).unwrap();
    assert_eq!((pipeline.name.as_str(), pipeline.is_default), ("Renewals", false));
    assert_eq!(pipeline.stages.len(), 4);
}

#[test]
fn every_bad_field_of_a_pipeline_is_named_at_once() {
    let change = Change {
        name: Some("  ".to_owned()),
        stages: Some(vec![
            stage("", 101),
            Given {
                rotting_days: Some(0),
                ..stage("Fine", 0)
            },
        ]),
        ..Change::default()
    };
    let error = change.create(NOW).unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("name", "required"),
            ("stages[0].name", "required"),
            ("stages[0].probability", "out_of_range"),
            ("stages[1].rotting_days", "out_of_range"),
        ]
    );
    let none = Change {
        name: Some("Empty".to_owned()),
        stages: Some(Vec::new()),
        ..Change::default()
    };
    assert_eq!(fields(&none.create(NOW).unwrap_err()), [("stages", "required")]);
}

#[test]
fn a_stage_that_is_left_out_says_where_its_deals_go() {
    let before = Pipeline::first(NOW);
    let kept = |at: usize| Given {
        id: Some(before.stages[at].id.to_string()),
        ..stage(&before.stages[at].name, before.stages[at].probability)
    };
    let id = |at: usize| before.stages[at].id;
    let change = |stages: Vec<Given>, moves: &[(Uuid, Uuid)]| Change {
        stages: Some(stages),
        move_deals: moves
            .iter()
            .map(|(from, to)| (from.to_string(), to.to_string()))
            .collect(),
        ..Change::default()
    };

    let changed = change(vec![kept(3), kept(0), stage("New", 90)], &[(id(1), id(0))])
        .apply(&before, NOW)
        .unwrap();
    let names: Vec<_> = changed
        .pipeline
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(names, ["Negotiation", "Prospecting", "New"]);
    let left_out: Vec<_> = changed
        .left_out
        .iter()
        .map(|(stage, goal)| (stage.id, *goal))
        .collect();
    assert_eq!(left_out, [(id(1), Some(id(0))), (id(2), None)]);

    let into_nothing = change(vec![kept(0)], &[(id(1), id(2))]).apply(&before, NOW);
    let error = into_nothing.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(
        fields(&error),
        [(format!("move_deals.{}", id(1)).as_str(), "unknown_reference")]
    );
    let of_a_kept_one = change(vec![kept(0), kept(1)], &[(id(0), id(1))]).apply(&before, NOW);
    assert_eq!(of_a_kept_one.unwrap_err().kind(), Kind::Refused);
}

#[test]
fn a_stage_of_another_pipeline_is_not_there_and_none_stands_twice() {
    let before = Pipeline::first(NOW);
    let with_id = |id: Uuid| Given {
        id: Some(id.to_string()),
        ..stage("Named", 5)
    };
    let change = |stages: Vec<Given>| Change {
        stages: Some(stages),
        ..Change::default()
    };
    let foreign = change(vec![with_id(Uuid::now_v7())])
        .apply(&before, NOW)
        .unwrap_err();
    assert_eq!(fields(&foreign), [("stages[0].id", "unknown_reference")]);
    let own = before.stages[0].id;
    let twice = change(vec![with_id(own), with_id(own)])
        .apply(&before, NOW)
        .unwrap_err();
    assert_eq!(fields(&twice), [("stages[1].id", "duplicate_key")]);
}
