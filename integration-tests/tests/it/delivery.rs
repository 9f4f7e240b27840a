//! Facts that arrive twice and out of order.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use futures_util::future::join_all;
use kontor_integration_tests::api::{Api, eventually};
use kontor_integration_tests::database::{SCHEMAS, fingerprint};
use kontor_integration_tests::suite::Suite;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{conversion::lead, trial};

const EXCHANGE: &str = "kontor.events";

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "delivery::of_every_fact_twice_and_shuffled_changes_nothing",
        shuffled,
    )]
}

/// A message that went over the broker.
#[derive(Clone)]
struct Heard {
    id: String,
    kind: String,
    properties: BasicProperties,
    body: Vec<u8>,
}

async fn shuffled(suite: &Suite) {
    let connection = Connection::connect(&suite.broker_url().await, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let everything = listen(&channel).await;

    let api = suite.api().company().await;
    let mut leads = Vec::new();
    for n in 0..12 {
        let body = json!({
            "last_name": format!("Number {n}"), "email": format!("n{}@shuffle.example", n % 8),
            "company_name": format!("Shuffle {}", n % 3), "phone": "+1 555 0100",
        });
        leads.push(lead(&api, body).await);
    }
    join_all(leads[1..].iter().map(async |id| {
        let path = format!("/leads/{id}/convert/");
        api.post(&path, json!({"wait_seconds": 30})).await.expect(200)
    }))
    .await;
    let alone = lead(&api, json!({"last_name": "Alone", "company_name": "Alone Co"})).await;
    let converted = api
        .post(&format!("/leads/{alone}/convert/"), json!({"wait_seconds": 30}))
        .await
        .expect(200);
    api.post(&format!("/leads/{alone}/convert/undo/"), json!({}))
        .await;
    eventually(30, "a conversion is taken back", async || {
        let conversion = api.get(&format!("/leads/{alone}/conversion/")).await.expect(200);
        conversion["state"] == "undone"
    })
    .await;
    assert!(converted["conversion"]["account_id"].is_string());
    for name in ["First name", "Second name"] {
        let changed = json!({"last_name": name});
        api.patch(&format!("/leads/{}/", leads[0]), changed)
            .await
            .expect(200);
    }
    merge(&api).await;
    let before = settled(suite, api.company_id()).await;
    let heard = heard_of(&channel, &everything, api.company_id()).await;
    assert!(heard.len() > 100, "only {} facts", heard.len());
    let renamed: Vec<Heard> = heard.iter().map(Heard::renamed).collect();
    let mut all: Vec<&Heard> = heard.iter().chain(&renamed).collect();
    all.sort_by_key(|one| one.place());
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    for one in all {
        channel
            .basic_publish(
                EXCHANGE.into(),
                one.kind.as_str().into(),
                BasicPublishOptions::default(),
                &one.body,
                one.properties.clone(),
            )
            .await
            .unwrap()
            .await
            .unwrap();
    }
    // Whoever heard a fact hears its copy of another id, too.
    let ids = |list: &[Heard]| list.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    let (ids, copies) = (ids(&heard), ids(&renamed));
    eventually(120, "every copy has arrived", async || {
        let mut missing = false;
        for schema in SCHEMAS {
            missing |= arrived(suite, schema, &ids).await != arrived(suite, schema, &copies).await;
        }
        !missing
    })
    .await;
    assert_eq!(settled(suite, api.company_id()).await, before);
}

/// Merges two accounts into a third, one after the other, and takes the second merge back.
async fn merge(api: &Api) {
    let make = async |kind: &str, body: Value| {
        let made = api.post(&format!("/{kind}/"), body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let mut accounts = Vec::new();
    for name in ["Merged A", "Merged B", "Merged C"] {
        accounts.push(make("accounts", json!({"name": name})).await);
    }
    let [a, b, c] = &accounts[..] else {
        panic!("three of them")
    };
    let contact = make("contacts", json!({"last_name": "Moved", "account_id": a})).await;
    let deal = make(
        "deals",
        json!({"name": "Moved", "account_id": a, "contact_ids": [contact]}),
    )
    .await;
    let into = async |winner: &str, source: &str| {
        let body = json!({"source_ids": [source]});
        api.post(&format!("/accounts/{winner}/merge/"), body)
            .await
            .expect(200)
    };
    into(b, a).await;
    let second = into(c, b).await;
    let body = json!({"merge_id": second["merge_id"]});
    api.post(&format!("/accounts/{c}/unmerge/"), body)
        .await
        .expect(200);
    eventually(
        30,
        "the contact and the deal are at the second account",
        async || {
            let at = async |path: String| api.get(&path).await.expect(200)["account_id"].clone();
            at(format!("/contacts/{contact}/")).await == json!(b)
                && at(format!("/deals/{deal}/")).await == json!(b)
        },
    )
    .await;
}

/// The company's rows once everything it told has arrived: nothing waits to be told, and nothing has moved for a while.
async fn settled(suite: &Suite, company: &str) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    let mut still = 0;
    eventually(120, "the company has come to rest", async || {
        let mut waiting = 0;
        for schema in SCHEMAS {
            let sql = format!("select count(*) from {schema}.outbox where headers ->> 'company' = $1");
            waiting += sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql))
                .bind(company)
                .fetch_one(suite.database())
                .await
                .unwrap();
        }
        let now = fingerprint(suite.database(), company).await.unwrap();
        still = if waiting == 0 && now == last { still + 1 } else { 0 };
        last = now;
        still >= 40
    })
    .await;
    last
}

/// A queue that gets every message from now on.
async fn listen(channel: &Channel) -> String {
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await
        .unwrap();
    let name = queue.name().to_string();
    channel
        .queue_bind(
            name.as_str().into(),
            EXCHANGE.into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    name
}

/// What came for a company.
async fn heard_of(channel: &Channel, queue: &str, company: &str) -> Vec<Heard> {
    let mut heard = Vec::new();
    while let Some(got) = channel
        .basic_get(queue.into(), BasicGetOptions::default())
        .await
        .unwrap()
    {
        got.delivery.ack(BasicAckOptions::default()).await.unwrap();
        let properties = got.delivery.properties.clone();
        let headers = properties.headers().clone().unwrap_or_default();
        let of = match headers.inner().get("company") {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        if of == company {
            heard.push(Heard {
                id: properties.message_id().as_ref().unwrap().to_string(),
                kind: properties.kind().as_ref().unwrap().to_string(),
                properties,
                body: got.delivery.data.clone(),
            });
        }
    }
    heard
}

async fn arrived(suite: &Suite, schema: &str, ids: &[String]) -> i64 {
    let sql = format!("select count(*) from {schema}.inbox where message_id = any($1)");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(ids)
        .fetch_one(suite.database())
        .await
        .unwrap()
}

impl Heard {
    /// The same fact under another id: as if the inbox had forgotten the first.
    fn renamed(&self) -> Self {
        let id = Uuid::now_v7().to_string();
        Self {
            properties: self.properties.clone().with_message_id(id.as_str().into()),
            id,
            ..self.clone()
        }
    }

    /// A place in an order that has nothing to do with the first one.
    fn place(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.id.hash(&mut hasher);
        hasher.finish()
    }
}
