//! Imports of leads: scored, with their own age.

use kontor_leads::service::Leads;
use kontor_proto::{
    leads::v1::{self, lead_service_server::LeadService},
    records::v1::ListQuery,
};
use kontor_records::transfer::Imports;
use kontor_testbed::{import, neighbours};

use crate::world::{World, answer};

#[tokio::test(flavor = "multi_thread")]
async fn imported_leads_are_scored_by_their_own_age() {
    let world = World::new().await;
    neighbours::identity(&world.host.peers);
    let imports: Imports<Leads> = Imports::new(&world.host, world.leads.clone()).unwrap();
    let file = "Last Name,E-mail Address,Company,Rating,Budget,Created Date\n\
                New,new@example.com,Acme,hot,1000,\n\
                Old,old@example.com,Acme,,,2020-01-01T00:00:00Z\n\
                Bad,nobody,,,,\n";
    let job = import(&imports, &world.caller(), file).await;
    assert_eq!((job.total_rows, job.created, job.failed), (3, 2, 1), "{job:?}");
    assert_eq!(job.errors[0].column.as_deref(), Some("E-mail Address"));

    let query = ListQuery {
        order_by: "last_name".to_owned(),
        ..ListQuery::default()
    };
    let request = world.asks(v1::ListLeadsRequest { query: Some(query) });
    let leads = answer(world.grpc.list_leads(request).await).unwrap().leads;
    let found: Vec<_> = leads
        .iter()
        .map(|lead| (lead.last_name.as_str(), lead.score))
        .collect();
    assert_eq!(found, [("New", 65), ("Old", 20)]);
    assert_eq!(leads[0].budget.as_ref().unwrap().currency, "CHF");
    assert_eq!(leads[0].owner_id, Some(world.user.to_string()));
}
