//! Making, reading and changing contacts.

use kontor_chassis::{Kind, peers::Peers};
use kontor_proto::{
    accounts::v1::{
        Account, GetAccountRequest, GetAccountResponse,
        account_service_server::{AccountService, AccountServiceServer},
    },
    contacts::v1::{self, ContactsChanged, contact_service_server::ContactService},
    records::v1::ListQuery,
};
use kontor_testbed::neighbours;
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

/// Accounts, which has one account of which nobody has heard yet.
struct Accounts(Uuid);

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        if request.get_ref().id != self.0.to_string() {
            return Err(Status::not_found("There is no such account."));
        }
        let account = Account {
            id: self.0.to_string(),
            name: "Just made".to_owned(),
            ..Account::default()
        };
        Ok(Response::new(GetAccountResponse {
            account: Some(account),
        }))
    }
}

fn accounts_with(peers: &Peers, id: Uuid) {
    let routes = Routes::new(AccountServiceServer::new(Accounts(id)));
    neighbours::answers(peers, "accounts", routes);
}

#[tokio::test]
async fn a_new_contact_has_its_full_name_and_is_told() {
    let world = World::new().await;
    let contact = v1::Contact {
        first_name: Some("Ada".to_owned()),
        birthday: Some("1815-12-10".to_owned()),
        ..named("Lovelace")
    };
    let made = world.create(contact).await.unwrap();
    assert_eq!(made.full_name, "Ada Lovelace");
    assert_eq!(made.birthday.as_deref(), Some("1815-12-10"));
    assert_eq!(made.owner_id, Some(world.user.to_string()));
    assert_eq!(world.get(&made.id).await.unwrap(), made);
    let told = world.told::<ContactsChanged>().await;
    assert_eq!(told[0].changes[0].name, "Ada Lovelace");

    let married = world
        .update(&made.id, named("King"), &["last_name"], "")
        .await
        .unwrap();
    assert_eq!(married.full_name, "Ada King");
}

#[tokio::test]
async fn an_account_nobody_has_heard_of_yet_is_asked_for() {
    let fresh = Uuid::now_v7();
    let world = World::beside(|peers| accounts_with(peers, fresh)).await;
    let at = |account: Uuid| v1::Contact {
        account_id: Some(account.to_string()),
        ..named("Lovelace")
    };
    let made = world.create(at(fresh)).await.unwrap();
    let request = world.asks(v1::GetContactRequest {
        id: made.id,
        expand: "account".to_owned(),
    });
    let shown = answer(world.grpc.get_contact(request).await)
        .unwrap()
        .contact
        .unwrap();
    assert_eq!(shown.account.unwrap().name, "Just made");

    let error = world.create(at(Uuid::now_v7())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(fields(&error), [("account_id", "unknown_reference")]);
}

#[tokio::test]
async fn a_contact_reports_to_another_of_the_company_and_not_to_itself() {
    let world = World::new().await;
    let (boss, clerk) = (
        world.create(named("Boss")).await.unwrap(),
        world.create(named("Clerk")).await.unwrap(),
    );
    let to = |id: &str| v1::Contact {
        reports_to_id: Some(id.to_owned()),
        ..v1::Contact::default()
    };
    world
        .update(&clerk.id, to(&boss.id), &["reports_to_id"], "")
        .await
        .unwrap();
    let stranger = world.elsewhere().create(named("Stranger")).await.unwrap();
    for id in [&clerk.id, &stranger.id] {
        let error = world
            .update(&clerk.id, to(id), &["reports_to_id"], "")
            .await
            .unwrap_err();
        assert_eq!(fields(&error), [("reports_to_id", "unknown_reference")]);
    }
}

#[tokio::test]
async fn another_company_s_contact_is_not_there() {
    let world = World::new().await;
    let made = world.create(named("Mine")).await.unwrap();
    let other = world.elsewhere();
    assert_eq!(other.get(&made.id).await.unwrap_err().kind(), Kind::NotFound);
    let request = other.asks(v1::ListContactsRequest {
        query: Some(ListQuery::default()),
    });
    assert!(
        answer(other.grpc.list_contacts(request).await)
            .unwrap()
            .contacts
            .is_empty()
    );
    let delete = other.asks(v1::DeleteContactRequest {
        id: made.id.clone(),
        etag: String::new(),
    });
    assert_eq!(
        answer(other.grpc.delete_contact(delete).await)
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    world.get(&made.id).await.unwrap();
}
