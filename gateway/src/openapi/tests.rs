use std::collections::HashSet;

use super::*;
use crate::endpoint::endpoints;

fn written() -> (Value, usize) {
    let options = Options::of(&DESCRIPTORS).unwrap();
    let plans = Plans::of(&DESCRIPTORS, &options).unwrap();
    let routes = endpoints(&DESCRIPTORS, &options, &plans).unwrap();
    let text = document(&routes, &plans, &options, "http://127.0.0.1:8080").unwrap();
    (serde_json::from_slice(&text).unwrap(), routes.targets().len())
}

/// Every object within a value.
fn walk<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|inner| walk(inner, visit));
        }
        Value::Array(list) => list.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

#[test]
fn every_route_is_told_once_and_every_reference_leads_somewhere() {
    let (document, routes) = written();
    let (mut ids, mut operations) = (HashSet::new(), 0);
    let mut references = Vec::new();
    walk(&document, &mut |object| {
        if let Some(id) = object.get("operationId").and_then(Value::as_str) {
            operations += 1;
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            assert!(
                !object["summary"].as_str().unwrap().is_empty(),
                "{id} has no comment"
            );
        }
        references.extend(object.get("$ref").and_then(Value::as_str));
    });
    assert_eq!(operations, routes);
    for reference in references {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some_and(Value::is_object), "{reference} leads nowhere");
    }
}

#[test]
fn what_a_comment_gives_as_an_example_is_one() {
    let (document, _) = written();
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["Money"]["properties"]["currency"]["examples"],
        json!(["USD"])
    );
    assert_eq!(
        schemas["LeadInput"]["properties"]["email"]["examples"],
        json!(["ada@example.com"])
    );
    assert!(schemas["Lead"]["properties"]["tags"].get("examples").is_none());
}

#[test]
fn a_resource_has_a_shape_for_answers_bodies_and_patches() {
    let (document, _) = written();
    let schemas = &document["components"]["schemas"];
    let lead = &schemas["Lead"];
    assert!(
        lead["required"].as_array().unwrap().contains(&json!("email")),
        "an answer has every field"
    );
    assert_eq!(lead["properties"]["score"]["readOnly"], true);
    assert_eq!(lead["properties"]["email"]["type"], json!(["string", "null"]));
    assert_eq!(schemas["LeadInput"]["required"], json!(["last_name"]));
    assert_eq!(schemas["LeadInput"]["properties"].get("score"), None);
    assert_eq!(schemas["LeadPatch"].get("required"), None);
    assert_eq!(schemas["LeadStatus"]["enum"][0], "new");
}

#[test]
fn a_list_tells_its_typed_filters() {
    let (document, _) = written();
    for path in ["/api/v1/leads/", "/api/v1/leads/export/", "/api/v1/leads/stats/"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let names: Vec<_> = parameters
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let expected = [
            "page_size",
            "filter",
            "status",
            "owner_id",
            "tags",
            "score_min",
            "created_at_after",
        ];
        for name in expected.into_iter().chain(["annual_revenue_max"]) {
            assert_eq!(
                names.iter().filter(|known| **known == name).count(),
                1,
                "{name} at {path}"
            );
        }
    }
}
