//! The primary contact of an account.

use kontor_chassis::{Error, Kind};
use kontor_proto::{
    contacts::v1::{self, contact_service_server::ContactService},
    records::v1::ListQuery,
};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

fn at(account: Uuid, last_name: &str) -> v1::Contact {
    v1::Contact {
        account_id: Some(account.to_string()),
        ..named(last_name)
    }
}

async fn set_primary(world: &World, id: &str) -> Result<v1::Contact, Error> {
    let request = world.asks(v1::SetPrimaryContactRequest {
        id: id.to_owned(),
        etag: String::new(),
    });
    Ok(answer(world.grpc.set_primary_contact(request).await)?
        .contact
        .unwrap())
}

/// Names of the account's contacts, with a star at the primary one.
async fn of(world: &World, account: Uuid) -> Vec<String> {
    let request = world.asks(v1::ListAccountContactsRequest {
        id: account.to_string(),
        query: Some(ListQuery::default()),
    });
    let page = answer(world.grpc.list_account_contacts(request).await).unwrap();
    let name = |contact: v1::Contact| {
        format!(
            "{}{}",
            contact.last_name,
            if contact.is_primary { "*" } else { "" }
        )
    };
    page.contacts.into_iter().map(name).collect()
}

#[tokio::test]
async fn the_former_primary_contact_steps_down() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await;
    let first = world
        .create(v1::Contact {
            is_primary: true,
            ..at(account, "A")
        })
        .await
        .unwrap();
    let second = world.create(at(account, "B")).await.unwrap();
    assert_eq!(of(&world, account).await, ["A*", "B"]);
    assert!(set_primary(&world, &second.id).await.unwrap().is_primary);
    assert_eq!(of(&world, account).await, ["B*", "A"]);
    let former = world.get(&first.id).await.unwrap();
    assert_ne!(former.etag, first.etag, "stepping down is a change");
}

#[tokio::test]
async fn many_that_become_primary_at_once_leave_one() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await;
    let mut ids = Vec::new();
    for name in ["A", "B", "C", "D"] {
        ids.push(world.create(at(account, name)).await.unwrap().id);
    }
    for _ in 0..5 {
        let (a, b, c, d) = tokio::join!(
            set_primary(&world, &ids[0]),
            set_primary(&world, &ids[1]),
            set_primary(&world, &ids[2]),
            set_primary(&world, &ids[3]),
        );
        for answer in [a, b, c, d] {
            answer.unwrap();
        }
        let primary = of(&world, account)
            .await
            .into_iter()
            .filter(|name| name.ends_with('*'))
            .count();
        assert_eq!(primary, 1);
    }
}

#[tokio::test]
async fn a_contact_of_no_account_cannot_be_primary() {
    let world = World::new().await;
    let loose = world.create(named("Loose")).await.unwrap();
    let error = set_primary(&world, &loose.id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Refused, "no_account"));
    assert_eq!(fields(&error), [("is_primary", "no_account")]);
}

#[tokio::test]
async fn who_moves_to_another_account_leaves_the_rank_behind() {
    let world = World::new().await;
    let (old, new) = (
        world.heard_of("account", "Old").await,
        world.heard_of("account", "New").await,
    );
    let contact = world
        .create(v1::Contact {
            is_primary: true,
            ..at(old, "A")
        })
        .await
        .unwrap();
    let moved = world
        .update(&contact.id, at(new, ""), &["account_id"], "")
        .await
        .unwrap();
    assert!(!moved.is_primary);
    assert_eq!(of(&world, new).await, ["A"]);
}

#[tokio::test]
async fn a_restored_contact_is_primary_only_when_nobody_else_is_by_now() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await;
    let contact = world
        .create(v1::Contact {
            is_primary: true,
            ..at(account, "A")
        })
        .await
        .unwrap();
    let delete = || {
        world.asks(v1::DeleteContactRequest {
            id: contact.id.clone(),
            etag: String::new(),
        })
    };
    let restore = || {
        world.asks(v1::RestoreContactRequest {
            id: contact.id.clone(),
            etag: String::new(),
        })
    };
    answer(world.grpc.delete_contact(delete()).await).unwrap();
    answer(world.grpc.restore_contact(restore()).await).unwrap();
    assert_eq!(of(&world, account).await, ["A*"]);

    answer(world.grpc.delete_contact(delete()).await).unwrap();
    world
        .create(v1::Contact {
            is_primary: true,
            ..at(account, "B")
        })
        .await
        .unwrap();
    answer(world.grpc.restore_contact(restore()).await).unwrap();
    assert_eq!(of(&world, account).await, ["B*", "A"]);
}

#[tokio::test]
async fn the_contacts_of_an_account_that_is_not_there_are_not_found() {
    let world = World::new().await;
    let account = world.heard_of("account", "Engines").await;
    let other = world.elsewhere();
    let request = v1::ListAccountContactsRequest {
        id: account.to_string(),
        query: None,
    };
    let error = answer(other.grpc.list_account_contacts(other.asks(request)).await).unwrap_err();
    assert!(
        matches!(error.kind(), Kind::NotFound | Kind::Unavailable),
        "{error}"
    );
}
