//! The transcoding against prost's own encoding of the same messages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kontor_proto::DESCRIPTORS;
use kontor_proto::leads::v1::{Lead, ListLeadsRequest, ListLeadsResponse, UpdateLeadRequest, Utm};
use kontor_proto::records::v1::{Address, BulkJob, BulkResult, ImportJob, ImportOptions, ListQuery, Money};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::{Struct, Timestamp, value::Kind};
use serde_json::{Value, json};

use super::answer::Writer;
use super::body::{Outcome, read};
use crate::contract::Options;
use crate::plan::Plans;

static PLANS: LazyLock<Plans> =
    LazyLock::new(|| Plans::of(&DESCRIPTORS, &Options::of(&DESCRIPTORS).unwrap()).unwrap());

fn written<M: prost::Name>(message: &M) -> Value {
    let mut writer = Writer::new(&PLANS, 64);
    writer
        .message(PLANS.id(&M::full_name()).unwrap(), &message.encode_to_vec())
        .unwrap();
    serde_json::from_slice(&writer.finish()).unwrap()
}

fn outcome<M: prost::Name>(json: &Value, mask: bool) -> Outcome {
    read(
        &PLANS,
        PLANS.id(&M::full_name()).unwrap(),
        &json.to_string(),
        &[],
        mask,
    )
    .unwrap()
}

fn taken<M: prost::Name + Default>(json: &Value) -> M {
    let outcome = outcome::<M>(json, false);
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    M::decode(outcome.wire.as_slice()).unwrap()
}

fn refused<M: prost::Name>(json: &str) -> Vec<(String, String)> {
    let outcome = read(&PLANS, PLANS.id(&M::full_name()).unwrap(), json, &[], false).unwrap();
    outcome
        .errors
        .into_iter()
        .map(|error| (error.field, error.code))
        .collect()
}

fn text(value: &str) -> prost_types::Value {
    prost_types::Value {
        kind: Some(Kind::StringValue(value.to_owned())),
    }
}

prop_compose! {
    fn leads()(
        last_name in any::<String>().prop_map(|text| text.replace('\0', "")),
        email in proptest::option::of("[a-zé\"\\\\]{0,12}"),
        employee_count in proptest::option::of(any::<i64>()),
        amount in proptest::option::of("[0-9]{1,8}"),
        source in proptest::option::of(1..=9_i32),
        country in proptest::option::of(proptest::option::of("[A-Z]{2}")),
        tags in proptest::collection::vec("[a-z ]{0,8}", 0..4),
        custom in proptest::collection::btree_map("[a-z]{1,5}", prop_oneof![
            any::<bool>().prop_map(Kind::BoolValue),
            any::<i32>().prop_map(|number| Kind::NumberValue(f64::from(number) / 4.0)),
            "[a-z\n\t]{0,9}".prop_map(Kind::StringValue),
        ].prop_map(|kind| prost_types::Value { kind: Some(kind) }), 0..4),
        campaign in proptest::option::of("[a-z]{0,9}"),
    ) -> Lead {
        Lead {
            last_name,
            email,
            employee_count,
            budget: amount.map(|amount| Money { amount, currency: "USD".to_owned() }),
            source,
            address: country.map(|country| Address { country, ..Default::default() }),
            tags,
            custom_fields: Some(Struct { fields: custom }),
            utm: campaign.map(|campaign| Utm { campaign: Some(campaign), ..Default::default() }),
            ..Default::default()
        }
    }
}

proptest! {
    #[test]
    fn a_record_survives_the_way_to_json_and_back(lead in leads()) {
        let mut json = written(&lead);
        // What the server sets can't be sent.
        let plan = PLANS.message(PLANS.id("kontor.leads.v1.Lead").unwrap());
        for field in plan.fields.iter().filter(|field| field.read_only) {
            prop_assert!(json.as_object_mut().unwrap().remove(&field.word).is_some(), "{} is missing", field.word);
        }
        prop_assert_eq!(taken::<Lead>(&json), lead);
    }

    #[test]
    fn no_bytes_make_the_writer_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut writer = Writer::new(&PLANS, 64);
        let id = PLANS.id("kontor.leads.v1.ListLeadsResponse").unwrap();
        if writer.message(id, &bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&writer.finish()).is_ok());
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in r#"[{}\[\]",: a-z0-9_.\\u\-]{0,60}"#) {
        let id = PLANS.id("kontor.leads.v1.Lead").unwrap();
        if let Ok(outcome) = read(&PLANS, id, &text, &[], true) {
            prop_assert!(!outcome.errors.is_empty() || Lead::decode(outcome.wire.as_slice()).is_ok());
        }
    }
}

#[test]
fn every_field_is_there_and_null_when_unset() {
    let json = written(&Lead {
        last_name: "Ada".to_owned(),
        status: 1,
        ..Default::default()
    });
    let plan = PLANS.message(PLANS.id("kontor.leads.v1.Lead").unwrap());
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    for field in &plan.fields {
        assert!(keys.contains(&field.word.as_str()), "{} is missing", field.word);
    }
    assert_eq!(json["status"], "new");
    assert_eq!(json["source"], Value::Null);
    assert_eq!(json["email"], Value::Null);
    assert_eq!(json["address"], Value::Null);
    assert_eq!(json["created_at"], Value::Null);
    assert_eq!(json["tags"], json!([]));
    assert_eq!(json["custom_fields"], json!({}));
    assert_eq!(json["score"], 0);
}

#[test]
fn large_numbers_times_and_maps_are_plain_json() {
    let job = ImportJob {
        total_rows: 9_007_199_254_740_993,
        state: 3,
        mapping: [
            ("b".to_owned(), "email".to_owned()),
            ("a".to_owned(), "title".to_owned()),
        ]
        .into(),
        started_at: Some(Timestamp {
            seconds: 1_795_417_200,
            nanos: 5_000_000,
        }),
        ..Default::default()
    };
    let mut writer = Writer::new(&PLANS, 64);
    writer
        .message(
            PLANS.id("kontor.records.v1.ImportJob").unwrap(),
            &job.encode_to_vec(),
        )
        .unwrap();
    let json = String::from_utf8(writer.finish()).unwrap();
    assert!(json.contains(r#""total_rows":9007199254740993,"#), "{json}");
    assert!(json.contains(r#""mapping":{"a":"title","b":"email"}"#), "{json}");
    assert!(
        json.contains(r#""started_at":"2026-11-23T07:00:00.005Z""#),
        "{json}"
    );
    assert!(json.contains(r#""state":"partially_succeeded""#), "{json}");
}

#[test]
fn a_list_answers_under_the_plural_with_its_token() {
    let page = ListLeadsResponse {
        leads: vec![Lead::default(); 2],
        next_page_token: "t".to_owned(),
        ..Default::default()
    };
    let json = written(&page);
    assert_eq!(json["leads"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&json["next_page_token"], &json["total_size"]),
        (&json!("t"), &Value::Null)
    );
}

#[test]
fn a_message_in_pieces_is_one_message() {
    let mut wire = UpdateLeadRequest {
        lead: Some(Lead {
            last_name: "Ada".into(),
            ..Default::default()
        }),
        ..Default::default()
    }
    .encode_to_vec();
    let more = UpdateLeadRequest {
        lead: Some(Lead {
            email: Some("a@b.c".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    wire.extend(more.encode_to_vec());
    let id = PLANS.id("kontor.leads.v1.UpdateLeadRequest").unwrap();
    let mut writer = Writer::new(&PLANS, 64);
    writer
        .field(PLANS.message(id).named("lead").unwrap(), &wire)
        .unwrap();
    let json: Value = serde_json::from_slice(&writer.finish()).unwrap();
    assert_eq!(
        (&json["last_name"], &json["email"]),
        (&json!("Ada"), &json!("a@b.c"))
    );
}

#[test]
fn every_bad_field_is_named_at_once_by_its_path() {
    let errors = refused::<Lead>(
        r#"{"last_name": 7, "source": "tv", "score": 5, "nope": {}, "address": {"country": [], "planet": "x"},
            "employee_count": 1.5, "tags": ["a", 2], "email": "a\u0000b", "budget": "5", "title": "a", "title": "b"}"#,
    );
    let expected = [
        ("last_name", "invalid_type"),
        ("source", "unknown_value"),
        ("score", "read_only"),
        ("nope", "unknown_field"),
        ("address.country", "invalid_type"),
        ("address.planet", "unknown_field"),
        ("employee_count", "invalid_type"),
        ("tags[1]", "invalid_type"),
        ("email", "invalid_text"),
        ("budget", "invalid_type"),
        ("title", "duplicate_key"),
    ];
    assert_eq!(
        errors,
        expected.map(|(field, code)| (field.to_owned(), code.to_owned()))
    );
}

#[test]
fn numbers_out_of_range_and_numbers_as_text_are_refused() {
    let codes = |json: &str| {
        refused::<Lead>(json)
            .into_iter()
            .map(|(_, code)| code)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        codes(r#"{"employee_count": 9223372036854775808}"#),
        ["out_of_range"]
    );
    assert_eq!(codes(r#"{"employee_count": 1e400}"#), ["out_of_range"]);
    assert_eq!(codes(r#"{"employee_count": "5"}"#), ["invalid_type"]);
    assert_eq!(codes(r#"{"employee_count": 5.0}"#), [""; 0]);
    assert_eq!(codes(r#"{"custom_fields": {"a": 1e400}}"#), ["out_of_range"]);
}

#[test]
fn a_missing_required_field_is_told_beside_others() {
    let outcome = outcome::<Lead>(&json!({"first_name": "Ada"}), false);
    assert_eq!(
        outcome
            .missing
            .iter()
            .map(|error| error.field.as_str())
            .collect::<Vec<_>>(),
        ["last_name"]
    );
}

#[test]
fn the_mask_of_a_patch_is_what_was_sent() {
    let outcome = outcome::<Lead>(
        &json!({"email": null, "title": "CEO", "address": {"city": "Rome", "country": null}, "tags": [], "utm": null,
            "custom_fields": {"size": 5, "color": null}}),
        true,
    );
    assert!(outcome.errors.is_empty());
    assert_eq!(
        outcome
            .mask
            .iter()
            .map(String::as_str)
            .collect::<std::collections::BTreeSet<_>>(),
        [
            "email",
            "title",
            "address.city",
            "address.country",
            "tags",
            "utm",
            "custom_fields.size",
            "custom_fields.color"
        ]
        .into()
    );
    let lead = Lead::decode(outcome.wire.as_slice()).unwrap();
    assert_eq!(
        (lead.email, lead.title.as_deref(), lead.utm),
        (None, Some("CEO"), None)
    );
    let address = lead.address.unwrap();
    assert_eq!((address.city.as_deref(), address.country), (Some("Rome"), None));
    let custom = lead.custom_fields.unwrap().fields;
    assert_eq!(
        custom,
        BTreeMap::from([(
            "size".to_owned(),
            prost_types::Value {
                kind: Some(Kind::NumberValue(5.0))
            }
        )])
    );
}

#[test]
fn the_fields_of_an_inline_message_are_written_and_read_as_its_holders_own() {
    let request = ListLeadsRequest {
        query: Some(ListQuery {
            search: "ada".to_owned(),
            page_size: 5,
            ..Default::default()
        }),
    };
    let json = written(&request);
    assert_eq!((&json["search"], &json["page_size"]), (&json!("ada"), &json!(5)));
    assert_eq!(
        taken::<ListLeadsRequest>(&json!({"page_size": 5, "search": "ada"})),
        request
    );
}

#[test]
fn a_sparse_field_is_not_there_while_it_is_unset() {
    let few = BulkResult {
        matched: 2,
        ..Default::default()
    };
    assert_eq!(
        written(&few),
        json!({"matched": 2, "succeeded": 0, "failed": 0, "failures": []})
    );
    assert_eq!(taken::<BulkResult>(&written(&few)), few);
    let many = BulkResult {
        job: Some(BulkJob::default()),
        ..few
    };
    assert_eq!(written(&many)["job"]["finished_at"], json!(null));
}

#[test]
fn maps_and_plain_json_are_read() {
    let options: ImportOptions =
        taken(&json!({"mapping": {"E-mail Address": "email"}, "mode": "upsert", "dry_run": true}));
    assert_eq!(
        options.mapping,
        [("E-mail Address".to_owned(), "email".to_owned())].into()
    );
    assert_eq!(
        (options.mode, options.dry_run, options.skip_duplicates),
        (2, true, None)
    );
    let lead: Lead =
        taken(&json!({"last_name": "A", "custom_fields": {"a": {"b": [1, null, "x"]}, "gone": null}}));
    let fields = lead.custom_fields.unwrap().fields;
    assert_eq!(fields.len(), 1);
    let Some(Kind::StructValue(inner)) = &fields["a"].kind else {
        panic!("{fields:?}")
    };
    let Some(Kind::ListValue(list)) = &inner.fields["b"].kind else {
        panic!("{inner:?}")
    };
    assert_eq!(list.values[2], text("x"));
    assert_eq!(list.values[1].kind, Some(Kind::NullValue(0)));
}
