//! Duplicates of accounts, their merging, and taking it back.

use std::collections::HashMap;

use kontor_chassis::Error;
use kontor_proto::accounts::v1::{self, account_history_service_server::AccountHistoryService};
use kontor_proto::records::v1::{Address, Merge, Money};

use crate::world::{World, answer, fields, named};

async fn merge(
    world: &World,
    id: &str,
    sources: &[&str],
    fields: &[(&str, &str)],
) -> Result<v1::MergeAccountResponse, Error> {
    ask(world, id, sources, fields, false).await
}

async fn ask(
    world: &World,
    id: &str,
    sources: &[&str],
    fields: &[(&str, &str)],
    dry_run: bool,
) -> Result<v1::MergeAccountResponse, Error> {
    let fields: HashMap<String, String> = fields
        .iter()
        .map(|(f, id)| ((*f).to_owned(), (*id).to_owned()))
        .collect();
    let request = world.asks(v1::MergeAccountRequest {
        id: id.to_owned(),
        source_ids: sources.iter().map(|&id| id.to_owned()).collect(),
        fields,
        dry_run,
        etag: String::new(),
    });
    answer(world.grpc.merge_account(request).await)
}

async fn unmerge(world: &World, id: &str, merge_id: &str) -> Result<v1::UnmergeAccountResponse, Error> {
    let request = world.asks(v1::UnmergeAccountRequest {
        id: id.to_owned(),
        merge_id: merge_id.to_owned(),
    });
    answer(world.grpc.unmerge_account(request).await)
}

async fn merges(world: &World, id: &str) -> Vec<Merge> {
    let request = world.asks(v1::ListAccountMergesRequest { id: id.to_owned() });
    answer(world.grpc.list_account_merges(request).await)
        .unwrap()
        .merges
}

async fn groups(world: &World) -> Vec<Vec<String>> {
    let request = world.asks(v1::ListAccountDuplicatesRequest::default());
    let found = answer(world.grpc.list_account_duplicates(request).await).unwrap();
    let names = |group: kontor_proto::records::v1::DuplicateGroup| {
        group.records.into_iter().map(|record| record.name).collect()
    };
    found.groups.into_iter().map(names).collect()
}

/// Three accounts of one company, the first of which lacks what the others have.
async fn three(world: &World) -> [v1::Account; 3] {
    let first = world
        .create(v1::Account {
            tags: vec!["a".into()],
            ..named("Acme Inc")
        })
        .await
        .unwrap();
    let second = world
        .create(v1::Account {
            industry: Some("Software".into()),
            annual_revenue: Some(Money {
                amount: "5.00".into(),
                currency: "EUR".into(),
            }),
            tags: vec!["b".into(), "a".into()],
            ..named("ACME GmbH")
        })
        .await
        .unwrap();
    let third = world
        .create(v1::Account {
            industry: Some("Steel".into()),
            phone: Some("+49 30 1234567".into()),
            billing_address: Some(Address {
                city: Some("Bonn".into()),
                ..Address::default()
            }),
            ..named("Acme")
        })
        .await
        .unwrap();
    [first, second, third]
}

#[tokio::test]
async fn a_merge_keeps_the_winner_s_values_fills_its_blanks_and_takes_what_is_wished_for() {
    let world = World::new().await;
    let [first, second, third] = three(&world).await;
    let merged = merge(
        &world,
        &first.id,
        &[&second.id, &third.id],
        &[("name", &third.id)],
    )
    .await
    .unwrap();
    let account = merged.account.unwrap();
    assert_eq!(
        (account.id.as_str(), account.name.as_str()),
        (first.id.as_str(), "Acme")
    );
    assert_eq!(
        account.industry.as_deref(),
        Some("Software"),
        "the first source that has one"
    );
    assert_eq!(account.annual_revenue, second.annual_revenue);
    assert_eq!(account.billing_address, third.billing_address);
    assert_eq!(account.phone, third.phone);
    assert_eq!(account.tags, ["a", "b"]);
    assert_eq!(world.get(&first.id).await.unwrap(), account);
    for gone in [&second, &third] {
        let error = world.get(&gone.id).await.unwrap_err();
        assert_eq!(error.code(), "not_found");
        assert_eq!(
            error.members().collect::<Vec<_>>(),
            [("winner_id", first.id.as_str())]
        );
    }
    let listed = merges(&world, &first.id).await;
    assert_eq!((listed.len(), &listed[0].id), (1, &merged.merge_id));
    assert_eq!(listed[0].source_ids, [second.id, third.id]);
    let told: Vec<v1::AccountsMerged> = world.told().await;
    assert_eq!(told.len(), 1);
    assert!(!told[0].merging.as_ref().unwrap().undone);
}

#[tokio::test]
async fn a_dry_run_shows_the_result_and_changes_nothing() {
    let world = World::new().await;
    let [first, second, _] = three(&world).await;
    let shown = ask(&world, &first.id, &[&second.id], &[], true).await.unwrap();
    assert_eq!(shown.merge_id, "");
    assert_eq!(shown.account.unwrap().industry.as_deref(), Some("Software"));
    assert_eq!(world.get(&first.id).await.unwrap(), first);
    assert_eq!(world.get(&second.id).await.unwrap(), second);
    assert!(world.told::<v1::AccountsMerged>().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_by_name() {
    let world = World::new().await;
    let [first, second, _] = three(&world).await;
    let stranger = world.elsewhere().create(named("Stranger")).await.unwrap();
    for (sources, wishes, code, field) in [
        (&[][..], &[][..], "required", "source_ids"),
        (&[&*first.id], &[], "merge_with_itself", "source_ids[0]"),
        (&[&*stranger.id], &[], "unknown_reference", "source_ids[0]"),
        (
            &[&*second.id],
            &[("unheard", &*second.id)],
            "unknown_field",
            "fields.unheard",
        ),
        (
            &[&*second.id],
            &[("domain", &*second.id)],
            "read_only",
            "fields.domain",
        ),
        (
            &[&*second.id],
            &[("name", &*stranger.id)],
            "unknown_reference",
            "fields.name",
        ),
        (&["7"], &[], "invalid_id", "source_ids[0]"),
    ] {
        let error = merge(&world, &first.id, sources, wishes).await.unwrap_err();
        assert_eq!((error.code(), fields(&error)), (code, vec![(field, code)]));
    }
    let itself = merge(&world, &first.id, &[&first.id], &[]).await.unwrap_err();
    assert_eq!(itself.kind().http(), 422);
    let error = merge(&world, &stranger.id, &[&second.id], &[]).await.unwrap_err();
    assert_eq!(error.code(), "not_found");
    let error = merge(&world, &stranger.id, &[], &[]).await.unwrap_err();
    assert_eq!(error.code(), "not_found", "before anything else is judged");
    let error = unmerge(&world, &stranger.id, "").await.unwrap_err();
    assert_eq!(error.code(), "not_found");
    let error = merge(&world.elsewhere(), &first.id, &[&second.id], &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), "not_found");
}

#[tokio::test]
async fn children_move_to_the_winner_and_back() {
    let world = World::new().await;
    let [first, second, third] = three(&world).await;
    let child = |parent: &str| v1::Account {
        parent_id: Some(parent.to_owned()),
        ..named("Child")
    };
    let (one, two) = (
        world.create(child(&second.id)).await.unwrap(),
        world.create(child(&second.id)).await.unwrap(),
    );
    // The winner itself lies below a source.
    world
        .update(&first.id, child(&third.id), &["parent_id"], "")
        .await
        .unwrap();
    let merged = merge(&world, &first.id, &[&second.id, &third.id], &[])
        .await
        .unwrap();
    assert_eq!(merged.account.unwrap().parent_id, None);
    for child in [&one, &two] {
        assert_eq!(
            world.get(&child.id).await.unwrap().parent_id.as_deref(),
            Some(&*first.id)
        );
    }
    // One of them has been given to somebody else meanwhile.
    let other = world.create(named("Other")).await.unwrap();
    world
        .update(&two.id, child(&other.id), &["parent_id"], "")
        .await
        .unwrap();
    let back = unmerge(&world, &first.id, &merged.merge_id).await.unwrap();
    assert_eq!(back.account.unwrap().parent_id.as_deref(), Some(&*third.id));
    assert_eq!(
        world.get(&one.id).await.unwrap().parent_id.as_deref(),
        Some(&*second.id)
    );
    assert_eq!(
        world.get(&two.id).await.unwrap().parent_id.as_deref(),
        Some(&*other.id)
    );
    assert_eq!(back.lost, ["Child has another parent_id by now and keeps it."]);
}

#[tokio::test]
async fn a_merge_that_would_put_an_account_below_itself_is_refused() {
    let world = World::new().await;
    let [first, second, _] = three(&world).await;
    // second above child above first: children of second would come to lie below first.
    let child = world
        .create(v1::Account {
            parent_id: Some(second.id.clone()),
            ..named("Child")
        })
        .await
        .unwrap();
    let below = v1::Account {
        parent_id: Some(child.id.clone()),
        ..named("x")
    };
    world.update(&first.id, below, &["parent_id"], "").await.unwrap();
    let error = merge(&world, &first.id, &[&second.id], &[]).await.unwrap_err();
    assert_eq!(error.code(), "parent_loop");
    assert!(world.get(&second.id).await.is_ok());
}

#[tokio::test]
async fn unmerging_brings_back_what_was_theirs_and_says_what_it_cannot() {
    let world = World::new().await;
    let [first, second, third] = three(&world).await;
    let merged = merge(&world, &first.id, &[&second.id, &third.id], &[])
        .await
        .unwrap();
    let change = v1::Account {
        industry: Some("Banking".into()),
        tags: vec!["a".into(), "b".into(), "c".into()],
        ..named("x")
    };
    world
        .update(&first.id, change, &["industry", "tags"], "")
        .await
        .unwrap();
    let back = unmerge(&world, &first.id, &merged.merge_id).await.unwrap();
    let account = back.account.unwrap();
    assert_eq!(
        account.industry.as_deref(),
        Some("Banking"),
        "it was changed since"
    );
    assert_eq!(
        (account.phone, account.annual_revenue, account.billing_address),
        (None, None, None)
    );
    assert_eq!(
        account.tags,
        ["a", "c"],
        "what came in goes, what came later stays"
    );
    assert_eq!(
        back.lost,
        ["industry of Acme Inc was changed since and stays as it is."]
    );
    let mut restored: Vec<String> = back.restored.iter().map(|account| account.name.clone()).collect();
    restored.sort();
    assert_eq!(restored, ["ACME GmbH", "Acme"]);
    let again = world.get(&second.id).await.unwrap();
    assert_eq!(
        (again.industry, again.annual_revenue, again.deleted_at),
        (second.industry, second.annual_revenue, None)
    );
    let error = unmerge(&world, &first.id, &merged.merge_id).await.unwrap_err();
    assert_eq!(error.code(), "already_unmerged");
    assert_eq!(
        unmerge(&world, &second.id, &merged.merge_id)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert!(merges(&world, &first.id).await[0].unmerged_at.is_some());
    let told: Vec<v1::AccountsMerged> = world.told().await;
    let undone: Vec<bool> = told
        .iter()
        .map(|event| event.merging.as_ref().unwrap().undone)
        .collect();
    assert_eq!(undone, [false, true]);
}

#[tokio::test]
async fn a_merged_account_comes_back_by_unmerging_alone() {
    use kontor_proto::accounts::v1::account_service_server::AccountService;
    let world = World::new().await;
    let [first, second, third] = three(&world).await;
    merge(&world, &second.id, &[&third.id], &[]).await.unwrap();
    merge(&world, &first.id, &[&second.id], &[]).await.unwrap();
    let error = world.get(&third.id).await.unwrap_err();
    assert_eq!(
        error.members().collect::<Vec<_>>(),
        [("winner_id", first.id.as_str())],
        "at the end of all merges"
    );
    let request = world.asks(v1::RestoreAccountRequest {
        id: second.id.clone(),
        etag: String::new(),
    });
    let error = answer(world.grpc.restore_account(request).await).unwrap_err();
    assert_eq!(error.code(), "merged");
}

#[tokio::test]
async fn two_merges_at_once_into_each_other_leave_one_account() {
    let world = World::new().await;
    for _ in 0..5 {
        let (a, b) = (
            world.create(named("A")).await.unwrap(),
            world.create(named("B")).await.unwrap(),
        );
        let into_a = [b.id.as_str()];
        let into_b = [a.id.as_str()];
        let (one, two) = tokio::join!(
            merge(&world, &a.id, &into_a, &[]),
            merge(&world, &b.id, &into_b, &[])
        );
        assert_eq!(one.is_ok() as u8 + two.is_ok() as u8, 1, "{one:?} {two:?}");
        let refused = one.err().or(two.err()).unwrap();
        assert!(
            ["not_found", "unknown_reference"].contains(&refused.code()),
            "{refused}"
        );
        let there = [world.get(&a.id).await.is_ok(), world.get(&b.id).await.is_ok()];
        assert_eq!(there.iter().filter(|there| **there).count(), 1);
    }
}

#[tokio::test]
async fn merging_while_a_child_is_made_and_the_winner_changes_loses_nothing() {
    let world = World::new().await;
    for _ in 0..5 {
        let (a, b) = (
            world.create(named("A")).await.unwrap(),
            world.create(named("B")).await.unwrap(),
        );
        let child = v1::Account {
            parent_id: Some(b.id.clone()),
            ..named("Child")
        };
        let phone = v1::Account {
            phone: Some("12345678".into()),
            ..named("x")
        };
        let sources = [b.id.as_str()];
        let (merged, child, changed) = tokio::join!(
            merge(&world, &a.id, &sources, &[]),
            world.create(child),
            world.update(&a.id, phone, &["phone"], ""),
        );
        merged.unwrap();
        changed.unwrap();
        assert_eq!(world.get(&a.id).await.unwrap().phone.as_deref(), Some("12345678"));
        match child {
            // It came first, and moved.
            Ok(child) => assert_eq!(
                world.get(&child.id).await.unwrap().parent_id.as_deref(),
                Some(&*a.id)
            ),
            // It came later, when its parent was gone.
            Err(error) => assert_eq!(error.code(), "unknown_reference"),
        }
    }
}

#[tokio::test]
async fn duplicates_are_found_until_they_are_dismissed_or_merged() {
    let world = World::new().await;
    let [first, second, third] = three(&world).await;
    world.create(named("Something else entirely")).await.unwrap();
    assert_eq!(groups(&world).await, [["Acme Inc", "ACME GmbH", "Acme"]]);
    assert!(groups(&world.elsewhere()).await.is_empty());
    let dismiss = async |ids: &[&str]| {
        let request = world.asks(v1::DismissAccountDuplicatesRequest {
            ids: ids.iter().map(|&id| id.to_owned()).collect(),
        });
        answer(world.grpc.dismiss_account_duplicates(request).await)
    };
    dismiss(&[&first.id, &second.id, &third.id]).await.unwrap();
    assert!(groups(&world).await.is_empty(), "remembered");
    let fourth = world.create(named("Acme Ltd.")).await.unwrap();
    assert_eq!(groups(&world).await.len(), 1);
    merge(&world, &first.id, &[&second.id, &third.id, &fourth.id], &[])
        .await
        .unwrap();
    assert!(groups(&world).await.is_empty());
    assert_eq!(
        fields(&dismiss(&[&first.id]).await.unwrap_err()),
        [("ids", "too_few")]
    );
    assert_eq!(
        fields(&dismiss(&[&first.id, &second.id]).await.unwrap_err()),
        [("ids[1]", "unknown_reference")]
    );
}

#[tokio::test]
async fn five_thousand_accounts_are_compared_in_seconds() {
    let world = World::new().await;
    let mut tx = world.begin().await;
    sqlx::query(
        "insert into accounts.accounts (company_id, id, name, name_key, phone, billing_address_street, billing_address_city,
            status, created_at, updated_at)
         select $1, gen_random_uuid(), name, name, '+1212555' || lpad((n % 4000)::text, 4, '0'), n % 900 || ' Main Street',
            'Springfield', 'active', now(), now()
         from (
            select n, substr(md5((n % 4900)::text), 1, 7) || ' ' || substr(md5((n % 900)::text), 1, 6) || ' Ltd' as name
            from generate_series(1, 5000) as n
         ) as made",
    )
    .bind(world.company)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let began = std::time::Instant::now();
    let found = groups(&world).await;
    let took = began.elapsed();
    assert!(!found.is_empty());
    assert!(took.as_secs() < 10, "{took:?}");
}
