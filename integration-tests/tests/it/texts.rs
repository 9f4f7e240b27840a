//! Every text field of every kind of record, as the contract lists them: text is kept as it came, and what is no text is
//! refused by the field's name.

use std::sync::Arc;

use kontor_gateway::contract::Options;
use kontor_integration_tests::suite::Suite;
use kontor_proto::DESCRIPTORS;
use libtest_mimic::Trial;
use prost_reflect::{Kind, MessageDescriptor};
use reqwest::Method;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "texts::every_field_keeps_any_text_and_refuses_what_is_none_by_name",
        fields,
    )]
}

/// Scripts that go the other way, marks that combine, faces of several characters, what SQL, JSON, HTML, CSV and searches
/// take for their own, and characters that nobody sees.
const TEXTS: [&str; 7] = [
    "Zoë Ελλάδα Ж 李小龍 한국어 ไทย \u{1f980}\u{1f1e9}\u{1f1ea}",
    "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} e\u{301}\u{327} \u{202e}שלום\u{202c} مرحبا \u{feff}x",
    "'; drop table leads; -- \" \\ \\u0041 \\x00 % _ * ( & | ! : { } [ ] < > &amp; <b>",
    "=1+1 is a sum, '@a' a name; a,b;c|d",
    "ﬀ ß İ ı Ǆ ﷺ \u{fffd} \u{10ffff} \u{e000}",
    "a\u{a0}b\u{2003}c\u{3000}d",
    " before and after\u{2003}\t\r\n\u{1}\u{7f}\u{85}x ",
];

/// Fields whose text has a form of its own, by the end of their name.
const FORMS: [&str; 12] = [
    "_id", "_ids", "email", "phone", "mobile", "website", "_url", "country", "amount", "currency", "_date",
    "birthday",
];

/// The paths of the text fields that may be sent, and whether each is a list.
fn texts(options: &Options, kind: &MessageDescriptor, before: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for field in kind.fields().filter(|field| !options.is_read_only(field)) {
        let path = format!("{before}{}", options.word(&field));
        match field.kind() {
            Kind::String => found.push((path, field.is_list())),
            Kind::Message(inner) if inner.full_name().starts_with("kontor.") => {
                found.extend(texts(options, &inner, &format!("{path}.")));
            }
            _ => {}
        }
    }
    found
}

/// The texts in pieces that are short enough for every field.
fn pieces() -> Vec<String> {
    let letters = TEXTS.map(|text| text.chars().collect::<Vec<_>>());
    let pieces = letters.iter().flat_map(|text| text.chunks(18));
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// A body with a value at each of these paths.
fn body<'p>(paths: impl IntoIterator<Item = &'p (String, bool)>, text: &str) -> Value {
    let mut body = Value::Null;
    for (path, list) in paths {
        let field = path.split('.').fold(&mut body, |at, word| &mut at[word]);
        *field = value(*list, text);
    }
    body
}

fn value(list: bool, text: &str) -> Value {
    if list {
        // Words of a list are parted by semicolons in files, and trimmed.
        json!([text.replace(';', ",").trim()])
    } else {
        json!(text)
    }
}

async fn fields(suite: &Suite) {
    let api = suite.api().company().await;
    let options = Options::of(&DESCRIPTORS).unwrap();
    for (kind, message, least) in [
        ("accounts", "kontor.accounts.v1.Account", json!({"name": "A"})),
        (
            "contacts",
            "kontor.contacts.v1.Contact",
            json!({"last_name": "A"}),
        ),
        ("leads", "kontor.leads.v1.Lead", json!({"last_name": "A"})),
        ("deals", "kontor.deals.v1.Deal", json!({"name": "A"})),
    ] {
        let message = DESCRIPTORS.get_message_by_name(message).unwrap();
        let made = api.post(&format!("/{kind}/"), least).await.expect(201);
        let record = format!("/{kind}/{}/", made["id"].as_str().unwrap());
        let paths = texts(&options, &message, "");
        let formed = |path: &str| FORMS.iter().any(|form| path.ends_with(form));
        let free: Vec<_> = paths.iter().filter(|(path, _)| !formed(path)).collect();
        let expected = if kind == "deals" { 3 } else { 8 };
        assert!(free.len() >= expected, "{kind} has free texts {free:?}");
        for text in pieces() {
            api.patch(&record, body(free.iter().copied(), &text))
                .await
                .expect(200);
            let read = api.get(&record).await.expect(200);
            for (path, list) in &free {
                let kept = read.pointer(&format!("/{}", path.replace('.', "/")));
                assert_eq!(kept, Some(&value(*list, &text)), "{kind} {path}");
            }
        }
        for one in &paths {
            // Written by hand: no writer of JSON makes half of a surrogate pair.
            for none in [
                r"nul \u0000",
                r"high \ud83e",
                r"low \udd80",
                r"turned \udd80\ud83e",
            ] {
                let request = api
                    .request(Method::PATCH, &record)
                    .header("content-type", "application/json")
                    .body(body([one], "*").to_string().replace('*', none));
                let problem = api.send(request).await.problem(400, "invalid_text");
                let (path, list) = one;
                let field = if *list { format!("{path}[0]") } else { path.clone() };
                assert_eq!(problem["errors"][0]["field"], field, "{none}: {problem}");
            }
        }
    }
}
