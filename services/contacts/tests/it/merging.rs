//! Duplicates of contacts, their merging, and taking it back.

use kontor_chassis::Error;
use kontor_proto::contacts::v1::{
    self, contact_history_service_server::ContactHistoryService, contact_service_server::ContactService,
};

use crate::world::{World, answer, fields, named};

async fn merge(
    world: &World,
    winner: &v1::Contact,
    source: &v1::Contact,
) -> Result<v1::MergeContactResponse, Error> {
    let request = world.asks(v1::MergeContactRequest {
        id: winner.id.clone(),
        source_ids: vec![source.id.clone()],
        ..v1::MergeContactRequest::default()
    });
    answer(world.grpc.merge_contact(request).await)
}

async fn unmerge(
    world: &World,
    winner: &v1::Contact,
    merge_id: &str,
) -> Result<v1::UnmergeContactResponse, Error> {
    let request = world.asks(v1::UnmergeContactRequest {
        id: winner.id.clone(),
        merge_id: merge_id.to_owned(),
    });
    answer(world.grpc.unmerge_contact(request).await)
}

async fn groups(world: &World) -> Vec<(Vec<String>, Vec<String>)> {
    let request = world.asks(v1::ListContactDuplicatesRequest::default());
    let found = answer(world.grpc.list_contact_duplicates(request).await).unwrap();
    let read = |group: kontor_proto::records::v1::DuplicateGroup| {
        let names = group.records.into_iter().map(|record| record.name).collect();
        (names, group.reasons)
    };
    found.groups.into_iter().map(read).collect()
}

fn person(first: &str, last: &str) -> v1::Contact {
    v1::Contact {
        first_name: Some(first.to_owned()),
        ..named(last)
    }
}

#[tokio::test]
async fn people_are_taken_for_one_by_mailbox_telephone_and_employer_but_not_by_their_name_alone() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await.to_string();
    for contact in [
        v1::Contact {
            email: Some("ada@example.com".into()),
            ..person("Ada", "Lovelace")
        },
        v1::Contact {
            secondary_email: Some("ADA@example.com".into()),
            ..person("Ada", "King")
        },
        v1::Contact {
            phone: Some("+49 30 123456-78".into()),
            ..person("Konrad", "Zuse")
        },
        v1::Contact {
            mobile: Some("0049 30 12345678".into()),
            ..person("Conrad", "Zuse")
        },
        v1::Contact {
            account_id: Some(account.clone()),
            ..person("Grace", "Hopper")
        },
        v1::Contact {
            account_id: Some(account),
            ..person("Grace", "Hopper")
        },
        v1::Contact {
            email: Some("info@example.org".into()),
            ..person("Blaise", "Pascal")
        },
        v1::Contact {
            email: Some("info@example.org".into()),
            ..person("Otto", "Neurath")
        },
        person("Alan", "Turing"),
        person("Alan", "Kay"),
    ] {
        world.create(contact).await.unwrap();
    }
    let mut found = groups(&world).await;
    found.sort();
    let names: Vec<&[String]> = found.iter().map(|(names, _)| names.as_slice()).collect();
    assert_eq!(
        names,
        [
            ["Ada Lovelace", "Ada King"],
            ["Grace Hopper", "Grace Hopper"],
            ["Konrad Zuse", "Conrad Zuse"],
        ]
    );
    for (reason, (_, reasons)) in ["email", "employer", "phone"].iter().zip(&found) {
        assert!(reasons.iter().any(|told| told == reason), "{reason}: {reasons:?}");
    }
    assert!(groups(&world.elsewhere()).await.is_empty());
}

#[tokio::test]
async fn merging_contacts_moves_those_who_report_to_them_and_takes_that_back() {
    let world = World::new().await;
    let winner = world.create(person("Ada", "Lovelace")).await.unwrap();
    let source = world
        .create(v1::Contact {
            title: Some("Countess".into()),
            reports_to_id: Some(winner.id.clone()),
            ..person("Ada", "King")
        })
        .await
        .unwrap();
    let report = world
        .create(v1::Contact {
            reports_to_id: Some(source.id.clone()),
            ..person("Charles", "Babbage")
        })
        .await
        .unwrap();
    let merged = merge(&world, &winner, &source).await.unwrap();
    let contact = merged.contact.unwrap();
    assert_eq!(contact.title.as_deref(), Some("Countess"));
    assert_eq!(contact.reports_to_id, None, "nobody reports to themselves");
    let gone = world.get(&source.id).await.unwrap_err();
    assert_eq!(
        (gone.code(), gone.members().collect::<Vec<_>>()),
        ("not_found", vec![("winner_id", winner.id.as_str())])
    );
    let boss = async || world.get(&report.id).await.unwrap().reports_to_id;
    assert_eq!(boss().await.as_ref(), Some(&winner.id));
    let back = unmerge(&world, &winner, &merged.merge_id).await.unwrap();
    assert!(back.lost.is_empty(), "{:?}", back.lost);
    assert_eq!(back.contact.unwrap().title, None);
    assert_eq!(boss().await.as_ref(), Some(&source.id));
    let restored = world.get(&source.id).await.unwrap();
    assert_eq!(restored.reports_to_id.as_ref(), Some(&winner.id));
    assert_eq!(back.restored, [restored]);
}

#[tokio::test]
async fn the_winner_takes_over_who_is_primary_and_gives_it_back() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await.to_string();
    let there = |primary: bool| v1::Contact {
        account_id: Some(account.clone()),
        is_primary: primary,
        ..named("Lovelace")
    };
    let (winner, source) = (
        world.create(there(false)).await.unwrap(),
        world.create(there(true)).await.unwrap(),
    );
    let merged = merge(&world, &winner, &source).await.unwrap();
    assert!(merged.contact.unwrap().is_primary);
    let back = unmerge(&world, &winner, &merged.merge_id).await.unwrap();
    assert!(!back.contact.unwrap().is_primary);
    assert!(back.restored[0].is_primary);

    // Once more, and somebody else becomes it meanwhile.
    let merged = merge(&world, &winner, &source).await.unwrap();
    let third = world.create(there(true)).await.unwrap();
    let back = unmerge(&world, &winner, &merged.merge_id).await.unwrap();
    assert!(!back.contact.unwrap().is_primary && !back.restored[0].is_primary);
    assert!(world.get(&third.id).await.unwrap().is_primary);
}

#[tokio::test]
async fn what_is_taken_back_into_something_that_is_gone_stays_and_is_told() {
    let world = World::new().await;
    let (here, gone) = (
        world.heard_of("account", "Here").await,
        world.heard_of("account", "Gone").await,
    );
    let at = |account: uuid::Uuid| v1::Contact {
        account_id: Some(account.to_string()),
        ..named("Lovelace")
    };
    let (winner, source) = (
        world.create(at(gone)).await.unwrap(),
        world.create(at(here)).await.unwrap(),
    );
    let request = world.asks(v1::MergeContactRequest {
        id: winner.id.clone(),
        source_ids: vec![source.id.clone()],
        fields: [("account_id".to_owned(), source.id.clone())].into(),
        ..v1::MergeContactRequest::default()
    });
    let merged = answer(world.grpc.merge_contact(request).await).unwrap();
    assert_eq!(merged.contact.unwrap().account_id, Some(here.to_string()));
    world.forget("account", gone).await;
    let back = unmerge(&world, &winner, &merged.merge_id).await.unwrap();
    assert_eq!(back.contact.unwrap().account_id, Some(here.to_string()));
    assert_eq!(
        back.lost,
        ["account_id of Lovelace can't be what it was: There is no such record."]
    );
}

#[tokio::test]
async fn merging_is_for_those_who_may_and_on_what_they_have_seen() {
    let world = World::new().await;
    let (winner, source) = (
        world.create(named("A")).await.unwrap(),
        world.create(named("B")).await.unwrap(),
    );
    let asked = v1::MergeContactRequest {
        id: winner.id.clone(),
        source_ids: vec![source.id.clone()],
        etag: "\"old\"".to_owned(),
        ..v1::MergeContactRequest::default()
    };
    let stale = answer(world.grpc.merge_contact(world.asks(asked.clone())).await).unwrap_err();
    assert_eq!(stale.kind().http(), 412);
    let as_seen = v1::MergeContactRequest {
        etag: String::new(),
        ..asked
    };
    let mut request = tonic::Request::new(as_seen);
    let viewer = world.caller_with(&["contacts:read"]);
    request.extensions_mut().insert(viewer);
    let forbidden = answer(world.grpc.merge_contact(request).await).unwrap_err();
    assert_eq!(forbidden.kind().http(), 403);
    assert!(world.get(&source.id).await.is_ok());

    let merged = merge(&world, &winner, &source).await.unwrap();
    let again = merge(&world, &winner, &source).await.unwrap_err();
    assert_eq!(fields(&again), [("source_ids[0]", "unknown_reference")]);
    let into_what_is_gone = merge(&world, &source, &winner).await.unwrap_err();
    assert_eq!(
        into_what_is_gone.members().collect::<Vec<_>>(),
        [("winner_id", winner.id.as_str())]
    );
    let other = unmerge(&world.elsewhere(), &winner, &merged.merge_id).await;
    assert_eq!(other.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn a_merged_contact_is_not_restored_in_bulk() {
    use kontor_proto::records::v1::BulkAction;
    let world = World::new().await;
    let (winner, source, deleted) = (
        world.create(named("A")).await.unwrap(),
        world.create(named("B")).await.unwrap(),
        world.create(named("C")).await.unwrap(),
    );
    merge(&world, &winner, &source).await.unwrap();
    let request = world.asks(v1::DeleteContactRequest {
        id: deleted.id.clone(),
        etag: String::new(),
    });
    answer(world.grpc.delete_contact(request).await).unwrap();
    let request = world.asks(v1::BulkActionContactsRequest {
        action: Some(BulkAction {
            action: "restore".into(),
            ids: vec![source.id.clone(), deleted.id.clone()],
            ..BulkAction::default()
        }),
    });
    let result = answer(world.grpc.bulk_action_contacts(request).await)
        .unwrap()
        .result
        .unwrap();
    assert_eq!((result.succeeded, result.failed), (1, 1));
    assert_eq!(
        (&result.failures[0].id, &*result.failures[0].code),
        (&source.id, "merged")
    );
}
