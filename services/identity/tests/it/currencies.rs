//! What a company counts in.

use kontor_proto::identity::v1;
use prost::Message;

use crate::world::{Person, World, answer, fields};

async fn put(
    world: &World,
    person: &Person,
    currency: &str,
    rates: &[(&str, &str)],
) -> Result<v1::Currencies, kontor_chassis::Error> {
    let rates = rates.iter().map(|(currency, rate)| v1::CurrencyRate {
        currency: (*currency).to_owned(),
        rate: (*rate).to_owned(),
    });
    let currencies = v1::Currencies {
        currency: currency.to_owned(),
        rates: rates.collect(),
    };
    let request = v1::UpdateCurrenciesRequest {
        currencies: Some(currencies),
    };
    let answer = answer(world.companies().update_currencies(person.asks(request)).await)?;
    Ok(answer.currencies.unwrap())
}

async fn get(world: &World, person: &Person) -> v1::Currencies {
    let request = person.asks(v1::GetCurrenciesRequest {});
    let answer = answer(world.companies().get_currencies(request).await).unwrap();
    answer.currencies.unwrap()
}

fn rates(currencies: &v1::Currencies) -> Vec<(&str, &str)> {
    currencies
        .rates
        .iter()
        .map(|rate| (rate.currency.as_str(), rate.rate.as_str()))
        .collect()
}

#[tokio::test]
async fn the_rates_that_are_put_are_all_there_are() {
    let world = World::new().await;
    let (person, stranger) = (world.register().await, world.register().await);
    let first = put(&world, &person, "EUR", &[("USD", "0.9200"), ("GBP", "1.17")])
        .await
        .unwrap();
    assert_eq!(first.currency, "EUR");
    assert_eq!(rates(&first), [("GBP", "1.17"), ("USD", "0.92")]);
    assert_eq!(get(&world, &person).await, first);

    let second = put(&world, &person, "EUR", &[("CHF", "0.0000000001")])
        .await
        .unwrap();
    assert_eq!(rates(&second), [("CHF", "0.0000000001")]);
    assert_eq!(get(&world, &person).await, second);

    // Others who sum amounts hear of it, and which change was the later one.
    let told: Vec<Vec<u8>> = sqlx::query_scalar(
        "select payload
         from identity.outbox
         where type = 'kontor.identity.v1.CurrenciesChanged'
           and headers->>'subject' = $1
         order by id",
    )
    .bind(&person.company.id)
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    let told: Vec<v1::CurrenciesChanged> = told
        .iter()
        .map(|payload| v1::CurrenciesChanged::decode(payload.as_slice()).unwrap())
        .collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].version < told[1].version);
    assert_eq!(told[1].rates, second.rates);

    let theirs = get(&world, &stranger).await;
    assert_eq!((theirs.currency.as_str(), theirs.rates.len()), ("USD", 0));
}

#[tokio::test]
async fn with_another_currency_the_rates_of_the_one_before_are_gone() {
    let world = World::new().await;
    let person = world.register().await;
    put(&world, &person, "USD", &[("EUR", "1.08")]).await.unwrap();
    let patch = async |company: v1::Company, path: &str| {
        let request = v1::UpdateCompanyRequest {
            id: person.company.id.clone(),
            company: Some(company),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![path.to_owned()],
            }),
            ..Default::default()
        };
        answer(world.companies().update_company(person.asks(request)).await).unwrap();
    };
    let renamed = v1::Company {
        name: "Difference Engines".to_owned(),
        ..Default::default()
    };
    patch(renamed, "name").await;
    assert_eq!(rates(&get(&world, &person).await), [("EUR", "1.08")]);
    let other = v1::Company {
        currency: "EUR".to_owned(),
        ..Default::default()
    };
    patch(other, "currency").await;
    let now = get(&world, &person).await;
    assert_eq!((now.currency.as_str(), now.rates.len()), ("EUR", 0));
}

#[tokio::test]
async fn every_bad_rate_is_named_by_its_place_and_nothing_is_changed() {
    let world = World::new().await;
    let person = world.register().await;
    let bad = [("USD", "1"), ("Euro", "0"), ("GBP", "1.1"), ("GBP", "-2")];
    let error = put(&world, &person, "USD", &bad).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("rates[0].currency", "own_currency"),
            ("rates[1].currency", "invalid_currency"),
            ("rates[1].rate", "invalid_rate"),
            ("rates[3].currency", "duplicate"),
            ("rates[3].rate", "invalid_rate"),
        ]
    );
    let error = put(&world, &person, "", &[]).await.unwrap_err();
    assert_eq!(fields(&error), [("currency", "required")]);
    assert_eq!(get(&world, &person).await.rates, []);
}

#[tokio::test]
async fn who_does_not_manage_the_company_reads_its_currencies_and_changes_none() {
    let world = World::alone().await;
    let admin = world.verified().await;
    let manager = world.colleague(&admin, "manager").await;
    assert_eq!(get(&world, &manager).await.currency, "USD");
    let error = put(&world, &manager, "EUR", &[]).await.unwrap_err();
    assert_eq!(error.code(), "forbidden");
}
