//! Territories: their tree, their rules and what a record would get.

use kontor_chassis::{Error, Kind};
use kontor_proto::{
    accounts::v1::{self, territory_service_server::TerritoryService},
    records::v1::{Address, FieldFilter, ListQuery, Money},
};
use prost_types::FieldMask;

use crate::world::{World, answer, fields};

pub(crate) fn rules(countries: &[&str], industries: &[&str]) -> Option<v1::TerritoryRules> {
    Some(v1::TerritoryRules {
        countries: countries.iter().map(|&c| c.to_owned()).collect(),
        industries: industries.iter().map(|&i| i.to_owned()).collect(),
        ..v1::TerritoryRules::default()
    })
}

pub(crate) fn called(name: &str, rules: Option<v1::TerritoryRules>) -> v1::Territory {
    v1::Territory {
        name: name.to_owned(),
        rules,
        ..v1::Territory::default()
    }
}

pub(crate) fn below(parent: &v1::Territory, name: &str, rules: Option<v1::TerritoryRules>) -> v1::Territory {
    v1::Territory {
        parent_id: Some(parent.id.clone()),
        ..called(name, rules)
    }
}

impl World {
    async fn change_territory(
        &self,
        id: &str,
        territory: v1::Territory,
        paths: &[&str],
        etag: &str,
    ) -> Result<v1::Territory, Error> {
        let request = self.asks(v1::UpdateTerritoryRequest {
            id: id.to_owned(),
            territory: Some(territory),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
            etag: etag.to_owned(),
        });
        Ok(answer(self.grpc.update_territory(request).await)?
            .territory
            .unwrap())
    }

    async fn put_below(&self, id: &str, parent: &str) -> Result<v1::Territory, Error> {
        let territory = v1::Territory {
            parent_id: Some(parent.to_owned()),
            ..v1::Territory::default()
        };
        self.change_territory(id, territory, &["parent_id"], "").await
    }

    async fn read_territory(&self, id: &str) -> Result<v1::Territory, Error> {
        let request = self.asks(v1::GetTerritoryRequest { id: id.to_owned() });
        Ok(answer(self.grpc.get_territory(request).await)?.territory.unwrap())
    }

    pub(crate) async fn delete_territory(&self, id: &str) -> Result<(), Error> {
        let request = self.asks(v1::DeleteTerritoryRequest {
            id: id.to_owned(),
            etag: String::new(),
        });
        answer(self.grpc.delete_territory(request).await)
    }

    async fn territory_names(&self, query: ListQuery) -> Result<Vec<String>, Error> {
        let request = self.asks(v1::ListTerritoriesRequest { query: Some(query) });
        let answer = answer(self.grpc.list_territories(request).await)?;
        Ok(answer.territories.into_iter().map(|t| t.name).collect())
    }

    async fn matched(&self, country: &str, industry: &str) -> (Option<String>, Option<String>) {
        let request = self.asks(v1::MatchTerritoryRequest {
            address: Some(Address {
                country: Some(country.to_owned()),
                ..Address::default()
            }),
            industry: Some(industry.to_owned()),
            ..v1::MatchTerritoryRequest::default()
        });
        let answer = answer(self.grpc.match_territory(request).await).unwrap();
        (answer.territory.map(|territory| territory.name), answer.rule)
    }
}

#[tokio::test]
async fn a_territory_is_made_read_changed_and_deleted() {
    let world = World::new().await;
    let member = world.member().await.to_string();
    let made = world
        .territory(v1::Territory {
            priority: 7,
            member_ids: vec![member.clone()],
            assignment: Some(v1::TerritoryAssignment::RoundRobin.into()),
            ..called("DACH", rules(&["de", "AT", "DE"], &["Software"]))
        })
        .await
        .unwrap();
    assert_eq!(world.read_territory(&made.id).await.unwrap(), made);
    assert_eq!(
        made.rules.as_ref().unwrap().countries,
        ["DE", "AT"],
        "as the standard writes them, once"
    );
    assert_eq!((made.priority, &made.member_ids), (7, &vec![member]));

    let renamed = world
        .change_territory(&made.id, called("D-A-CH", None), &["name"], &made.etag)
        .await
        .unwrap();
    assert_eq!(renamed.rules, made.rules, "what isn't named stays");
    let maker = Some(world.user.to_string());
    assert_eq!((&renamed.created_by, &renamed.updated_by), (&maker, &maker));
    assert_eq!(renamed.deleted_at, None);
    let again = world
        .change_territory(&made.id, called("X", None), &["name"], &made.etag)
        .await;
    assert_eq!(again.unwrap_err().kind(), Kind::Stale);

    let told: Vec<v1::TerritoriesChanged> = world.told().await;
    let versions: Vec<i64> = told
        .iter()
        .map(|event| event.changes[0].change.as_ref().unwrap().version)
        .collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(told[1].changes[0].change.as_ref().unwrap().fields, ["name"]);

    world.delete_territory(&made.id).await.unwrap();
    assert_eq!(
        world.read_territory(&made.id).await.unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(
        world.delete_territory(&made.id).await.unwrap_err().kind(),
        Kind::NotFound
    );
    assert!(
        world
            .territory_names(ListQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn every_bad_field_of_a_territory_is_named_at_once() {
    let world = World::new().await;
    let money = |amount: &str, currency: &str| {
        Some(Money {
            amount: amount.into(),
            currency: currency.into(),
        })
    };
    let bad = v1::TerritoryRules {
        countries: vec!["DE".into(), "Germany".into()],
        employees_min: Some(10),
        employees_max: Some(9),
        revenue_min: money("5", "EUR"),
        revenue_max: money("9", "USD"),
        ..v1::TerritoryRules::default()
    };
    let error = world.territory(called(" ", Some(bad))).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [
            ("name", "required"),
            ("rules.countries[1]", "invalid_country"),
            ("rules.employees_max", "out_of_range"),
            ("rules.revenue_max.currency", "currency_mismatch"),
        ]
    );
    let left = world.member().await;
    world.leaves(left).await;
    let elsewhere = world.elsewhere().territory(called("Theirs", None)).await.unwrap();
    let lost = v1::Territory {
        parent_id: Some(elsewhere.id),
        member_ids: vec![world.user.to_string(), left.to_string()],
        ..called("Lost", None)
    };
    let error = world.territory(lost).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(
        fields(&error),
        [
            ("parent_id", "unknown_reference"),
            ("member_ids[1]", "unknown_reference")
        ]
    );
}

#[tokio::test]
async fn a_territory_cannot_be_part_of_itself_also_when_two_are_moved_at_once() {
    let world = World::new().await;
    let a = world.territory(called("A", None)).await.unwrap();
    let b = world.territory(below(&a, "B", None)).await.unwrap();
    let error = world.put_below(&a.id, &b.id).await.unwrap_err();
    assert_eq!(
        (error.kind(), fields(&error)),
        (Kind::Refused, vec![("parent_id", "parent_loop")])
    );
    let error = world.put_below(&a.id, &a.id).await.unwrap_err();
    assert_eq!(fields(&error), [("parent_id", "parent_loop")]);

    for _ in 0..5 {
        let c = world.territory(called("C", None)).await.unwrap();
        let d = world.territory(called("D", None)).await.unwrap();
        let (one, other) = tokio::join!(world.put_below(&c.id, &d.id), world.put_below(&d.id, &c.id));
        assert_eq!(
            [one.is_ok(), other.is_ok()]
                .into_iter()
                .filter(|done| *done)
                .count(),
            1,
            "{one:?} {other:?}"
        );
    }
}

#[tokio::test]
async fn parts_of_a_deleted_territory_become_part_of_its_whole() {
    let world = World::new().await;
    let a = world.territory(called("A", rules(&["DE"], &[]))).await.unwrap();
    let b = world
        .territory(below(&a, "B", rules(&[], &["Software"])))
        .await
        .unwrap();
    let c = world.territory(below(&b, "C", None)).await.unwrap();
    assert_eq!(world.matched("DE", "Software").await.0.as_deref(), Some("C"));
    world.delete_territory(&b.id).await.unwrap();
    assert_eq!(world.read_territory(&c.id).await.unwrap().parent_id, Some(a.id));
    assert_eq!(world.matched("DE", "Banking").await.0.as_deref(), Some("C"));
}

#[tokio::test]
async fn what_would_win_is_told_with_its_rule_and_nothing_is_saved() {
    let world = World::new().await;
    let emea = world
        .territory(called("EMEA", rules(&["DE", "FR"], &[])))
        .await
        .unwrap();
    world
        .territory(below(&emea, "German software", rules(&["DE"], &["software"])))
        .await
        .unwrap();
    let told = world.told::<v1::TerritoriesChanged>().await.len();
    assert_eq!(
        world.matched("de", "Software").await,
        (
            Some("German software".into()),
            Some("country is DE and industry is Software".into())
        )
    );
    assert_eq!(
        world.matched("FR", "Software").await,
        (Some("EMEA".into()), Some("country is FR".into()))
    );
    assert_eq!(world.matched("US", "Software").await, (None, None));
    assert_eq!(world.told::<v1::TerritoriesChanged>().await.len(), told);

    let request = world.asks(v1::MatchTerritoryRequest {
        address: Some(Address {
            country: Some("Germany".into()),
            ..Address::default()
        }),
        employee_count: Some(-1),
        ..v1::MatchTerritoryRequest::default()
    });
    let error = answer(world.grpc.match_territory(request).await).unwrap_err();
    let mut bad = fields(&error);
    bad.sort_unstable();
    assert_eq!(
        bad,
        [
            ("address.country", "invalid_country"),
            ("employee_count", "out_of_range")
        ]
    );
}

#[tokio::test]
async fn territories_are_listed_as_any_record() {
    let world = World::new().await;
    for (name, priority) in [("Nordics", 3), ("Iberia", 1), ("Benelux", 2)] {
        let territory = v1::Territory {
            priority,
            ..called(name, rules(&[if priority == 1 { "ES" } else { "NL" }], &[]))
        };
        world.territory(territory).await.unwrap();
    }
    world.elsewhere().territory(called("Theirs", None)).await.unwrap();
    let named = |order: &str, filter: &str, search: &str| ListQuery {
        order_by: order.into(),
        filter: filter.into(),
        search: search.into(),
        ..ListQuery::default()
    };
    let names = |query| world.territory_names(query);
    assert_eq!(
        names(named("-priority", "", "")).await.unwrap(),
        ["Nordics", "Benelux", "Iberia"]
    );
    assert_eq!(
        names(named("name", "priority >= 2", "")).await.unwrap(),
        ["Benelux", "Nordics"]
    );
    assert_eq!(
        names(named("name", "rules.countries:\"ES\"", "")).await.unwrap(),
        ["Iberia"]
    );
    assert_eq!(names(named("", "", "nord")).await.unwrap(), ["Nordics"]);
    let query = ListQuery {
        field_filters: vec![FieldFilter {
            parameter: "colour".into(),
            values: vec!["red".into()],
        }],
        ..named("size", "", "")
    };
    let error = names(query).await.unwrap_err();
    assert_eq!(
        fields(&error),
        [("order_by", "unknown_field"), ("colour", "unknown_parameter")]
    );
}
