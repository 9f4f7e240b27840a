//! Contacts from files.

use kontor_chassis::peers::Peers;
use kontor_proto::{
    accounts::v1::{
        GetAccountRequest, GetAccountResponse,
        account_service_server::{AccountService, AccountServiceServer},
    },
    contacts::v1::{self, contact_service_server::ContactService},
    records::v1::ListQuery,
};
use kontor_testbed::{import, neighbours};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::world::{World, answer};

/// Accounts, which knows none.
struct Accounts;

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn get_account(
        &self,
        _: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        Err(Status::not_found("There is no such account."))
    }
}

fn others(peers: &Peers) {
    neighbours::answers(
        peers,
        "accounts",
        Routes::new(AccountServiceServer::new(Accounts)),
    );
    neighbours::identity(peers);
}

fn by(order: &str) -> ListQuery {
    ListQuery {
        order_by: order.to_owned(),
        ..ListQuery::default()
    }
}

#[tokio::test]
async fn a_file_becomes_contacts_of_accounts_that_are_there() {
    let world = World::beside(others).await;
    let account = world.heard_of("account", "Engines").await;
    let nowhere = Uuid::now_v7();
    let file = format!(
        "First Name,Last Name,E-mail,account_id,is_primary\n\
         Ada,Lovelace,ada@example.com,{account},true\n\
         Charles,Babbage,charles@example.com,{account},true\n\
         Lost,Soul,lost@example.com,{nowhere},false\n"
    );
    let job = import(&world.imports, &world.caller(), &file).await;
    assert_eq!((job.total_rows, job.created, job.failed), (3, 2, 1), "{job:?}");
    assert_eq!(
        (job.errors[0].row, job.errors[0].code.as_str()),
        (4, "unknown_reference")
    );

    let request = world.asks(v1::ListContactsRequest {
        query: Some(by("last_name")),
    });
    let contacts = answer(world.grpc.list_contacts(request).await).unwrap().contacts;
    let names: Vec<_> = contacts
        .iter()
        .map(|contact| (contact.full_name.as_str(), contact.is_primary))
        .collect();
    assert_eq!(names, [("Charles Babbage", false), ("Ada Lovelace", false)]);
}
