//! What is told of a file before it is imported, and of an import while it goes on.

use futures_util::{StreamExt as _, stream};
use kontor_chassis::{Error, Kind};
use kontor_proto::records::v1::{ImportOptions, ImportPreview};
use kontor_records::transfer::Part;

use crate::importing::{import, nothing_is_staged, number, service, upload};
use crate::surviving::until;
use crate::world::World;

async fn preview(
    world: &World,
    options: ImportOptions,
    file: impl Into<bytes::Bytes>,
) -> Result<ImportPreview, Error> {
    service(world)
        .imports
        .preview(&world.admin, upload(options, file))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_how_the_first_rows_would_be_read_and_writes_nothing() {
    let world = World::new().await;
    let mut file = b"Last Name;E-mail;Budget;Source;Shoe\r\n\
        M\xFCller;a@x.de;1,200;Cold Call;41\r\n\
        ;nobody;;;42\r\n\
        Short\r\n"
        .to_vec();
    file.extend((0..100).flat_map(|n| format!("P{n};p{n}@x.de;;;\r\n").into_bytes()));
    let shown = preview(&world, ImportOptions::default(), file).await.unwrap();
    assert_eq!(
        (shown.delimiter.as_str(), shown.encoding.as_str()),
        (";", "windows-1252")
    );
    assert_eq!(shown.mapping["E-mail"], "email");
    assert_eq!(shown.unmapped_columns, ["Shoe"]);
    assert_eq!(shown.rows.len(), 20);
    let first = &shown.rows[0];
    let value = |field: &str| first.values.get(field).map(String::as_str);
    assert_eq!(first.row, 2);
    assert_eq!(
        (
            value("last_name"),
            value("budget"),
            value("budget_currency"),
            value("source")
        ),
        (Some("Müller"), Some("1200"), Some("EUR"), Some("cold_call"))
    );
    let problems: Vec<_> = shown
        .problems
        .iter()
        .map(|problem| (problem.row, problem.column.as_deref(), problem.code.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            (3, Some("E-mail"), "invalid_email"),
            (3, Some("Last Name"), "required"),
            (4, None, "ragged_row"),
        ]
    );
    let left = "select (select count(*) from leads.leads where company_id = $1)
        + (select count(*) from imports where company_id = $1)";
    assert_eq!(number(&world, left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_refuses_what_an_import_refuses() {
    let world = World::new().await;
    let error = preview(&world, ImportOptions::default(), "").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Invalid, "not_a_table"));
    let twice = "last_name,email,email\nA,a@x.de,b@x.de\n";
    let error = preview(&world, ImportOptions::default(), twice)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "repeated_header");
}

/// The names of the events and the data of each.
async fn events(world: &World, id: &str) -> Vec<(String, serde_json::Value)> {
    let id = id.parse().unwrap();
    let told = service(world).imports.watch(&world.admin, id).await.unwrap();
    let pieces: Vec<_> = told.map(|piece| piece.unwrap()).collect().await;
    assert!(
        pieces
            .iter()
            .all(|piece| piece.content_type == "text/event-stream")
    );
    let text: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.data).collect();
    let text = String::from_utf8(text).unwrap();
    let events = text.split_terminator("\n\n").filter(|event| *event != ":");
    events
        .map(|event| {
            let (name, data) = event.split_once("\ndata: ").unwrap();
            let name = name.strip_prefix("event: ").unwrap();
            (name.to_owned(), serde_json::from_str(data).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_until_the_import_is_done() {
    let world = World::new().await;
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let parts = upload(ImportOptions::default(), "last_name\nA\n");
    let rest = stream::once(async move {
        held.await.unwrap();
        Ok(Part::Data(bytes::Bytes::from_static(b"B\n")))
    });
    let process = service(&world);
    let (imports, caller) = (process.imports.clone(), world.admin.clone());
    let waiting = tokio::spawn(async move { imports.run(&caller, Box::pin(parts.chain(rest))).await });
    let running = until(&world, |_| true).await;
    let (told, ()) = tokio::join!(events(&world, &running.id), async {
        release.send(()).unwrap();
    });
    let job = waiting.await.unwrap().unwrap().job;
    let (last, before) = told.split_last().unwrap();
    assert_eq!(last.0, "done");
    assert_eq!(
        (&last.1["state"], &last.1["created"]),
        (&"succeeded".into(), &2.into())
    );
    assert!(
        before
            .iter()
            .all(|(name, job)| name == "progress" && job["id"] == running.id)
    );
    nothing_is_staged(&job, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_import_is_told_once_and_done_and_anothers_is_not_there() {
    let world = World::new().await;
    let job = import(&world, ImportOptions::default(), "last_name,email\nA,\n,x\n").await;
    let told = events(&world, &job.id).await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["progress", "done"]);
    assert_eq!(told[0].1, told[1].1);
    assert_eq!(told[0].1["errors"][0]["code"], "invalid_email");
    assert_eq!(told[0].1["undo"], serde_json::Value::Null);
    let stranger = World::new().await;
    let id = job.id.parse().unwrap();
    let error = service(&world)
        .imports
        .watch(&stranger.admin, id)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_told_everything_that_is_wrong_with_them_before_the_file_is_looked_at() {
    let world = World::new().await;
    let pairs = |pairs: &[(&str, &str)]| -> std::collections::HashMap<String, String> {
        let pairs = pairs.iter();
        pairs.map(|&(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    let options = ImportOptions {
        match_on: "shoe".into(),
        mapping: pairs(&[("a", "email"), ("b", "email"), ("c", "colour")]),
        defaults: pairs(&[("source", "moon"), ("shoe", "41")]),
        ..Default::default()
    };
    let error = service(&world)
        .imports
        .run(&world.admin, upload(options, ""))
        .await
        .unwrap_err();
    let mut told: Vec<(&str, &str)> = error
        .fields()
        .iter()
        .map(|fault| (fault.field.as_ref(), fault.code.as_ref()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("defaults.shoe", "unknown_field"),
            ("defaults.source", "unknown_value"),
            ("mapping.b", "repeated_mapping"),
            ("mapping.c", "unknown_mapping"),
            ("match_on", "unknown_value"),
        ]
    );
}
