//! Files in and out.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::world::{Upload, World, told};

const IMPORT: &str = "/api/v1/leads/import/";

fn uploads(world: &World) -> Vec<Upload> {
    world.leads.0.lock().unwrap().uploads.clone()
}

#[tokio::test]
async fn a_csv_body_goes_to_the_service_in_pieces_after_its_options() {
    let world = World::begin().await;
    let file = "a,b\n".repeat(100_000);
    let request = world
        .ask(Method::POST, &format!("{IMPORT}?mode=upsert&mapping[A]=email"))
        .header("content-type", "text/csv")
        .body(file.clone());
    let (status, job) = told(request).await;
    assert_eq!(
        (status, &job["total_rows"], &job["state"]),
        (200, &json!(file.len()), &json!("succeeded"))
    );
    let upload = &uploads(&world)[0];
    assert_eq!(
        (upload.options.mode, upload.options.mapping["A"].as_str()),
        (2, "email")
    );
    assert_eq!(upload.largest_piece, 64 << 10);
}

#[tokio::test]
async fn a_form_may_name_its_options_before_or_after_a_short_file() {
    let world = World::begin().await;
    let file = || {
        Part::text("name\nAda\n")
            .file_name("people.csv")
            .mime_str("text/csv")
            .unwrap()
    };
    let options = || Part::text(r#"{"mode": "update", "defaults": {"source": "event"}}"#);
    for form in [
        Form::new().part("options", options()).part("file", file()),
        Form::new().part("file", file()).part("options", options()),
    ] {
        let (status, job) = told(world.ask(Method::POST, IMPORT).multipart(form)).await;
        assert_eq!((status, &job["total_rows"]), (200, &json!(9)), "{job}");
    }
    for upload in uploads(&world) {
        assert_eq!(
            (upload.options.mode, upload.options.file_name.as_str()),
            (3, "people.csv")
        );
        assert_eq!(upload.options.defaults["source"], "event");
    }
}

#[tokio::test]
async fn a_long_file_is_not_kept_waiting_for_options_behind_it() {
    let world = World::begin().await;
    let long = || Part::bytes(vec![b'x'; 9 << 20]).file_name("long.csv");
    let (status, job) = told(
        world
            .ask(Method::POST, IMPORT)
            .multipart(Form::new().part("file", long())),
    )
    .await;
    assert_eq!((status, &job["total_rows"]), (200, &json!(9 << 20)));
    let form = Form::new().part("file", long()).text("options", "{}");
    let (status, problem) = told(world.ask(Method::POST, IMPORT).multipart(form)).await;
    assert_eq!((status, &problem["code"]), (400, &json!("options_after_file")));
    assert!(!uploads(&world)[1].whole);
}

#[tokio::test]
async fn bad_uploads_are_refused_by_name() {
    let world = World::begin().await;
    let csv = |query: &str| {
        let request = world
            .ask(Method::POST, &format!("{IMPORT}?{query}"))
            .header("content-type", "text/csv");
        told(request.body("a\n1\n"))
    };
    let (status, problem) = csv("mode=nope&what=1").await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (400, 2));
    let form = |form: Form| told(world.ask(Method::POST, IMPORT).multipart(form));
    let (status, problem) = form(Form::new().text("options", "{}")).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("file")));
    let (status, problem) = form(Form::new().text("options", "{\"mode\": 5}").text("file", "a")).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_type")));
    let fields = |problem: &Value| -> Vec<String> {
        let errors = problem["errors"].as_array().unwrap().iter();
        errors
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    };
    // What the service alone can find is told beside it.
    let (status, problem) = csv("mode=nope&mapping[A]=colour").await;
    assert_eq!(
        (status, fields(&problem)),
        (400, vec!["mode".to_owned(), "mapping.A".to_owned()])
    );
    let both = Form::new().text(
        "options",
        "{\"mode\": \"nope\", \"mapping\": {\"B\": \"colour\"}}",
    );
    let (status, problem) = form(both.text("file", "a")).await;
    assert_eq!(
        (status, fields(&problem)),
        (400, vec!["mode".to_owned(), "mapping.B".to_owned()])
    );
    let (status, problem) = form(Form::new().text("other", "a")).await;
    assert_eq!((status, &problem["code"]), (400, &json!("unknown_field")));
    let json = world.ask(Method::POST, IMPORT).json(&json!({}));
    assert_eq!(told(json).await.0, 415);
    let small = World::with(&[("rate_limits", "off"), ("import_max_bytes", "1000")]).await;
    let request = small
        .ask(Method::POST, IMPORT)
        .header("content-type", "text/csv")
        .body("x".repeat(5000));
    assert_eq!(told(request).await.0, 413);
    let stream = futures_util::stream::repeat("x".repeat(900))
        .take(10)
        .map(Ok::<_, std::io::Error>);
    let request = small.ask(Method::POST, IMPORT).header("content-type", "text/csv");
    assert_eq!(
        told(request.body(reqwest::Body::wrap_stream(stream))).await.0,
        413
    );
}

#[tokio::test]
async fn half_a_file_is_never_taken_for_a_whole_one() {
    let world = World::begin().await;
    let address = world.base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: text/csv\r\ncontent-length: 1000000\r\n\r\n",
        world.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[b'x'; 100_000]).await.unwrap();
    until(&world, |upload| upload.bytes > 0).await;
    drop(socket);
    until(&world, |upload| upload.ended).await;
    assert!(!uploads(&world)[0].whole);
}

#[tokio::test]
async fn a_silent_upload_has_broken_off_within_ten_seconds_and_a_slow_one_has_not() {
    let world = World::begin().await;
    let ask = |name: &str| world.ask(Method::POST, &format!("{IMPORT}?mapping[{name}]=email"));
    let silence = || {
        let begun = futures_util::stream::iter([Ok::<_, std::io::Error>("a,b\n")]);
        reqwest::Body::wrap_stream(begun.chain(futures_util::stream::pending()))
    };
    let silent = async {
        let began = Instant::now();
        let whole = ask("silent").header("content-type", "text/csv").body(silence());
        let form = ask("form").multipart(Form::new().part("file", Part::stream(silence())));
        for (status, problem) in <[_; 2]>::from(tokio::join!(told(whole), told(form))) {
            assert_eq!((status, &problem["code"]), (400, &json!("incomplete_body")));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    };
    let slow = async {
        let pace = tokio::time::interval(Duration::from_secs(3));
        let letters = futures_util::stream::unfold((0, pace), async |(sent, mut pace)| {
            pace.tick().await;
            (sent < 5).then_some((Ok::<_, std::io::Error>("x"), (sent + 1, pace)))
        });
        let body = reqwest::Body::wrap_stream(letters);
        let (status, job) = told(ask("slow").header("content-type", "text/csv").body(body)).await;
        assert_eq!((status, &job["total_rows"]), (200, &json!(5)), "{job}");
    };
    tokio::join!(silent, slow);
    for upload in uploads(&world) {
        let is_slow = upload.options.mapping.contains_key("slow");
        assert_eq!((upload.whole, upload.ended), (is_slow, true), "{upload:?}");
        // The service sees that it lives before a piece is full.
        assert!(!is_slow || upload.largest_piece < 5);
    }
}

/// Waits until the first upload is so.
async fn until(world: &World, so: impl Fn(&Upload) -> bool) {
    let mut changes = world.leads.1.subscribe();
    let wait = async {
        while !uploads(world).first().is_some_and(&so) {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn an_export_comes_as_a_file_and_its_failure_as_a_problem() {
    let world = World::begin().await;
    let response = world
        .ask(Method::GET, "/api/v1/leads/export/?status=new")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"leads.csv\""
    );
    let text = response.text().await.unwrap();
    assert_eq!(
        (text.lines().count(), text.starts_with("0\r\n1\r\n")),
        (1000, true)
    );
    let response = world
        .ask(Method::GET, "/api/v1/leads/export/?columns=nope")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.json::<Value>().await.unwrap()["errors"][0]["field"],
        "columns"
    );
}
