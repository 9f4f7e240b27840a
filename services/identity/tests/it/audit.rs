//! The audit log: what was done is there, in the company where it was done, and stays as it was.

use kontor_chassis::{Db, Error, Kind};
use kontor_events::{Outgoing, outbox};
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::audit_service_client::AuditServiceClient;
use kontor_proto::leads::v1::LeadsChanged;
use kontor_proto::records::v1::{FieldFilter, ListQuery, RecordChange};
use sqlx::{Connection, PgConnection};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::staff::{boss, hire, key_of};
use crate::world::{PASSWORD, Person, World, answer, database, fields, until, url};

fn audit(world: &World) -> AuditServiceClient<Channel> {
    AuditServiceClient::new(world.channel(0))
}

async fn list(world: &World, person: &Person, query: ListQuery) -> Result<v1::ListAuditLogResponse, Error> {
    let request = v1::ListAuditLogRequest { query: Some(query) };
    answer(audit(world).list_audit_log(person.asks(request)).await)
}

fn filter(expression: &str) -> ListQuery {
    ListQuery {
        filter: expression.to_owned(),
        ..Default::default()
    }
}

fn typed(parameter: &str, values: &[&str]) -> ListQuery {
    ListQuery {
        field_filters: vec![FieldFilter {
            parameter: parameter.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }],
        ..Default::default()
    }
}

async fn actions(world: &World, person: &Person, query: ListQuery) -> Vec<String> {
    let listed = list(world, person, query).await.unwrap();
    listed.entries.into_iter().map(|entry| entry.action).collect()
}

/// What another service tells through the bus: a record of this company was changed by this person.
async fn tell(person: &Person, change: RecordChange) -> String {
    let event = LeadsChanged {
        changes: vec![RecordChange {
            by: Some(person.user.id.clone()),
            ..change
        }],
    };
    let company: Uuid = person.company.id.parse().unwrap();
    let mut outgoing = Outgoing::new(company, person.user.id.parse().ok(), &event);
    outgoing.headers.address = Some("203.0.113.7".to_owned());
    outgoing.headers.device = Some("curl/8".to_owned());
    let db = Db::open(&url(database().await), kontor_identity::NAME, 1).unwrap();
    let mut tx = db.unscoped().await.unwrap();
    outbox::put(&mut tx, &[outgoing.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    outgoing.id.to_string()
}

#[tokio::test]
async fn a_change_in_another_service_is_noted_once_with_who_what_which_and_from_where() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let id = Uuid::now_v7().to_string();
    let change = RecordChange {
        id: id.clone(),
        name: "Grace Hopper".to_owned(),
        version: 2,
        action: "updated".to_owned(),
        fields: vec!["status".to_owned(), "title".to_owned()],
        ..Default::default()
    };
    tell(&boss, change.clone()).await;
    let of_record = || typed("resource_id", &[&id]);
    until(|| async { !list(&world, &boss, of_record()).await.unwrap().entries.is_empty() }).await;
    let entries = list(&world, &boss, of_record()).await.unwrap().entries;
    let [entry] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!(entry.action, "lead.updated");
    assert_eq!(entry.resource.as_deref(), Some("lead"));
    assert_eq!(entry.resource_name.as_deref(), Some("Grace Hopper"));
    assert_eq!(entry.user_id.as_ref(), Some(&boss.user.id));
    assert_eq!(entry.user_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(entry.address.as_deref(), Some("203.0.113.7"));
    assert_eq!(entry.device.as_deref(), Some("curl/8"));
    assert_eq!(entry.fields, ["status", "title"]);
    assert!(entry.at.is_some());
    let stranger = crate::staff::boss(&world).await;
    assert!(
        list(&world, &stranger, of_record())
            .await
            .unwrap()
            .entries
            .is_empty(),
        "another company's"
    );
}

#[tokio::test]
async fn what_identity_does_itself_is_noted_with_the_change() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let (key, _) = key_of(&world, &boss, &["members:read"]).await;
    world.login(&boss.email, PASSWORD).await.unwrap();
    let seen = actions(&world, &boss, ListQuery::default()).await;
    assert_eq!(seen, ["session.started", "api_key.created"], "newest first");
    let entry = &list(&world, &boss, typed("resource_id", &[&key]))
        .await
        .unwrap()
        .entries[0];
    assert_eq!(entry.resource_name.as_deref(), Some("Robot"));
    assert!(
        entry
            .device
            .as_deref()
            .is_some_and(|device| device.contains("tonic")),
        "{entry:?}"
    );
    world.login(&boss.email, "not the password").await.unwrap_err();
    assert_eq!(
        actions(&world, &boss, ListQuery::default()).await.len(),
        2,
        "what did not happen is not there"
    );
}

#[tokio::test]
async fn entries_are_found_by_every_filter_and_by_words() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let rep = hire(&world, &boss, "rep").await;
    key_of(&world, &boss, &["members:read"]).await;
    key_of(&world, &rep, &["members:read"]).await;
    world.login(&boss.email, PASSWORD).await.unwrap();
    let count = async |query: ListQuery| list(&world, &boss, query).await.unwrap().total_size.unwrap();
    for (query, expected) in [
        (ListQuery::default(), 3),
        (typed("action", &["api_key.created"]), 2),
        (typed("action", &["api_key.created", "session.started"]), 3),
        (typed("user_id", &["me"]), 2),
        (typed("user_id", &[&rep.user.id]), 1),
        (typed("user_name", &["ada lovelace"]), 3),
        (typed("fields", &["name"]), 0),
        (typed("resource", &["session"]), 1),
        (typed("at_after", &["2020-01-01T00:00:00Z"]), 3),
        (typed("at_before", &["2020-01-01T00:00:00Z"]), 0),
        (filter("user_id = me AND action = \"api_key.created\""), 1),
        (filter("action:SESSION OR resource_name:robot"), 3),
        (filter("NOT resource = \"session\""), 2),
        (
            filter("action != \"session.started\" AND at > 2020-01-01T00:00:00Z"),
            2,
        ),
        (filter("100%"), 0),
        (
            ListQuery {
                search: "lovelace robot".to_owned(),
                ..Default::default()
            },
            2,
        ),
    ] {
        assert_eq!(count(query.clone()).await, expected, "{query:?}");
    }
    for (query, field, code) in [
        (filter("action ="), "filter", "syntax"),
        (filter("colour = 1"), "filter", "unknown_field"),
        (typed("colour", &["red"]), "colour", "unknown_parameter"),
        (typed("user_id", &["nonsense"]), "user_id", "invalid_id"),
        (typed("at_after", &["soon"]), "at_after", "invalid_time"),
        (
            ListQuery {
                order_by: "colour".to_owned(),
                ..Default::default()
            },
            "order_by",
            "unknown_field",
        ),
        (
            ListQuery {
                page_size: -1,
                ..Default::default()
            },
            "page_size",
            "out_of_range",
        ),
    ] {
        let refused = list(&world, &boss, query).await.unwrap_err();
        assert_eq!(fields(&refused), [(field, code)]);
    }
    assert_eq!(
        list(&world, &rep, ListQuery::default()).await.unwrap_err().kind(),
        Kind::Forbidden
    );
}

#[tokio::test]
async fn pages_hold_every_entry_once_in_both_orders_and_belong_to_their_list() {
    let world = World::new().await;
    let boss = boss(&world).await;
    for _ in 0..5 {
        key_of(&world, &boss, &["members:read"]).await;
    }
    for order_by in ["", "at"] {
        let query = ListQuery {
            page_size: 2,
            order_by: order_by.to_owned(),
            ..Default::default()
        };
        let whole = list(
            &world,
            &boss,
            ListQuery {
                page_size: 0,
                ..query.clone()
            },
        )
        .await
        .unwrap();
        let mut paged = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = list(
                &world,
                &boss,
                ListQuery {
                    page_token,
                    ..query.clone()
                },
            )
            .await
            .unwrap();
            paged.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!((paged.len(), &paged), (5, &whole.entries));
    }
    let first = list(
        &world,
        &boss,
        ListQuery {
            page_size: 2,
            ..Default::default()
        },
    )
    .await
    .unwrap();
    let elsewhere = ListQuery {
        page_token: first.next_page_token,
        ..typed("action", &["api_key.created"])
    };
    let refused = list(&world, &boss, elsewhere).await.unwrap_err();
    assert_eq!(fields(&refused), [("page_token", "invalid_page_token")]);
}

#[tokio::test]
async fn the_log_is_exported_as_csv_that_no_spreadsheet_runs() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let id = Uuid::now_v7().to_string();
    let change = RecordChange {
        id: id.clone(),
        name: "=cmd()".to_owned(),
        action: "created".to_owned(),
        ..Default::default()
    };
    tell(&boss, change).await;
    until(|| async {
        !list(&world, &boss, typed("resource_id", &[&id]))
            .await
            .unwrap()
            .entries
            .is_empty()
    })
    .await;
    let request = v1::ExportAuditLogRequest {
        query: Some(typed("resource_id", &[&id])),
        columns: "action,resource_name,address".to_owned(),
    };
    let mut pieces = answer(audit(&world).export_audit_log(boss.asks(request)).await).unwrap();
    let mut csv = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        csv.extend_from_slice(&piece.data);
    }
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(
        csv,
        "action,resource_name,address\r\nlead.created,'=cmd(),203.0.113.7\r\n"
    );
    let request = v1::ExportAuditLogRequest {
        query: None,
        columns: "action,colour".to_owned(),
    };
    let refused = answer(
        audit(&world)
            .export_audit_log(boss.asks(request))
            .await
            .map(|_| tonic::Response::new(())),
    );
    assert_eq!(fields(&refused.unwrap_err()), [("columns", "unknown_field")]);
}

#[tokio::test]
async fn nobody_edits_the_log_not_even_the_service_itself() {
    let world = World::new().await;
    let boss = boss(&world).await;
    world.login(&boss.email, PASSWORD).await.unwrap();
    let url = database().await.url("kontor_identity", "secret", "kontor");
    let mut service = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "update identity.audit_log set user_name = 'Somebody else'",
        "delete from identity.audit_log",
        "truncate identity.audit_log",
        "alter table identity.audit_log disable row level security",
        "drop table identity.audit_log",
    ] {
        let mut tx = service.begin().await.unwrap();
        sqlx::query("select set_config('kontor.company_id', $1, true)")
            .bind(&boss.company.id)
            .execute(&mut *tx)
            .await
            .unwrap();
        let outcome = sqlx::query(statement).execute(&mut *tx).await;
        let refusal = outcome.expect_err(statement).to_string();
        assert!(
            refusal.contains("permission denied") || refusal.contains("must be owner"),
            "{statement}: {refusal}"
        );
    }
    assert_eq!(
        actions(&world, &boss, ListQuery::default()).await,
        ["session.started"]
    );
}
