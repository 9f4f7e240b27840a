//! Files change records that are there.

use kontor_proto::records::v1::{ImportMode, ImportOnError, ImportOptions, ImportState, ListQuery};

use crate::importing::{counts, errors, import, number};
use crate::world::{World, named};

#[tokio::test(flavor = "multi_thread")]
async fn rows_change_the_records_that_they_match() {
    let world = World::new().await;
    let mut lead = named("Meyer");
    lead.email = Some("ida@example.com".into());
    lead.phone = Some("123".into());
    let lead = world.make(lead).await;
    let file =
        "email,last_name,phone,industry\nIDA@EXAMPLE.COM,Maier,,Steel\nnew@example.com,New,,\n,None,,\n";
    let update = ImportOptions {
        mode: ImportMode::Update.into(),
        ..Default::default()
    };
    let job = import(&world, update, file).await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::PartiallySucceeded, (3, 0, 1, 0, 2))
    );
    assert_eq!(
        errors(&job),
        [(3, "-", "-", "no_match"), (4, "-", "-", "required")]
    );
    let page = world.list(ListQuery::default()).await.unwrap();
    assert_eq!(page.records.len(), 1);
    let changed = &page.records[0];
    assert_eq!(
        (changed.id.as_str(), changed.etag.as_str()),
        (lead.id.to_string().as_str(), "2")
    );
    assert_eq!(
        (
            changed.last_name.as_str(),
            changed.phone.as_deref(),
            changed.industry.as_deref()
        ),
        ("Maier", Some("123"), Some("Steel"))
    );

    let upsert = ImportOptions {
        mode: ImportMode::Upsert.into(),
        defaults: [("source".to_owned(), "event".to_owned())].into(),
        ..Default::default()
    };
    let job = import(
        &world,
        upsert,
        "email,last_name\nida@example.com,Meier\nnew@example.com,New\nNEW@example.com,Newer\n",
    )
    .await;
    assert_eq!(counts(&job), (3, 1, 2, 0, 0));
    let sources = world
        .list(ListQuery {
            order_by: "last_name".into(),
            ..Default::default()
        })
        .await
        .unwrap()
        .records;
    assert_eq!(
        sources[0].source(),
        kontor_proto::leads::v1::LeadSource::Unspecified,
        "a default is for new records"
    );
    assert_eq!(
        (sources[1].source(), sources[1].last_name.as_str()),
        (kontor_proto::leads::v1::LeadSource::Event, "Newer")
    );
    assert_eq!(
        number(
            &world,
            "select count(*) from history where company_id = $1 and field = 'last_name'"
        )
        .await,
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_takes_back_changes_too() {
    let world = World::new().await;
    let mut lead = named("Meyer");
    lead.email = Some("ida@example.com".into());
    world.make(lead).await;
    let options = ImportOptions {
        mode: ImportMode::Update.into(),
        on_error: ImportOnError::Abort.into(),
        ..Default::default()
    };
    let job = import(
        &world,
        options,
        "email,last_name\nida@example.com,Maier\nnobody@example.com,X\n",
    )
    .await;
    assert_eq!(
        (job.state(), counts(&job)),
        (ImportState::Failed, (2, 0, 0, 0, 1))
    );
    assert_eq!(world.names(ListQuery::default()).await, ["Meyer"]);
}
