//! Records become files.

use futures_util::StreamExt as _;
use kontor_chassis::{Caller, Error, Kind};
use kontor_proto::records::v1::{ImportMode, ImportOptions, ImportState, ListQuery, Money};
use kontor_records::transfer::export;
use tokio_util::task::TaskTracker;

use crate::importing::import;
use crate::lead::Lead;
use crate::world::{World, named};

pub(crate) async fn exported(
    world: &World,
    caller: &Caller,
    query: ListQuery,
    columns: &str,
) -> Result<String, Error> {
    let download = export::<Lead>(&world.db, &TaskTracker::new(), caller, &query, columns).await?;
    let pieces: Vec<_> = download.map(|piece| piece.unwrap().data).collect().await;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_the_rows_and_columns_of_the_query_in_its_order() {
    let world = World::new().await;
    for (name, revenue) in [("Beta", None), ("Alpha", Some("1234.5")), ("Gamma", Some("7"))] {
        let mut lead = named(name);
        lead.annual_revenue = revenue.map(|amount| Money {
            amount: amount.into(),
            currency: "EUR".into(),
        });
        lead.tags = vec!["a".into(), "b".into()];
        world.make(lead).await;
    }
    let query = ListQuery {
        order_by: "-last_name".into(),
        filter: "last_name != \"Beta\"".into(),
        ..Default::default()
    };
    let columns = "last_name, annual_revenue,annual_revenue_currency,tags,utm";
    assert_eq!(
        exported(&world, &world.admin, query, columns).await.unwrap(),
        "last_name,annual_revenue,annual_revenue_currency,tags,utm.source,utm.medium,utm.campaign,utm.term,utm.content\r\n\
         Gamma,7.00,EUR,a;b,,,,,\r\n\
         Alpha,1234.50,EUR,a;b,,,,,\r\n"
    );
    let whole = exported(&world, &world.admin, ListQuery::default(), "")
        .await
        .unwrap();
    let header = whole.lines().next().unwrap();
    assert!(
        header.starts_with("id,first_name,last_name,full_name,email"),
        "{header}"
    );
    assert!(
        header.ends_with("created_by,updated_by,created_at,updated_at,deleted_at"),
        "{header}"
    );
    assert!(!header.contains("company_id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_columns_and_rights_that_are_missing_are_refused() {
    let world = World::new().await;
    let error = exported(
        &world,
        &world.admin,
        ListQuery::default(),
        "last_name,shoe_size,company_id",
    )
    .await
    .unwrap_err();
    assert_eq!((error.kind(), error.fields().len()), (Kind::Invalid, 2));
    let error = exported(&world, &world.person(&["leads:read"]), ListQuery::default(), "")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_exports_only_ones_own_where_the_right_reaches_no_further() {
    let world = World::new().await;
    let rep = world.person(&["leads:read:all", "leads:create", "leads:export:own"]);
    world.make_as(&rep, named("Mine")).await;
    world.make(named("Theirs")).await;
    assert_eq!(
        exported(&world, &rep, ListQuery::default(), "last_name")
            .await
            .unwrap(),
        "last_name\r\nMine\r\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn export_import_export_gives_the_same_bytes() {
    let world = World::new().await;
    for (at, name) in [
        "=1+1", "'=1+1", "''@x", "+49 1", "-5", "'quoted'", "a,\"b\"", "plain",
    ]
    .iter()
    .enumerate()
    {
        let mut lead = named(name);
        lead.email = Some(format!("p{at}@example.com"));
        lead.phone = Some("+49 170 123".into());
        lead.description = Some(format!("{name}\r\nsecond; line\n=third"));
        lead.tags = vec!["=t".into(), "u".into()];
        lead.budget = Some(Money {
            amount: "0.5".into(),
            currency: "USD".into(),
        });
        lead.employee_count = Some(1_234_567);
        world.make(lead).await;
    }
    let query = || ListQuery {
        order_by: "email".into(),
        ..Default::default()
    };
    let columns = "last_name,email,phone,description,tags,budget,budget_currency,employee_count,created_at";
    let first = exported(&world, &world.admin, query(), columns).await.unwrap();
    assert!(
        first.contains("\r\n'=1+1,") && first.contains("\r\n''=1+1,"),
        "{first}"
    );

    let other = World::new().await;
    let job = import(&other, ImportOptions::default(), first.clone()).await;
    assert_eq!(
        (job.state(), job.created),
        (ImportState::Succeeded, 8),
        "{:?}",
        job.errors
    );
    assert_eq!(
        exported(&other, &other.admin, query(), columns).await.unwrap(),
        first
    );

    let by_id = ImportOptions {
        mode: ImportMode::Upsert.into(),
        match_on: "id".into(),
        ..Default::default()
    };
    let with_ids = format!("id,{columns}");
    let first = exported(&world, &world.admin, query(), &with_ids).await.unwrap();
    let third = World::new().await;
    let job = import(&third, by_id.clone(), first.clone()).await;
    assert_eq!((job.created, job.updated), (8, 0), "{:?}", job.errors);
    assert_eq!(
        exported(&third, &third.admin, query(), &with_ids).await.unwrap(),
        first
    );
    let job = import(&third, by_id, first).await;
    assert_eq!((job.created, job.updated), (0, 8));
}
