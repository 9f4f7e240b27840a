use http::Method;
use kontor_proto::DESCRIPTORS;
use kontor_proto::leads::v1::{DeleteLeadRequest, GetLeadRequest, ListLeadHistoryRequest, ListLeadsRequest};
use kontor_proto::records::v1::ImportOptions;
use prost::Message as _;

use super::*;
use crate::contract::Options;
use crate::endpoint::endpoints;
use crate::route::Matched;

fn bound<M: prost::Message + Default>(
    verb: &Method,
    path: &str,
    query: &str,
) -> Result<M, Vec<(String, String)>> {
    let options = Options::of(&DESCRIPTORS).unwrap();
    let plans = Plans::of(&DESCRIPTORS, &options).unwrap();
    let routes = endpoints(&DESCRIPTORS, &options, &plans).unwrap();
    let Matched::Route(endpoint, values) = routes.find(verb, path) else {
        panic!("no route for {path}")
    };
    let mut out = Vec::new();
    let mut errors = put_path(endpoint, &values, &plans, &mut out);
    errors.extend(put_query(endpoint, query, &plans, &mut out));
    if errors.is_empty() {
        Ok(M::decode(out.as_slice()).unwrap())
    } else {
        Err(errors
            .into_iter()
            .map(|error| (error.field, error.code))
            .collect())
    }
}

#[test]
fn known_parameters_set_fields_and_others_are_typed_filters() {
    let request: ListLeadsRequest = bound(
        &Method::GET,
        "/api/v1/leads/",
        "page_size=5&status=new&search=a+b%C3%A9&status=working&include_total=false&score_min=50",
    )
    .unwrap();
    let query = request.query.unwrap();
    assert_eq!(
        (query.page_size, query.search.as_str(), query.include_total),
        (5, "a bé", Some(false))
    );
    let filters: Vec<_> = query
        .field_filters
        .iter()
        .map(|one| (one.parameter.as_str(), one.values.join("|")))
        .collect();
    assert_eq!(
        filters,
        [
            ("status", "new|working".to_owned()),
            ("score_min", "50".to_owned())
        ]
    );
}

#[test]
fn the_variables_of_a_path_are_decoded() {
    let request: GetLeadRequest = bound(&Method::GET, "/api/v1/leads/a%2Fb", "expand=owner").unwrap();
    assert_eq!((request.id.as_str(), request.expand.as_str()), ("a/b", "owner"));
}

#[test]
fn bad_parameters_are_named_all_at_once() {
    let refused = bound::<ListLeadHistoryRequest>(
        &Method::GET,
        "/api/v1/leads/7/history",
        "page_size=x&nope=1&page_token=a&page_token=b&bad=%zz",
    )
    .unwrap_err();
    let expected = [
        ("bad", "malformed_url"),
        ("page_size", "invalid_type"),
        ("nope", "unknown_parameter"),
        ("page_token", "duplicate_parameter"),
    ];
    assert_eq!(
        refused,
        expected.map(|(field, code)| (field.to_owned(), code.to_owned()))
    );
}

#[test]
fn what_the_path_or_a_header_sets_is_no_parameter() {
    let refused = bound::<DeleteLeadRequest>(&Method::DELETE, "/api/v1/leads/7", "id=8&etag=9").unwrap_err();
    assert_eq!(refused.len(), 2);
    let refused = bound::<GetLeadRequest>(&Method::GET, "/api/v1/leads/%00", "").unwrap_err();
    assert_eq!(refused, [("id".to_owned(), "invalid_text".to_owned())]);
}

#[test]
fn the_options_of_an_upload_stand_in_the_query() {
    let plans = Plans::of(&DESCRIPTORS, &Options::of(&DESCRIPTORS).unwrap()).unwrap();
    let id = plans.id("kontor.records.v1.ImportOptions").unwrap();
    let mut out = Vec::new();
    let query =
        "mode=upsert&mapping[E-mail+Address]=email&defaults=%7B%22source%22:%22event%22%7D&wait_seconds=0";
    assert_eq!(put_options(id, query, &plans, &mut out), []);
    let options = ImportOptions::decode(out.as_slice()).unwrap();
    assert_eq!((options.mode, options.wait_seconds), (2, Some(0)));
    assert_eq!(options.mapping["E-mail Address"], "email");
    assert_eq!(options.defaults["source"], "event");
    let errors = put_options(
        id,
        "mode=nope&mapping=5&what=1&mode=create",
        &plans,
        &mut Vec::new(),
    );
    let codes: Vec<_> = errors.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "unknown_value",
            "invalid_type",
            "unknown_parameter",
            "duplicate_parameter"
        ]
    );
}
