//! What contacts show of their accounts and territories.

use kontor_contacts::{model::Contact, store};
use kontor_proto::{
    contacts::v1::{self, contact_service_server::ContactService},
    records::v1::{FieldFilter, ListQuery, RecordChange, TerritoryChange},
};
use kontor_records::{
    refs,
    territories::{self, Territories},
};
use uuid::Uuid;

use crate::world::{World, answer, named};

impl World {
    async fn works_at(&self, account: Uuid, last_name: &str) -> v1::Contact {
        let contact = v1::Contact {
            account_id: Some(account.to_string()),
            ..named(last_name)
        };
        self.create(contact).await.unwrap()
    }

    async fn listed(&self, query: ListQuery) -> Vec<v1::Contact> {
        let request = self.asks(v1::ListContactsRequest { query: Some(query) });
        answer(self.grpc.list_contacts(request).await).unwrap().contacts
    }

    async fn names(&self, order: &str, filter: &str) -> Vec<String> {
        let query = ListQuery {
            order_by: order.to_owned(),
            filter: filter.to_owned(),
            ..ListQuery::default()
        };
        self.listed(query)
            .await
            .into_iter()
            .map(|contact| contact.last_name)
            .collect()
    }
}

#[tokio::test]
async fn the_name_of_its_account_is_shown_and_orders_and_filters_a_list() {
    let world = World::new().await;
    let zeta = world.heard_of("account", "Zeta").await;
    let alpha = world.heard_of("account", "Alpha").await;
    let ada = world.works_at(zeta, "Ada").await;
    assert_eq!(ada.account_name.as_deref(), Some("Zeta"));
    world.works_at(alpha, "Bob").await;
    world.create(named("Cyd")).await.unwrap();
    assert_eq!(
        world.names("account_name", "").await,
        ["Bob", "Ada", "Cyd"],
        "nulls last"
    );
    assert_eq!(world.names("-account_name", "").await, ["Ada", "Bob", "Cyd"]);
    assert_eq!(world.names("", "account_name = \"alpha\"").await, ["Bob"]);

    let renamed = RecordChange {
        id: zeta.to_string(),
        name: "Aardvark".into(),
        version: 2,
        ..RecordChange::default()
    };
    let mut tx = world.begin().await;
    refs::apply(&mut tx, world.company, "account", &[renamed])
        .await
        .unwrap();
    store::name_accounts(&mut tx, world.company, &[zeta])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let shown = world.get(&ada.id).await.unwrap();
    assert_eq!(
        (shown.account_name.as_deref(), shown.etag),
        (Some("Aardvark"), ada.etag.clone())
    );
    assert_eq!(world.names("account_name", "").await, ["Ada", "Bob", "Cyd"]);

    let alone = world
        .update(&ada.id, named(""), &["account_id"], "")
        .await
        .unwrap();
    assert_eq!(alone.account_name, None);
    let back = v1::Contact {
        account_id: Some(alpha.to_string()),
        ..named("")
    };
    let back = world.update(&ada.id, back, &["account_id"], "").await.unwrap();
    assert_eq!(back.account_name.as_deref(), Some("Alpha"));
}

#[tokio::test]
async fn what_contacts_tell_says_whose_they_are() {
    let world = World::new().await;
    let acme = world.heard_of("account", "Acme").await;
    world.works_at(acme, "Ada").await;
    let told: Vec<v1::ContactsChanged> = world.told().await;
    assert_eq!(told[0].changes[0].told["account_id"], acme.to_string());
}

#[tokio::test]
async fn contacts_filter_and_expand_by_territory_and_leave_one_that_is_gone() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    let territory = |version: i64, deleted: bool| TerritoryChange {
        change: Some(RecordChange {
            id: id.to_string(),
            name: "West".into(),
            version,
            deleted,
            ..RecordChange::default()
        }),
        ..TerritoryChange::default()
    };
    let mut tx = world.begin().await;
    territories::keep(&mut tx, world.company, &[territory(1, false)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let ada = v1::Contact {
        territory_id: Some(id.to_string()),
        ..named("Ada")
    };
    let ada = world.create(ada).await.unwrap();
    world.create(named("Bob")).await.unwrap();
    let query = ListQuery {
        field_filters: vec![FieldFilter {
            parameter: "territory_id".into(),
            values: vec![id.to_string()],
        }],
        expand: "territory".into(),
        ..ListQuery::default()
    };
    let listed = world.listed(query).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].territory.as_ref().unwrap().name, "West");

    let gone = [territory(2, true)];
    let mut tx = world.begin().await;
    territories::keep(&mut tx, world.company, &gone).await.unwrap();
    territories::empty::<Contact>(&mut tx, &Territories::default(), world.company, &gone)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.get(&ada.id).await.unwrap().territory_id, None);
}
