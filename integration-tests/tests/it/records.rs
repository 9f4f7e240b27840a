//! What every kind of record can do: create, read, change, delete, restore, list, filter, search, page.

use std::collections::HashSet;
use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{conversion::lead, trial};

/// A record of each kind: its plural and the least it needs.
const KINDS: [(&str, &str); 4] = [
    ("accounts", "name"),
    ("contacts", "last_name"),
    ("leads", "last_name"),
    ("deals", "name"),
];

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "records::of_every_kind_live_from_create_to_restore", life),
        trial(suite, "records::carry_an_etag_that_guards_changes", etags),
        trial(
            suite,
            "records::are_listed_page_by_page_without_gap_or_repeat",
            pages,
        ),
        trial(suite, "records::are_filtered_and_ordered", filters),
        trial(suite, "records::are_found_by_words", search),
        trial(suite, "records::patch_merges_and_null_clears", patch),
        trial(suite, "records::paths_work_with_and_without_the_slash", slashes),
    ]
}

async fn life(suite: &Suite) {
    let api = suite.api().company().await;
    for (plural, required) in KINDS {
        let answer = api
            .post(&format!("/{plural}/"), json!({required: "  Somebody  "}))
            .await;
        let location = answer.header("location").map(str::to_owned);
        let record = answer.expect(201);
        let id = record["id"].as_str().unwrap().to_owned();
        assert!(
            location.is_some_and(|path| path.contains(&format!("/api/v1/{plural}/{id}"))),
            "{plural}"
        );
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
        assert_eq!(record[required], "  Somebody  ", "text is kept as it was typed");
        assert_eq!(record["company_id"], api.company_id());
        assert_eq!(record["created_by"], api.session["user"]["id"]);
        assert_eq!(
            record["owner_id"], record["created_by"],
            "the owner of a new record is its creator"
        );
        assert!(record["created_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(
            (&record["deleted_at"], &record["tags"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(record["custom_fields"], json!({}), "{plural}");

        let path = format!("/{plural}/{id}/");
        assert_eq!(api.get(&path).await.expect(200), record, "{plural}");
        let problem = api.post(&format!("/{plural}/"), json!({})).await.expect(400);
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
            (&json!(required), &json!("required")),
            "{plural}"
        );

        assert_eq!(api.delete(&path).await.status, 204);
        api.get(&path).await.problem(404, "not_found");
        assert_eq!(api.delete(&path).await.status, 404, "deleting a deleted record");
        assert_eq!(api.get(&format!("/{plural}/")).await.expect(200)["total_size"], 0);
        assert_eq!(
            api.get(&format!("/{plural}/?deleted=true")).await.expect(200)[plural][0]["id"],
            id.as_str()
        );
        for _ in 0..2 {
            let back = api.post(&format!("{path}restore/"), json!({})).await.expect(200);
            assert_eq!(back["deleted_at"], Value::Null);
        }
        assert_eq!(api.get(&format!("/{plural}/")).await.expect(200)["total_size"], 1);
    }
}

async fn etags(suite: &Suite) {
    let api = suite.api().company().await;
    for (plural, required) in KINDS {
        let record = api
            .post(&format!("/{plural}/"), json!({required: "Guarded"}))
            .await
            .expect(201);
        let path = format!("/{plural}/{}/", record["id"].as_str().unwrap());
        let answer = api.get(&path).await;
        let etag = answer.header("etag").unwrap().to_owned();
        assert_eq!(
            etag,
            format!("\"{}\"", record["etag"].as_str().unwrap()),
            "{plural}"
        );
        let change = |tag: &str, text: &str| {
            api.request(reqwest::Method::PATCH, &path)
                .header("if-match", tag)
                .json(&json!({"description": text}))
        };
        let changed = api.send(change(&etag, "one")).await.expect(200);
        assert_ne!(changed["etag"], record["etag"]);
        api.send(change(&etag, "two")).await.problem(412, "stale_etag");
        let stale = api
            .request(reqwest::Method::DELETE, &path)
            .header("if-match", &etag);
        api.send(stale).await.problem(412, "stale_etag");
        assert_eq!(api.get(&path).await.expect(200)["description"], "one", "{plural}");
        api.send(change("*", "three")).await.expect(200);
    }
}

async fn pages(suite: &Suite) {
    let api = suite.api().company().await;
    let mut csv = String::from("Last Name,Industry\r\n");
    for n in 0..123 {
        csv.push_str(&format!(
            "Number {n},{}\r\n",
            if n % 3 == 0 { "" } else { ["A", "B"][n % 2] }
        ));
    }
    api.csv("/leads/import/?skip_duplicates=false", csv)
        .await
        .expect(200);
    for order in ["", "industry", "-industry,last_name", "-created_at", "last_name"] {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = api
                .get(&format!(
                    "/leads/?page_size=25&order_by={order}&page_token={token}"
                ))
                .await
                .expect(200);
            assert_eq!(page["total_size"], 123);
            assert_eq!(page["total_size_is_estimate"], false);
            seen.extend(page["leads"].as_array().unwrap().iter().cloned());
            token = page["next_page_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                break;
            }
        }
        let ids: HashSet<&str> = seen.iter().map(|lead| lead["id"].as_str().unwrap()).collect();
        assert_eq!((seen.len(), ids.len()), (123, 123), "order {order:?}");
        if order.ends_with("industry") || order.starts_with("-industry") {
            let first_null = seen.iter().position(|lead| lead["industry"].is_null()).unwrap();
            assert!(
                seen[first_null..].iter().all(|lead| lead["industry"].is_null()),
                "nulls are last in order {order:?}"
            );
        }
    }
    let page = api.get("/leads/?page_size=2").await.expect(200);
    let token = page["next_page_token"].as_str().unwrap();
    for misuse in [
        format!("?order_by=score&page_token={token}"),
        format!("?status=new&page_token={token}"),
        "?page_token=x".into(),
    ] {
        api.get(&format!("/leads/{misuse}"))
            .await
            .problem(400, "invalid_page_token");
    }
    let other = suite.api().company().await;
    other
        .get(&format!("/leads/?page_size=2&page_token={token}"))
        .await
        .problem(400, "invalid_page_token");
    assert_eq!(
        api.get("/leads/?page_size=0").await.expect(200)["leads"]
            .as_array()
            .unwrap()
            .len(),
        50
    );
    assert_eq!(
        api.get("/leads/?page_size=1000").await.expect(200)["leads"]
            .as_array()
            .unwrap()
            .len(),
        123
    );
    assert_eq!(
        api.get("/leads/?page_size=-1").await.expect(400)["errors"][0]["field"],
        "page_size"
    );
    assert_eq!(
        api.get("/leads/?include_total=false").await.expect(200)["total_size"],
        Value::Null
    );
}

async fn filters(suite: &Suite) {
    let api = suite.api().company().await;
    for (name, body) in [
        (
            "Alpha",
            json!({"rating": "hot", "tags": ["vip", "eu"], "employee_count": 10, "industry": "Software"}),
        ),
        (
            "Beta",
            json!({"rating": "warm", "tags": ["eu"], "employee_count": 100}),
        ),
        (
            "Gamma",
            json!({"rating": "cold", "source": "event", "employee_count": 1000}),
        ),
    ] {
        let mut body = body;
        body["last_name"] = json!(name);
        lead(&api, body).await;
    }
    for (query, expected) in [
        ("rating=hot&rating=warm", vec!["Alpha", "Beta"]),
        ("rating=hot&source=event", vec![]),
        ("tags=eu", vec!["Alpha", "Beta"]),
        ("tags=vip", vec!["Alpha"]),
        ("employee_count_min=100", vec!["Beta", "Gamma"]),
        ("employee_count_max=100&employee_count_min=11", vec!["Beta"]),
        ("owner_id=me", vec!["Alpha", "Beta", "Gamma"]),
        (
            "created_at_after=2020-01-01T00:00:00Z",
            vec!["Alpha", "Beta", "Gamma"],
        ),
        ("created_at_before=2020-01-01T00:00:00Z", vec![]),
        (
            "filter=employee_count%20%3E%3D%20100%20AND%20(rating%20%3D%20%22cold%22%20OR%20tags%3A%22eu%22)",
            vec!["Beta", "Gamma"],
        ),
        (
            "filter=NOT%20industry%20%3D%20%22Software%22%20AND%20rating%20%3D%20%22warm%22",
            vec!["Beta"],
        ),
    ] {
        let page = api
            .get(&format!("/leads/?order_by=last_name&{query}"))
            .await
            .expect(200);
        let names: Vec<&str> = page["leads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lead| lead["last_name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{query}");
    }
    for (query, field) in [
        ("colour=red", "colour"),
        ("rating=lukewarm", "rating"),
        ("order_by=colour", "order_by"),
        ("filter=colour%20%3D%201", "filter"),
        ("expand=colour", "expand"),
        ("employee_count_min=many", "employee_count_min"),
        ("created_at_after=yesterday", "created_at_after"),
        ("deleted=perhaps", "deleted"),
    ] {
        let problem = api.get(&format!("/leads/?{query}")).await.expect(400);
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    let problem = api.get("/leads/?filter=rating%20%3D%20%3D").await.expect(400);
    assert_eq!(
        (&problem["errors"][0]["code"], &problem["errors"][0]["position"]),
        (&json!("syntax"), &json!(9)),
        "{problem}"
    );
}

async fn search(suite: &Suite) {
    let api = suite.api().company().await;
    lead(
        &api,
        json!({"first_name": "Katharina", "last_name": "Brandstetter", "company_name": "Donau Logistik"}),
    )
    .await;
    lead(
        &api,
        json!({"first_name": "Peter", "last_name": "Novak", "email": "novak@moldau.example"}),
    )
    .await;
    for (words, expected) in [
        ("brandstetter katharina", "Brandstetter"),
        ("katha", "Brandstetter"),
        ("Logistik Donau", "Brandstetter"),
        ("brandsteter", "Brandstetter"),
        ("moldau", "Novak"),
    ] {
        let page = api
            .get(&format!("/leads/?search={}", words.replace(' ', "%20")))
            .await
            .expect(200);
        assert_eq!(page["leads"].as_array().unwrap().len(), 1, "{words}: {page}");
        assert_eq!(page["leads"][0]["last_name"], expected, "{words}");
    }
    assert_eq!(
        api.get("/leads/?search=zzzzzz").await.expect(200)["total_size"],
        0
    );
}

async fn patch(suite: &Suite) {
    let api = suite.api().company().await;
    let body = json!({
        "last_name": "Patch", "phone": "1", "address": {"street": "Ringstraße 1", "city": "Wien", "country": "AT"},
        "budget": {"amount": "10", "currency": "EUR"}, "tags": ["a"],
    });
    let path = format!("/leads/{}/", lead(&api, body).await);
    let request = api
        .request(reqwest::Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"address": {"city": "Graz"}, "phone": null, "tags": ["b", "c"]}"#);
    let after = api.send(request).await.expect(200);
    assert_eq!(after["address"]["city"], "Graz");
    assert_eq!(after["address"]["street"], "Ringstraße 1");
    assert_eq!(
        (&after["phone"], &after["tags"]),
        (&Value::Null, &json!(["b", "c"]))
    );
    assert_eq!(after["budget"]["amount"], "10.00");
    let after = api
        .patch(&path, json!({"budget": null, "address": null}))
        .await
        .expect(200);
    assert_eq!(
        (&after["budget"], &after["address"]),
        (&Value::Null, &Value::Null)
    );
    let problem = api
        .patch(
            &path,
            json!({"last_name": null, "address": {"country": "Austria"}, "email": "x"}),
        )
        .await
        .expect(400);
    let fields: HashSet<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        HashSet::from(["last_name", "address.country", "email"]),
        "{problem}"
    );
    assert_eq!(
        api.get(&path).await.expect(200)["etag"],
        after["etag"],
        "a refused change changes nothing"
    );
}

async fn slashes(suite: &Suite) {
    let api = suite.api().company().await;
    let id = lead(&api, json!({"last_name": "Slash"})).await;
    for path in ["/leads", "/leads/"] {
        assert_eq!(api.get(path).await.expect(200)["total_size"], 1);
    }
    for path in [format!("/leads/{id}"), format!("/leads/{id}/")] {
        api.get(&path).await.expect(200);
    }
    api.post(&format!("/leads/{id}/qualify"), json!({}))
        .await
        .expect(200);
}
