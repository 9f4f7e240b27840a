//! Several companies of one person.

use kontor_chassis::Kind;
use kontor_proto::identity::v1;
use prost_types::FieldMask;

use crate::world::{PASSWORD, Person, World, answer, fields, sign_in};

async fn found(world: &World, person: &Person, name: &str) -> v1::Company {
    let company = v1::Company {
        name: name.to_owned(),
        currency: "CHF".to_owned(),
        ..v1::Company::default()
    };
    let request = person.asks(v1::CreateCompanyRequest {
        company: Some(company),
    });
    answer(world.companies().create_company(request).await)
        .unwrap()
        .company
        .unwrap()
}

#[tokio::test]
async fn a_person_founds_a_second_company_and_moves_the_session_there() {
    let world = World::new().await;
    let person = world.register().await;
    let second = found(&world, &person, "A Second One").await;
    assert_eq!((second.currency.as_str(), second.locale.as_str()), ("CHF", "en"));

    let listed = answer(
        world
            .sessions()
            .list_my_companies(person.asks(v1::ListMyCompaniesRequest {}))
            .await,
    )
    .unwrap();
    let seen: Vec<_> = listed
        .companies
        .iter()
        .map(|one| (one.name.as_str(), one.is_current, one.is_default))
        .collect();
    assert_eq!(
        seen,
        [("A Second One", false, false), ("Analytical Engines", true, true)]
    );

    let request = person.asks(v1::SwitchCompanyRequest {
        company_id: second.id.clone(),
    });
    let switched = answer(world.sessions().switch_company(request).await).unwrap();
    assert_eq!(
        (switched.company.unwrap().id, switched.role.as_str()),
        (second.id.clone(), "admin")
    );
    let tokens = switched.tokens.unwrap();
    let now = world.me(0, &tokens.access_token).await.unwrap();
    let before = world.me(0, &person.access).await.unwrap();
    assert_eq!(now.company.unwrap().id, second.id);
    assert_eq!(
        before.company.unwrap().id,
        person.company.id,
        "the old token keeps its company"
    );
    assert_eq!(
        now.session.unwrap().id,
        before.session.unwrap().id,
        "it is the same session"
    );

    assert_eq!(
        world.refresh(&person.refresh).await.unwrap_err().code(),
        "token_rotated",
        "the old one is spent"
    );
    let refreshed = world
        .refresh(tokens.refresh_token.as_deref().unwrap())
        .await
        .unwrap();
    assert_eq!(
        world
            .me(0, &refreshed.access_token)
            .await
            .unwrap()
            .company
            .unwrap()
            .id,
        second.id
    );
    let request = v1::LoginRequest {
        company_id: Some(second.id.clone()),
        ..sign_in(&person.email, PASSWORD)
    };
    assert_eq!(
        answer(world.auth().login(request).await)
            .unwrap()
            .company
            .unwrap()
            .id,
        second.id
    );
    let default = world.login(&person.email, PASSWORD).await.unwrap();
    assert_eq!(default.company.unwrap().id, person.company.id);
}

#[tokio::test]
async fn a_company_one_is_no_member_of_is_not_there() {
    let world = World::new().await;
    let (person, other) = (world.register().await, world.register().await);
    for company_id in [other.company.id.clone(), uuid::Uuid::now_v7().to_string()] {
        let request = person.asks(v1::SwitchCompanyRequest {
            company_id: company_id.clone(),
        });
        let error = answer(world.sessions().switch_company(request).await).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        let request = person.asks(v1::GetCompanyRequest { id: company_id });
        assert_eq!(
            answer(world.companies().get_company(request).await)
                .unwrap_err()
                .kind(),
            Kind::NotFound
        );
    }
    let request = person.asks(v1::SwitchCompanyRequest {
        company_id: "x".to_owned(),
    });
    let error = answer(world.sessions().switch_company(request).await).unwrap_err();
    assert_eq!(fields(&error), [("company_id", "invalid_id")]);
}

#[tokio::test]
async fn a_session_that_ended_does_not_switch() {
    let world = World::of(2).await;
    let person = world.register().await;
    let second = found(&world, &person, "Second").await;
    answer(
        world
            .sessions()
            .logout(person.asks(v1::LogoutRequest::default()))
            .await,
    )
    .unwrap();
    // The other process may not have heard yet; the database knows.
    let mut sessions = v1::session_service_client::SessionServiceClient::new(world.channel(1));
    let request = person.asks(v1::SwitchCompanyRequest {
        company_id: second.id,
    });
    assert_eq!(
        answer(sessions.switch_company(request).await).unwrap_err().kind(),
        Kind::Unauthenticated
    );
}

#[tokio::test]
async fn the_company_of_the_token_is_changed_and_another_is_not() {
    let world = World::new().await;
    let person = world.register().await;
    let second = found(&world, &person, "Second").await;
    let change = |id: &str, etag: &str, company: v1::Company, paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let (id, etag) = (id.to_owned(), etag.to_owned());
        let update_mask = Some(FieldMask { paths });
        person.asks(v1::UpdateCompanyRequest {
            id,
            company: Some(company),
            update_mask,
            etag,
        })
    };
    let wanted = v1::Company {
        name: "Difference Engines".to_owned(),
        time_zone: "Europe/London".to_owned(),
        website: Some("engine.example".to_owned()),
        ..v1::Company::default()
    };
    let paths = ["name", "time_zone", "website"];
    let changed = answer(
        world
            .companies()
            .update_company(change(&person.company.id, "1", wanted.clone(), &paths))
            .await,
    )
    .unwrap();
    let changed = changed.company.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.etag.as_str()),
        ("Difference Engines", "2")
    );
    assert_eq!(changed.website.as_deref(), Some("https://engine.example/"));
    assert_eq!(changed.currency, "USD");

    let stale = answer(
        world
            .companies()
            .update_company(change(&person.company.id, "1", wanted.clone(), &paths))
            .await,
    );
    assert_eq!(stale.unwrap_err().kind(), Kind::Stale);
    let other = answer(
        world
            .companies()
            .update_company(change(&second.id, "", wanted, &paths))
            .await,
    )
    .unwrap_err();
    assert_eq!(
        other.kind(),
        Kind::Forbidden,
        "seen, but it takes a token of that company"
    );
    let bad = v1::Company {
        fiscal_year_start_month: 13,
        currency: "usd".to_owned(),
        ..v1::Company::default()
    };
    let paths = ["name", "currency", "fiscal_year_start_month"];
    let error = answer(
        world
            .companies()
            .update_company(change(&person.company.id, "", bad, &paths))
            .await,
    )
    .unwrap_err();
    let expected = [
        ("name", "required"),
        ("currency", "invalid_currency"),
        ("fiscal_year_start_month", "out_of_range"),
    ];
    assert_eq!(fields(&error), expected);
}

#[tokio::test]
async fn a_company_counts_in_its_currency() {
    let world = World::new().await;
    let person = world.register().await;
    sqlx::query(
        "insert into identity.currency_rates (company_id, currency, rate) values ($1::uuid, 'EUR', 1.0800)",
    )
    .bind(&person.company.id)
    .execute(&mut crate::world::admin().await)
    .await
    .unwrap();
    let answered = answer(
        world
            .companies()
            .get_currencies(person.asks(v1::GetCurrenciesRequest {}))
            .await,
    )
    .unwrap();
    let currencies = answered.currencies.unwrap();
    assert_eq!(currencies.currency, "USD");
    assert_eq!(
        currencies.rates,
        [v1::CurrencyRate {
            currency: "EUR".to_owned(),
            rate: "1.08".to_owned()
        }]
    );
}
