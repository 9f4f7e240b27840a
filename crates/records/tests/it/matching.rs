//! Files change records that are there.

use kontor_proto::records::v1::{
    ImportBlankCells, ImportDateFormat, ImportMode, ImportOnError, ImportOptions, ImportState, ListQuery,
};

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

fn by(mode: ImportMode, match_on: &str) -> ImportOptions {
    ImportOptions {
        mode: mode.into(),
        match_on: match_on.into(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_change_the_records_they_match_by_the_chosen_key_and_upsert_makes_the_rest() {
    let world = World::new().await;
    for (name, email) in [
        ("Ada", "ada@x.de"),
        ("Bob", "bob@x.de"),
        ("Twin", "t1@x.de"),
        ("Twin", "t2@x.de"),
    ] {
        let mut lead = named(name);
        lead.email = Some(email.into());
        world.make(lead).await;
    }
    let file = "email,last_name,title\nADA@x.de,Ada,CTO\nnew@x.de,New,\n,Nokey,\nnew@x.de,New,CEO\n";
    let job = import(&world, by(ImportMode::Upsert, "email"), file).await;
    assert_eq!(counts(&job), (4, 1, 2, 0, 1), "{:?}", job.errors);
    assert_eq!(errors(&job), [(4, "-", "-", "required")]);

    let file = "last_name,title\nbob,CFO\nTwin,x\nGhost,x\n";
    let job = import(&world, by(ImportMode::Update, "name"), file).await;
    assert_eq!(counts(&job), (3, 0, 1, 0, 2));
    assert_eq!(
        errors(&job),
        [(3, "-", "-", "ambiguous_match"), (4, "-", "-", "no_match")]
    );
    let query = ListQuery {
        filter: "title:*".into(),
        order_by: "title".into(),
        ..ListQuery::default()
    };
    assert_eq!(world.names(query).await, ["New", "bob", "Ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blank_cell_keeps_the_field_unless_it_is_to_clear_it() {
    let world = World::new().await;
    let mut lead = named("Ada");
    lead.email = Some("ada@x.de".into());
    lead.title = Some("CTO".into());
    lead.tags = vec!["vip".into()];
    lead.budget = Some(kontor_proto::records::v1::Money {
        amount: "5".into(),
        currency: "USD".into(),
    });
    lead.phone = Some("+49 170".into());
    world.make(lead).await;
    let file = "email,last_name,title,tags,budget\nada@x.de,,,,\n";
    let read = async || world.list(ListQuery::default()).await.unwrap().records.remove(0);

    let job = import(&world, by(ImportMode::Update, "email"), file).await;
    assert_eq!(counts(&job), (1, 0, 1, 0, 0));
    assert_eq!(read().await.title.as_deref(), Some("CTO"));

    let clear = ImportOptions {
        blank_cells: ImportBlankCells::Clear.into(),
        ..by(ImportMode::Update, "email")
    };
    let job = import(&world, clear.clone(), file).await;
    assert_eq!(
        errors(&job),
        [(2, "last_name", "", "required")],
        "what a record must have can't be cleared"
    );
    let job = import(&world, clear, file.replace("de,,", "de,Ada,")).await;
    assert_eq!(counts(&job), (1, 0, 1, 0, 0), "{:?}", job.errors);
    let lead = read().await;
    assert_eq!((lead.title, lead.tags.len(), lead.budget), (None, 0, None));
    assert_eq!(lead.phone.as_deref(), Some("+49 170"), "no column, no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_of_two_meanings_is_asked_about_and_never_guessed() {
    let world = World::new().await;
    let file = "last_name,created_at\nA,13/02/2020\nB,02/13/2020\nC,01/02/2020\nD,1 March 2020 9:30 PM\n";
    let job = import(&world, ImportOptions::default(), file).await;
    assert_eq!(counts(&job), (4, 3, 0, 0, 1));
    assert_eq!(errors(&job), [(4, "created_at", "01/02/2020", "ambiguous_date")]);

    let answered = ImportOptions {
        date_format: ImportDateFormat::Dmy.into(),
        skip_duplicates: Some(false),
        ..Default::default()
    };
    let job = import(&world, answered, file).await;
    assert_eq!(job.state(), ImportState::PartiallySucceeded);
    assert_eq!(
        errors(&job),
        [(3, "created_at", "02/13/2020", "invalid_time")],
        "against what was said it is not turned round"
    );
    let query = ListQuery {
        filter: "created_at < \"2020-02-02\" AND last_name = C".into(),
        ..ListQuery::default()
    };
    assert_eq!(world.names(query).await, ["C"]);
}
