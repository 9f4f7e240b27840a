//! Making, reading and changing accounts.

use kontor_chassis::Kind;
use kontor_proto::{
    accounts::v1::{self, AccountsChanged, account_service_server::AccountService},
    records::v1::{FieldFilter, ListQuery, Money, RecordChange},
};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

async fn names(world: &World, query: ListQuery) -> Vec<String> {
    let request = world.asks(v1::ListAccountsRequest { query: Some(query) });
    let page = answer(world.grpc.list_accounts(request).await).unwrap();
    page.accounts.into_iter().map(|account| account.name).collect()
}

#[tokio::test]
async fn a_new_account_derives_its_domain_belongs_to_its_maker_and_is_told() {
    let world = World::new().await;
    let account = v1::Account {
        website: Some("www.Example.com/about".to_owned()),
        annual_revenue: Some(Money {
            amount: "1234.5".to_owned(),
            currency: "USD".to_owned(),
        }),
        r#type: Some(v1::AccountType::Customer.into()),
        ..named("Example, Inc.")
    };
    let made = world.create(account).await.unwrap();
    assert_eq!(made.domain.as_deref(), Some("example.com"));
    assert_eq!(made.website.as_deref(), Some("https://www.Example.com/about"));
    assert_eq!(made.owner_id, Some(world.user.to_string()));
    assert_eq!(made.status(), v1::AccountStatus::Active);
    assert_eq!((made.contact_count, made.open_deal_count), (0, 0));
    assert_eq!(world.get(&made.id).await.unwrap(), made);
    let told = world.told::<AccountsChanged>().await;
    let change = &told[0].changes[0];
    assert_eq!(
        (change.id.as_str(), change.name.as_str()),
        (made.id.as_str(), "Example, Inc.")
    );
    assert_eq!(change.action, "created");
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let world = World::new().await;
    let account = v1::Account {
        email: Some("nobody".to_owned()),
        website: Some("ftp://example.com".to_owned()),
        ..v1::Account::default()
    };
    let error = world.create(account).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let mut bad: Vec<&str> = fields(&error).into_iter().map(|(field, _)| field).collect();
    bad.sort_unstable();
    assert_eq!(bad, ["email", "name", "website"]);
}

#[tokio::test]
async fn a_change_touches_what_is_named_and_a_stale_one_is_refused() {
    let world = World::new().await;
    let made = world
        .create(v1::Account {
            industry: Some("Steel".to_owned()),
            ..named("One")
        })
        .await
        .unwrap();
    let website = v1::Account {
        website: Some("https://one.example".to_owned()),
        ..v1::Account::default()
    };
    let changed = world
        .update(&made.id, website, &["website"], &made.etag)
        .await
        .unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.industry.as_deref()),
        ("One", Some("Steel"))
    );
    assert_eq!(changed.domain.as_deref(), Some("one.example"));
    assert_ne!(changed.etag, made.etag);

    let error = world
        .update(&made.id, named("Two"), &["name"], &made.etag)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Stale);
    let cleared = world
        .update(&made.id, v1::Account::default(), &["website"], "")
        .await
        .unwrap();
    assert_eq!((cleared.website, cleared.domain), (None, None));
}

#[tokio::test]
async fn a_deleted_account_is_gone_until_it_is_restored() {
    let world = World::new().await;
    let made = world.create(named("Gone")).await.unwrap();
    let delete = || {
        world.asks(v1::DeleteAccountRequest {
            id: made.id.clone(),
            etag: String::new(),
        })
    };
    answer(world.grpc.delete_account(delete()).await).unwrap();
    assert_eq!(world.get(&made.id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(
        answer(world.grpc.delete_account(delete()).await)
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    assert!(names(&world, ListQuery::default()).await.is_empty());
    assert_eq!(
        names(
            &world,
            ListQuery {
                deleted: true,
                ..ListQuery::default()
            }
        )
        .await,
        ["Gone"]
    );
    let restore = world.asks(v1::RestoreAccountRequest {
        id: made.id.clone(),
        etag: String::new(),
    });
    answer(world.grpc.restore_account(restore).await).unwrap();
    assert_eq!(world.get(&made.id).await.unwrap().deleted_at, None);
}

#[tokio::test]
async fn an_account_cannot_be_above_itself() {
    let world = World::new().await;
    let below = |parent: &v1::Account| v1::Account {
        parent_id: Some(parent.id.clone()),
        ..v1::Account::default()
    };
    let root = world.create(named("Root")).await.unwrap();
    let middle = world
        .create(v1::Account {
            name: "Middle".to_owned(),
            ..below(&root)
        })
        .await
        .unwrap();
    let leaf = world
        .create(v1::Account {
            name: "Leaf".to_owned(),
            ..below(&middle)
        })
        .await
        .unwrap();
    for parent in [&leaf, &root] {
        let error = world
            .update(&root.id, below(parent), &["parent_id"], "")
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Refused, "parent_loop"));
    }
    world
        .update(&leaf.id, below(&root), &["parent_id"], "")
        .await
        .unwrap();
}

#[tokio::test]
async fn two_accounts_that_are_put_below_each_other_at_once_close_no_loop() {
    let world = World::new().await;
    let below = |parent: &v1::Account| v1::Account {
        parent_id: Some(parent.id.clone()),
        ..v1::Account::default()
    };
    for _ in 0..5 {
        let (a, b) = (
            world.create(named("A")).await.unwrap(),
            world.create(named("B")).await.unwrap(),
        );
        let (first, second) = tokio::join!(
            world.update(&a.id, below(&b), &["parent_id"], ""),
            world.update(&b.id, below(&a), &["parent_id"], ""),
        );
        let refused: Vec<_> = [first, second].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].code(), "parent_loop");
    }
}

#[tokio::test]
async fn another_company_s_account_is_not_there() {
    let world = World::new().await;
    let other = world.elsewhere();
    let made = world.create(named("Mine")).await.unwrap();
    assert_eq!(other.get(&made.id).await.unwrap_err().kind(), Kind::NotFound);
    assert!(names(&other, ListQuery::default()).await.is_empty());
    for parent in [made.id, Uuid::now_v7().to_string()] {
        let account = v1::Account {
            parent_id: Some(parent),
            ..named("Theirs")
        };
        let error = other.create(account).await.unwrap_err();
        assert_eq!(fields(&error), [("parent_id", "unknown_reference")]);
    }
}

#[tokio::test]
async fn an_owner_is_an_active_member() {
    let world = World::new().await;
    let (active, gone) = (Uuid::now_v7(), Uuid::now_v7());
    let member = |id: Uuid, deleted| RecordChange {
        id: id.to_string(),
        deleted,
        version: 1,
        ..RecordChange::default()
    };
    let changes = [member(active, false), member(gone, true)];
    world.told_of("member", &changes).await;

    let made = world.create(named("Owned")).await.unwrap();
    let assign = |owner: Uuid| {
        world.asks(v1::AssignAccountOwnerRequest {
            id: made.id.clone(),
            owner_id: owner.to_string(),
            etag: String::new(),
        })
    };
    let assigned = answer(world.grpc.assign_account_owner(assign(active)).await).unwrap();
    assert_eq!(assigned.account.unwrap().owner_id, Some(active.to_string()));
    let error = answer(world.grpc.assign_account_owner(assign(gone)).await).unwrap_err();
    assert_eq!(fields(&error), [("owner_id", "unknown_reference")]);
}

#[tokio::test]
async fn accounts_are_found_by_words_filters_and_in_order() {
    let world = World::new().await;
    for (name, industry, employees) in [
        ("Alpha Steel", "Steel", 10),
        ("Beta Soft", "Software", 20),
        ("Gamma", "Software", 5),
    ] {
        let account = v1::Account {
            industry: Some(industry.to_owned()),
            employee_count: Some(employees),
            ..named(name)
        };
        world.create(account).await.unwrap();
    }
    let software = FieldFilter {
        parameter: "industry".to_owned(),
        values: vec!["Software".to_owned()],
    };
    let query = ListQuery {
        field_filters: vec![software],
        order_by: "-employee_count".to_owned(),
        ..ListQuery::default()
    };
    assert_eq!(names(&world, query).await, ["Beta Soft", "Gamma"]);
    assert_eq!(
        names(
            &world,
            ListQuery {
                search: "soft bet".to_owned(),
                ..ListQuery::default()
            }
        )
        .await,
        ["Beta Soft"]
    );
    let filter = ListQuery {
        filter: "employee_count < 10 OR name = \"Alpha Steel\"".to_owned(),
        order_by: "name".to_owned(),
        ..ListQuery::default()
    };
    assert_eq!(names(&world, filter).await, ["Alpha Steel", "Gamma"]);
}

#[tokio::test]
async fn stats_count_accounts_and_sum_their_revenue() {
    let world = World::new().await;
    for amount in ["100", "50.50"] {
        let revenue = Money {
            amount: amount.to_owned(),
            currency: "EUR".to_owned(),
        };
        world
            .create(v1::Account {
                annual_revenue: Some(revenue),
                ..named("Rich")
            })
            .await
            .unwrap();
    }
    let request = world.asks(v1::GetAccountStatsRequest::default());
    let stats = answer(world.grpc.get_account_stats(request).await).unwrap();
    assert_eq!(stats.total, 2);
    assert_eq!(
        (
            stats.revenue_sum[0].amount.as_str(),
            stats.revenue_mean[0].amount.as_str()
        ),
        ("150.50", "75.25")
    );
    assert_eq!(
        (stats.by_status[0].value.as_deref(), stats.by_status[0].count),
        (Some("active"), 2)
    );
    assert_eq!(stats.created_per_month[0].count, 2);
}
