//! Deals from files.

use kontor_proto::{
    deals::v1::{self, deal_service_server::DealService},
    records::v1::ListQuery,
};
use kontor_testbed::{import, neighbours};
use uuid::Uuid;

use crate::{
    records::{sales, stage_id},
    world::{World, answer},
};

fn by(order: &str) -> ListQuery {
    ListQuery {
        order_by: order.to_owned(),
        ..ListQuery::default()
    }
}

#[tokio::test]
async fn a_file_becomes_deals_in_the_first_stage_of_sales() {
    let world = World::beside(neighbours::identity).await;
    let file = "Deal Name,Amount,Probability,Close Date\nOne,1000,,2027-01-31\nTwo,10,80,\n";
    let job = import(&world.imports, &world.caller(), file).await;
    assert_eq!((job.total_rows, job.created, job.failed), (2, 2, 0), "{job:?}");

    let request = world.asks(v1::ListDealsRequest {
        query: Some(by("name")),
    });
    let deals = answer(world.grpc.list_deals(request).await).unwrap().deals;
    let chances: Vec<_> = deals
        .iter()
        .map(|deal| (deal.name.as_str(), deal.probability))
        .collect();
    assert_eq!(chances, [("One", Some(10)), ("Two", Some(80))]);
    assert_eq!(deals[0].expected_close_date.as_deref(), Some("2027-01-31"));
    let weighted = deals[0].weighted_amount.as_ref().unwrap();
    assert_eq!(
        (weighted.amount.as_str(), weighted.currency.as_str()),
        ("100.00", "CHF")
    );
    assert_eq!(deals[0].stage_id, deals[1].stage_id);
    assert_ne!(deals[0].position, deals[1].position);
}

#[tokio::test]
async fn rows_come_into_the_stages_they_name_and_each_that_names_nothing_is_told_once() {
    let world = World::beside(neighbours::identity).await;
    let sales = sales(&world).await;
    let (qualification, proposal) = (stage_id(&sales, 1).unwrap(), stage_id(&sales, 2).unwrap());
    let account = world.heard_of("account", "Engines").await;
    let gone = world.heard_of("account", "Gone").await;
    world.forget("account", gone).await;
    let nobody = Uuid::now_v7();
    let mut file = "name,stage_id,account_id\n".to_owned();
    for n in 0..50 {
        let stage = if n % 2 == 0 { &qualification } else { &proposal };
        file.push_str(&format!("D{n},{stage},{account}\n"));
    }
    file.push_str(&format!(
        "Bad stage,{nobody},{account}\nBad account,{proposal},{gone}\n"
    ));
    let job = import(&world.imports, &world.caller(), &file).await;
    assert_eq!((job.created, job.failed), (50, 2), "{:?}", job.errors);
    let told: Vec<_> = job
        .errors
        .iter()
        .map(|error| (error.row, error.column.as_deref(), &*error.code))
        .collect();
    assert_eq!(
        told,
        [
            (52, Some("stage_id"), "unknown_reference"),
            (53, Some("account_id"), "unknown_reference"),
        ]
    );
    let request = world.asks(v1::ListDealsRequest {
        query: Some(ListQuery {
            filter: format!("stage_id = \"{proposal}\" AND probability = 50"),
            ..ListQuery::default()
        }),
    });
    let listed = answer(world.grpc.list_deals(request).await).unwrap();
    assert_eq!(listed.total_size, Some(25));
}
