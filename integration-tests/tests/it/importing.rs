//! Imports: bad rows never stop good ones, and nothing is half-written.

use std::sync::Arc;

use kontor_integration_tests::api::eventually;
use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(
            suite,
            "importing::refuses_bad_rows_by_line_and_column_and_takes_the_good_ones",
            bad_rows,
        ),
        trial(
            suite,
            "importing::gives_the_refused_rows_back_as_a_file_that_goes_in_again",
            errors_file,
        ),
        trial(
            suite,
            "importing::reads_delimiters_and_encodings_as_they_come",
            dialects,
        ),
        trial(
            suite,
            "importing::skips_duplicates_unless_told_not_to",
            duplicates,
        ),
        trial(suite, "importing::abort_writes_nothing_at_all", abort),
        trial(suite, "importing::takes_a_multipart_form", multipart),
        trial(suite, "importing::refuses_what_is_no_table", no_table),
        trial(suite, "importing::twenty_thousand_rows_are_all_there", many),
        trial(
            suite,
            "importing::a_file_of_every_kind_is_previewed_imported_and_taken_back",
            there_and_back,
        ),
        trial(
            suite,
            "importing::progress_comes_as_events_while_the_file_still_comes",
            events,
        ),
    ]
}

const MIXED: &str = "First Name,Last Name,E-mail Address,Employees,Rating,Colour\r\n\
    Good,One,one@example.com,10,Hot,red\r\n\
    Bad,Mail,not-an-address,10,Hot,red\r\n\
    \"Good\",\"Two\nlines\",two@example.com,,,\r\n\
    ,,nameless@example.com,ten,lukewarm,\r\n\
    Good,Three,three@example.com,30,warm,blue\r\n";

async fn bad_rows(suite: &Suite) {
    let api = suite.api().company().await;
    let job = api.csv("/leads/import/", MIXED).await.expect(200);
    assert_eq!(job["state"], "partially_succeeded", "{job}");
    assert_eq!(
        (&job["total_rows"], &job["created"], &job["failed"]),
        (&json!(5), &json!(3), &json!(2)),
        "{job}"
    );
    assert_eq!(job["unmapped_columns"], json!(["Colour"]));
    let errors = job["errors"].as_array().unwrap();
    let find = |row: i64, column: &str| {
        errors
            .iter()
            .find(|e| e["row"] == row && e["column"] == column)
            .map(|e| e["code"].clone())
    };
    assert_eq!(find(3, "E-mail Address"), Some(json!("invalid_email")), "{job}");
    // The record before holds a line break, so this one begins at line 6.
    assert!(
        find(6, "Employees").is_some() && find(6, "Rating").is_some(),
        "every bad cell is named: {job}"
    );
    assert_eq!(api.get("/leads/").await.expect(200)["total_size"], 3);
    let fetched = api
        .get(&format!("/leads/imports/{}/", job["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(fetched["created"], 3);
    assert_eq!(
        api.get("/leads/imports/").await.expect(200)["imports"][0]["id"],
        job["id"]
    );
}

async fn errors_file(suite: &Suite) {
    let api = suite.api().company().await;
    let job = api.csv("/leads/import/", MIXED).await.expect(200);
    let answer = api
        .get(&format!("/leads/imports/{}/errors/", job["id"].as_str().unwrap()))
        .await;
    assert!(
        answer.header("content-type").unwrap().starts_with("text/csv"),
        "{answer:?}"
    );
    let mut reader = csv::Reader::from_reader(answer.text.as_bytes());
    let headers: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        headers,
        [
            "First Name",
            "Last Name",
            "E-mail Address",
            "Employees",
            "Rating",
            "Colour",
            "_row",
            "_error"
        ]
    );
    assert_eq!(reader.records().count(), 2);
    let mended = answer.text.replace("not-an-address", "mended@example.com");
    let again = api.csv("/leads/import/", mended).await.expect(200);
    assert_eq!(
        (&again["created"], &again["failed"]),
        (&json!(1), &json!(1)),
        "{again}"
    );
}

async fn dialects(suite: &Suite) {
    let api = suite.api().company().await;
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(
            "Last Name;City\r\nÖztürk;Köln\r\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    let windows: Vec<u8> = b"Last Name\tCity\r\nM\xFCller\tD\xFCren\r\n".to_vec();
    let bom: Vec<u8> = "\u{FEFF}Last Name|City\nŁukasz|Łódź\n".into();
    let mac: Vec<u8> = b"Last Name,City\rOld Mac,Cupertino\r".to_vec();
    for (file, name, city) in [
        (utf16, "Öztürk", "Köln"),
        (windows, "Müller", "Düren"),
        (bom, "Łukasz", "Łódź"),
        (mac, "Old Mac", "Cupertino"),
    ] {
        let job = api.csv("/leads/import/", file).await.expect(200);
        assert_eq!(job["created"], 1, "{job}");
        let page = api
            .get("/leads/?order_by=-created_at&page_size=1")
            .await
            .expect(200);
        assert_eq!(
            (
                &page["leads"][0]["last_name"],
                &page["leads"][0]["address"]["city"]
            ),
            (&json!(name), &json!(city)),
            "{job}"
        );
    }
}

async fn duplicates(suite: &Suite) {
    let api = suite.api().company().await;
    let file = "Last Name,Email\r\nA,same@example.com\r\nB,SAME@example.com\r\nC,\r\nc,\r\n";
    let job = api.csv("/leads/import/", file).await.expect(200);
    assert_eq!(
        (&job["created"], &job["skipped"], &job["state"]),
        (&json!(2), &json!(2), &json!("succeeded")),
        "{job}"
    );
    let job = api.csv("/leads/import/", file).await.expect(200);
    assert_eq!(
        (&job["created"], &job["skipped"]),
        (&json!(0), &json!(4)),
        "{job}"
    );
    let job = api
        .csv("/leads/import/?skip_duplicates=false", file)
        .await
        .expect(200);
    assert_eq!(job["created"], 4, "{job}");
}

async fn abort(suite: &Suite) {
    let api = suite.api().company().await;
    let job = api.csv("/leads/import/?on_error=abort", MIXED).await.expect(200);
    assert_eq!(
        (&job["state"], &job["created"]),
        (&json!("failed"), &json!(0)),
        "{job}"
    );
    let job = api.csv("/leads/import/?dry_run=true", MIXED).await.expect(200);
    assert_eq!(
        (&job["dry_run"], &job["failed"]),
        (&json!(true), &json!(2)),
        "{job}"
    );
    assert_eq!(api.get("/leads/").await.expect(200)["total_size"], 0);
}

async fn multipart(suite: &Suite) {
    let api = suite.api().company().await;
    let options =
        json!({"mapping": {"Nachname": "last_name", "Ort": "address.city"}, "defaults": {"source": "event"}});
    let file = reqwest::multipart::Part::text("Nachname,Ort\r\nGruber,Linz\r\n")
        .file_name("messe.csv")
        .mime_str("text/csv")
        .unwrap();
    let form = reqwest::multipart::Form::new()
        .text("options", options.to_string())
        .part("file", file);
    let job = api
        .send(
            api.request(reqwest::Method::POST, "/leads/import/")
                .multipart(form),
        )
        .await
        .expect(200);
    assert_eq!(
        (&job["created"], &job["file_name"]),
        (&json!(1), &json!("messe.csv")),
        "{job}"
    );
    let lead = &api.get("/leads/").await.expect(200)["leads"][0];
    assert_eq!(
        (&lead["last_name"], &lead["address"]["city"], &lead["source"]),
        (&json!("Gruber"), &json!("Linz"), &json!("event"))
    );
}

async fn no_table(suite: &Suite) {
    let api = suite.api().company().await;
    for file in [
        Vec::new(),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
        b"\r\n\r\n".to_vec(),
    ] {
        api.raw("/leads/import/", "text/csv", file)
            .await
            .problem(400, "not_a_table");
    }
    let problem = api
        .csv(
            "/leads/import/?mapping=%7B%22A%22%3A%22colour%22%7D",
            "A\r\nx\r\n",
        )
        .await
        .expect(400);
    assert!(
        problem["errors"][0]["field"]
            .as_str()
            .unwrap()
            .starts_with("mapping"),
        "{problem}"
    );
    let problem = api
        .csv(
            "/leads/import/",
            "Last Name,Email,Email\r\nx,a@example.com,b@example.com\r\n",
        )
        .await
        .expect(400);
    assert!(
        problem["detail"].as_str().is_some_and(|text| !text.is_empty()),
        "{problem}"
    );
    api.raw("/leads/import/", "application/pdf", "x")
        .await
        .expect(415);
}

async fn many(suite: &Suite) {
    let api = suite.api().company().await;
    let mut file = String::from("First Name,Last Name,Email,Company,Country\r\n");
    for n in 0..20_000 {
        let country = if n % 1000 == 999 { "Atlantis" } else { "DE" };
        file.push_str(&format!(
            "F{n},L{n},f{n}@example.com,Company {},{country}\r\n",
            n % 100
        ));
    }
    let job = api.csv("/leads/import/?wait_seconds=60", file).await.expect(200);
    assert_eq!(
        (&job["created"], &job["failed"], &job["total_rows"]),
        (&json!(19_980), &json!(20), &json!(20_000)),
        "{job}"
    );
    assert_eq!(job["errors"].as_array().unwrap().len(), 20);
    let page = api.get("/leads/").await.expect(200);
    let total = page["total_size"].as_i64().unwrap();
    assert!(
        page["total_size_is_estimate"] == Value::Bool(true) && total > 10_000,
        "{total}"
    );
}

async fn there_and_back(suite: &Suite) {
    let api = suite.api().company().await;
    for (kind, name) in [
        ("accounts", "name"),
        ("contacts", "last_name"),
        ("leads", "last_name"),
        ("deals", "name"),
    ] {
        let file = format!("{name};created_at\r\nFirst;01/02/2020\r\nSecond;2020-02-01\r\n");
        let shown = api
            .csv(&format!("/{kind}/import/preview/"), file.clone())
            .await
            .expect(200);
        assert_eq!(
            (&shown["delimiter"], &shown["encoding"]),
            (&json!(";"), &json!("utf-8"))
        );
        assert_eq!(shown["rows"][1]["values"][name], "Second", "{shown}");
        assert_eq!(shown["problems"][0]["code"], "ambiguous_date", "{shown}");
        assert_eq!(
            api.get(&format!("/{kind}/imports/")).await.expect(200)["imports"],
            json!([])
        );

        let job = api
            .csv(&format!("/{kind}/import/?date_format=dmy"), file)
            .await
            .expect(200);
        assert_eq!(
            (&job["created"], &job["undo"]),
            (&json!(2), &Value::Null),
            "{job}"
        );
        let undo = format!("/{kind}/imports/{}/undo/", job["id"].as_str().unwrap());
        let undone = api.post(&undo, json!({})).await.expect(200);
        assert_eq!(undone["state"], "undone", "{undone}");
        assert_eq!(
            undone["undo"],
            json!({"deleted": 2, "restored": 0, "kept": 0, "failures": []})
        );
        assert_eq!(api.get(&format!("/{kind}/")).await.expect(200)["total_size"], 0);
        let stranger = suite.api().company().await;
        stranger.post(&undo, json!({})).await.problem(404, "not_found");
    }
}

async fn events(suite: &Suite) {
    let api = suite.api().company().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(1);
    sender
        .send(Ok("Last Name\r\nFirst\r\n".to_owned()))
        .await
        .unwrap();
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let request = api
        .request(reqwest::Method::POST, "/leads/import/")
        .header("content-type", "text/csv")
        .body(reqwest::Body::wrap_stream(pieces));
    let importing = tokio::spawn(request.send());
    eventually(10, "the import is there", async || {
        let jobs = api.get("/leads/imports/").await.expect(200);
        jobs["imports"][0]["state"] == "running"
    })
    .await;
    let jobs = api.get("/leads/imports/").await.expect(200);
    let path = format!(
        "/leads/imports/{}/events/",
        jobs["imports"][0]["id"].as_str().unwrap()
    );
    let mut told = api
        .request(reqwest::Method::GET, &path)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(told.headers()["content-type"], "text/event-stream");
    assert!(!told.headers().contains_key("content-encoding"));
    let first = String::from_utf8(told.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        first.starts_with("event: progress\ndata: {") && first.contains("\"state\":\"running\""),
        "told while the file still comes: {first}"
    );
    sender.send(Ok("Second\r\n".to_owned())).await.unwrap();
    drop(sender);
    assert_eq!(importing.await.unwrap().unwrap().status(), 200);
    let rest = told.text().await.unwrap();
    let last = rest.split_terminator("\n\n").last().unwrap_or_default();
    let data = last
        .strip_prefix("event: done\ndata: ")
        .expect("done is the last");
    let done: Value = serde_json::from_str(data).unwrap();
    let job = api.get(path.trim_end_matches("events/")).await.expect(200);
    assert_eq!(done, job, "an event's job is the job");
    let at_once = api.get(&path).await;
    assert!(at_once.text.starts_with("event: progress\n"), "{}", at_once.text);
    assert!(at_once.text.contains("\n\nevent: done\n"), "{}", at_once.text);
    assert_eq!(at_once.text.matches("event:").count(), 2);
}
