//! Making, changing, deleting and restoring.

use crate::lead::v1;
use kontor_chassis::{Error, FieldErrors, Kind};
use kontor_proto::records::v1 as records;
use kontor_records::write::{self, Change, Which};
use kontor_records::{Record as _, history};
use prost::Message as _;

use crate::lead::{Lead, LeadStatus};
use crate::world::{World, built_in, named};

pub(crate) fn full() -> v1::Lead {
    v1::Lead {
        first_name: Some(" Zoë ".into()),
        last_name: "O'Brien".into(),
        email: Some("Zoe@EXAMPLE.com".into()),
        website: Some("example.com".into()),
        employee_count: Some(12),
        annual_revenue: Some(records::Money {
            amount: "1234.5".into(),
            currency: "usd".into(),
        }),
        budget: Some(records::Money {
            amount: "50000".into(),
            currency: "EUR".into(),
        }),
        source: Some(v1::LeadSource::ColdCall as i32),
        address: Some(records::Address {
            city: Some("Köln".into()),
            country: Some("de".into()),
            ..Default::default()
        }),
        utm: Some(v1::Utm {
            campaign: Some("spring".into()),
            ..Default::default()
        }),
        tags: vec!["vip".into(), "VIP".into(), " new ".into()],
        ..Default::default()
    }
}

pub(crate) async fn outbox_events(world: &World, subject: &Lead) -> Vec<records::RecordChange> {
    let mut tx = world.tx().await;
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select payload from outbox where headers ->> 'subject' = $1 order by created_at, id",
    )
    .bind(subject.id.to_string())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    payloads
        .iter()
        .flat_map(|payload| v1::LeadsChanged::decode(payload.as_slice()).unwrap().changes)
        .collect()
}

#[tokio::test]
async fn a_new_record_comes_back_as_it_is_kept() {
    let world = World::new().await;
    let made = world.make(full()).await;
    assert_eq!(made.full_name, " Zoë  O'Brien", "the database's own column");
    assert_eq!((made.version, made.status), (1, LeadStatus::New));
    assert_eq!(
        (made.owner_id, made.created_by),
        (world.admin.user_id(), world.admin.user_id())
    );

    let mut tx = world.tx().await;
    let read: Lead = write::get(&mut tx, &world.admin, made.id).await.unwrap();
    assert_eq!(read.values(), made.values());
    let message = read.into_message();
    assert_eq!(message.first_name.as_deref(), Some(" Zoë "));
    assert_eq!(message.email.as_deref(), Some("Zoe@EXAMPLE.com"));
    assert_eq!(message.website.as_deref(), Some("https://example.com"));
    assert_eq!(message.annual_revenue.unwrap().amount, "1234.50");
    assert_eq!(
        message.budget.unwrap(),
        records::Money {
            amount: "50000".into(),
            currency: "EUR".into()
        }
    );
    assert_eq!(message.address.unwrap().country.as_deref(), Some("DE"));
    assert_eq!(message.utm.unwrap().campaign.as_deref(), Some("spring"));
    assert_eq!(message.tags, ["vip", "new"]);
    assert_eq!(message.source, Some(v1::LeadSource::ColdCall as i32));
    assert_eq!(
        (message.etag.as_str(), message.conversion, message.owner),
        ("1", None, None)
    );
}

#[tokio::test]
async fn one_statement_makes_the_record_its_history_and_its_event() {
    let world = World::new().await;
    let made = world.make(named("Doe")).await;
    let events = outbox_events(&world, &made).await;
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (event.id.as_str(), event.name.as_str(), event.action.as_str()),
        (&*made.id.to_string(), "Doe", "created")
    );
    assert_eq!((event.version, event.deleted), (1, false));

    let mut tx = world.tx().await;
    let page = history::list::<Lead>(&mut tx, &world.admin, made.id, 0, "")
        .await
        .unwrap();
    let [change] = page.changes.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(
        (change.action.as_str(), change.field.as_deref()),
        ("created", None)
    );
    assert_eq!(change.by, world.admin.user_id().map(|id| id.to_string()));
}

#[tokio::test]
async fn an_unchanged_record_is_not_written() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let mut tx = world.tx().await;
    let kept = write::update(
        &mut tx,
        &made,
        made.clone(),
        Change::new(&world.admin, world.now, "updated"),
    )
    .await
    .unwrap();
    assert_eq!(kept.version, 1);
    tx.commit().await.unwrap();
    assert_eq!(outbox_events(&world, &made).await.len(), 1);
}

#[tokio::test]
async fn a_stale_change_is_refused_and_leaves_no_trace() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let changed = |title: &str| Lead {
        title: Some(title.into()),
        ..made.clone()
    };
    let mut tx = world.tx().await;
    write::update(
        &mut tx,
        &made,
        changed("one"),
        Change::new(&world.admin, world.now, "updated"),
    )
    .await
    .unwrap();
    let error = write::update(
        &mut tx,
        &made,
        changed("two"),
        Change::new(&world.admin, world.now, "updated"),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Stale);
    tx.commit().await.unwrap();
    assert_eq!(
        outbox_events(&world, &made).await.len(),
        2,
        "created and the first update"
    );
    assert!(made.match_etag("").is_ok() && made.match_etag("1").is_ok());
    assert_eq!(made.match_etag("2").unwrap_err().kind(), Kind::Stale);
}

#[tokio::test]
async fn a_broken_constraint_means_what_the_kind_says() {
    let world = World::new().await;
    world.make(full()).await;
    let meaning = |constraint: &str| {
        (constraint == "leads_email_once").then(|| Error::exists("email_taken", "Somebody has this address."))
    };
    let mut errors = FieldErrors::new();
    let twin = Lead::create(full(), &built_in(), &world.admin, world.now, &mut errors);
    let mut tx = world.tx().await;
    let change = Change::new(&world.admin, world.now, "created").on_conflict(meaning);
    let error = write::insert(&mut tx, &twin, change).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Exists, "email_taken"));
    let mut tx = world.tx().await;
    let error = write::insert(&mut tx, &twin, Change::new(&world.admin, world.now, "created"))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Internal,
        "a constraint that nobody explains is a fault of ours"
    );
}

#[tokio::test]
async fn a_deleted_record_is_gone_until_it_is_restored() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let mut tx = world.tx().await;
    let change = |action| Change::new(&world.admin, world.now, action);
    let deleted = write::delete(&mut tx, &made, change("deleted")).await.unwrap();
    assert_eq!((deleted.version, deleted.deleted_at), (2, Some(world.now)));
    let gone = write::get::<Lead>(&mut tx, &world.admin, made.id)
        .await
        .unwrap_err();
    assert_eq!(
        (gone.kind(), gone.detail()),
        (Kind::NotFound, "There is no such lead.")
    );
    let found: Lead = write::get_for_update(&mut tx, &world.admin, made.id, "delete", Which::Any)
        .await
        .unwrap();
    let back = write::restore(&mut tx, &found, change("restored")).await.unwrap();
    assert_eq!((back.version, back.deleted_at), (3, None));
    let again = write::restore(&mut tx, &back, change("restored")).await.unwrap();
    assert_eq!(again.version, 3, "a record that is there stays as it is");
    tx.commit().await.unwrap();
    let actions: Vec<_> = outbox_events(&world, &made)
        .await
        .into_iter()
        .map(|e| (e.action, e.deleted))
        .collect();
    assert_eq!(
        actions,
        [
            ("created".to_owned(), false),
            ("deleted".to_owned(), true),
            ("restored".to_owned(), false)
        ]
    );
}

#[tokio::test]
async fn own_scope_forbids_what_one_may_read_and_hides_what_one_may_not() {
    let world = World::new().await;
    let others = world.make(named("Doe")).await;
    let rep = world.person(&["leads:read", "leads:create", "leads:update:own"]);
    let own = world.make_as(&rep, named("Own")).await;
    let blind = world.person(&["leads:read:own", "leads:update:own"]);
    let mut tx = world.tx().await;
    let update = "update";
    let forbidden = write::get_for_update::<Lead>(&mut tx, &rep, others.id, update, Which::Present)
        .await
        .unwrap_err();
    assert_eq!(forbidden.kind(), Kind::Forbidden);
    assert!(
        write::get_for_update::<Lead>(&mut tx, &rep, own.id, update, Which::Present)
            .await
            .is_ok()
    );
    let hidden = write::get_for_update::<Lead>(&mut tx, &blind, own.id, update, Which::Present)
        .await
        .unwrap_err();
    assert_eq!(hidden.kind(), Kind::NotFound);
    let without = world.person(&["leads:read"]);
    let denied = write::get_for_update::<Lead>(&mut tx, &without, own.id, update, Which::Present)
        .await
        .unwrap_err();
    assert_eq!(denied.kind(), Kind::Forbidden);
    assert_eq!(
        world
            .list_as(&blind, Default::default())
            .await
            .unwrap()
            .total_size,
        Some(0)
    );
    assert_eq!(
        world.list_as(&rep, Default::default()).await.unwrap().total_size,
        Some(2)
    );
}

#[tokio::test]
async fn another_company_finds_nothing() {
    let world = World::new().await;
    let made = world.make(full()).await;
    let stranger = World::new().await;
    let mut tx = stranger.tx().await;
    let error = write::get::<Lead>(&mut tx, &stranger.admin, made.id)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let error = history::list::<Lead>(&mut tx, &stranger.admin, made.id, 0, "")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    // Even with the other company's id in the statement, Row-Level Security gives nothing.
    let rows: i64 = sqlx::query_scalar("select count(*) from leads where company_id = $1")
        .bind(world.company)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    assert_eq!(
        stranger.list(Default::default()).await.unwrap().total_size,
        Some(0)
    );
}
