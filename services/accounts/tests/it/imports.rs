//! Accounts from files.

use futures_util::TryStreamExt;
use kontor_proto::{
    accounts::v1::{
        self, account_service_server::AccountService, account_transfer_service_server::AccountTransferService,
    },
    google::api::HttpBody,
    records::v1::{ImportState, ListQuery},
};
use kontor_testbed::{import, neighbours};

use crate::world::{World, answer};

#[tokio::test]
async fn a_file_becomes_accounts_which_become_a_file_and_a_bad_row_stops_no_other() {
    let world = World::beside(neighbours::identity).await;
    let file = "Account Name,Website,Revenue,Billing City\n\
                Acme GmbH,acme.example,100,Bern\n\
                ,nameless.example,1,Basel\n\
                \"Beta, Inc.\",www.beta.example,200.5,Zug\n";
    let job = import(&world.imports, &world.caller(), file).await;
    assert_eq!((job.total_rows, job.created, job.failed), (3, 2, 1), "{job:?}");
    assert_eq!(job.state(), ImportState::PartiallySucceeded);
    assert_eq!((job.errors[0].row, job.errors[0].code.as_str()), (3, "required"));

    let query = ListQuery {
        order_by: "name".to_owned(),
        ..ListQuery::default()
    };
    let request = world.asks(v1::ListAccountsRequest { query: Some(query) });
    let accounts = answer(world.grpc.list_accounts(request).await).unwrap().accounts;
    let beta = &accounts[1];
    assert_eq!(
        (beta.name.as_str(), beta.domain.as_deref()),
        ("Beta, Inc.", Some("beta.example"))
    );
    let revenue = beta.annual_revenue.as_ref().unwrap();
    assert_eq!(
        (revenue.amount.as_str(), revenue.currency.as_str()),
        ("200.50", "CHF")
    );
    assert_eq!(
        beta.billing_address.as_ref().unwrap().city.as_deref(),
        Some("Zug")
    );

    let query = ListQuery {
        order_by: "name".to_owned(),
        ..ListQuery::default()
    };
    let columns = "name,domain,annual_revenue".to_owned();
    let request = world.asks(v1::ExportAccountsRequest {
        query: Some(query),
        columns,
    });
    let pieces: Vec<HttpBody> = world
        .grpc
        .export_accounts(request)
        .await
        .unwrap()
        .into_inner()
        .try_collect()
        .await
        .unwrap();
    let csv: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.data).collect();
    let lines = String::from_utf8(csv).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.starts_with("name,domain,annual_revenue"), "{lines}");
    assert!(lines.contains("\r\nAcme GmbH,acme.example,100"), "{lines}");
    assert!(lines.contains("\r\n\"Beta, Inc.\",beta.example,200.5"), "{lines}");
}
