//! Making, reading, changing and listing leads.

use kontor_chassis::Kind;
use kontor_leads::scoring::Weights;
use kontor_proto::{
    leads::v1::{
        self, lead_history_service_server::LeadHistoryService,
        lead_scoring_service_server::LeadScoringService, lead_service_server::LeadService,
    },
    records::v1::{FieldFilter, ListQuery, Money},
};
use uuid::Uuid;

use crate::world::{World, answer, fields, named};

fn money(amount: &str) -> Option<Money> {
    Some(Money {
        amount: amount.to_owned(),
        currency: "USD".to_owned(),
    })
}

fn promising() -> v1::Lead {
    v1::Lead {
        first_name: Some("Ada".into()),
        last_name: "Lovelace".into(),
        email: Some("ada@example.com".into()),
        mobile: Some("+44 20 7946 0000".into()),
        company_name: Some("Analytical Engines".into()),
        industry: Some("Computing".into()),
        annual_revenue: money("0"),
        budget: money("50000"),
        rating: Some(v1::LeadRating::Hot.into()),
        ..v1::Lead::default()
    }
}

#[tokio::test]
async fn a_new_lead_is_scored_owned_by_its_maker_and_told() {
    let world = World::new().await;
    let lead = world.create(promising()).await.unwrap();
    assert_eq!(lead.full_name, "Ada Lovelace");
    assert_eq!(lead.status(), v1::LeadStatus::New);
    assert_eq!(lead.score, 85, "all but engagement");
    assert_eq!(lead.owner_id, Some(world.user.to_string()));
    assert_eq!(world.get(&lead.id).await.unwrap(), lead);
    let told = world.told::<v1::LeadsChanged>().await;
    assert_eq!(told[0].changes[0].name, "Ada Lovelace");
    assert_eq!(told[0].changes[0].action, "created");
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let world = World::new().await;
    let lead = v1::Lead {
        email: Some("nobody".into()),
        owner_id: Some("me?".into()),
        ..v1::Lead::default()
    };
    let error = world.create(lead).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let mut named: Vec<_> = fields(&error)
        .into_iter()
        .map(|(field, _)| field.to_owned())
        .collect();
    named.sort();
    assert_eq!(named, ["email", "last_name", "owner_id"]);
}

#[tokio::test]
async fn a_change_scores_again_and_is_remembered_field_by_field() {
    let world = World::new().await;
    let lead = world.create(promising()).await.unwrap();
    let cold = v1::Lead {
        rating: Some(v1::LeadRating::Cold.into()),
        ..v1::Lead::default()
    };
    let changed = world
        .update_if(&lead.id, cold, &["rating", "budget"], &lead.etag)
        .await
        .unwrap();
    assert_eq!(changed.score, 50);
    assert_eq!(changed.budget, None);
    assert_ne!(changed.etag, lead.etag);
    let request = v1::ListLeadHistoryRequest {
        id: lead.id.clone(),
        ..v1::ListLeadHistoryRequest::default()
    };
    let history = answer(world.grpc.list_lead_history(world.asks(request)).await).unwrap();
    let mut fields: Vec<_> = history
        .changes
        .iter()
        .filter_map(|change| change.field.as_deref())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["budget", "budget_currency", "rating", "score"]);
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let world = World::new().await;
    let lead = world.create(named("Stale")).await.unwrap();
    let title = |title: &str| v1::Lead {
        title: Some(title.into()),
        ..v1::Lead::default()
    };
    world.update(&lead.id, title("first"), &["title"]).await.unwrap();
    let error = world
        .update_if(&lead.id, title("second"), &["title"], &lead.etag)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Stale);
    assert_eq!(world.get(&lead.id).await.unwrap().title.as_deref(), Some("first"));
}

#[tokio::test]
async fn another_company_finds_no_lead_and_changes_none() {
    let world = World::new().await;
    let lead = world.create(named("Mine")).await.unwrap();
    let other = world.elsewhere();
    assert_eq!(other.get(&lead.id).await.unwrap_err().kind(), Kind::NotFound);
    let error = other
        .update(&lead.id, named("Yours"), &["last_name"])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(other.delete(&lead.id).await.unwrap_err().kind(), Kind::NotFound);
    let convert = v1::ConvertLeadRequest {
        id: lead.id.clone(),
        ..v1::ConvertLeadRequest::default()
    };
    assert_eq!(other.convert(convert).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(world.get(&lead.id).await.unwrap(), lead);
}

#[tokio::test]
async fn a_deleted_lead_is_gone_until_it_is_restored() {
    let world = World::new().await;
    let lead = world.create(promising()).await.unwrap();
    world.delete(&lead.id).await.unwrap();
    assert_eq!(world.get(&lead.id).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(world.delete(&lead.id).await.unwrap_err().kind(), Kind::NotFound);
    let request = v1::RestoreLeadRequest {
        id: lead.id.clone(),
        etag: String::new(),
    };
    let restored = answer(world.grpc.restore_lead(world.asks(request)).await)
        .unwrap()
        .lead
        .unwrap();
    assert_eq!((restored.score, restored.deleted_at), (lead.score, None));
}

#[tokio::test]
async fn leads_are_listed_by_filter_and_order() {
    let world = World::new().await;
    for (name, rating) in [
        ("Alpha", v1::LeadRating::Hot),
        ("Beta", v1::LeadRating::Warm),
        ("Gamma", v1::LeadRating::Hot),
    ] {
        world
            .create(v1::Lead {
                rating: Some(rating.into()),
                ..named(name)
            })
            .await
            .unwrap();
    }
    let query = ListQuery {
        order_by: "-last_name".into(),
        filter: "score >= 10".into(),
        field_filters: vec![FieldFilter {
            parameter: "rating".into(),
            values: vec!["hot".into()],
        }],
        ..ListQuery::default()
    };
    let request = world.asks(v1::ListLeadsRequest { query: Some(query) });
    let page = answer(world.grpc.list_leads(request).await).unwrap();
    let names: Vec<_> = page.leads.iter().map(|lead| lead.last_name.as_str()).collect();
    assert_eq!((names, page.total_size), (vec!["Gamma", "Alpha"], Some(2)));
}

#[tokio::test]
async fn a_score_names_every_factor_in_the_order_of_the_documentation() {
    let world = World::new().await;
    let lead = world.create(promising()).await.unwrap();
    let request = v1::ScoreLeadRequest {
        id: lead.id,
        etag: String::new(),
    };
    let score = answer(world.grpc.score_lead(world.asks(request)).await).unwrap();
    assert_eq!((score.score, score.rating()), (85, v1::LeadRating::Hot));
    let factors: Vec<_> = score
        .factors
        .iter()
        .map(|f| (f.factor.as_str(), f.points, f.max_points))
        .collect();
    let expected = [
        ("email", 10, 10),
        ("phone", 5, 5),
        ("company", 10, 10),
        ("industry", 5, 5),
        ("revenue", 10, 10),
        ("budget", 15, 15),
        ("rating", 20, 20),
        ("engagement", 0, 15),
        ("recency", 10, 10),
    ];
    assert_eq!(factors, expected);
}

#[tokio::test]
async fn statistics_count_what_the_filter_means() {
    let world = World::new().await;
    world.create(promising()).await.unwrap();
    world.create(named("Plain")).await.unwrap();
    let request = world.asks(v1::GetLeadStatsRequest::default());
    let stats = answer(world.grpc.get_lead_stats(request).await).unwrap();
    assert_eq!(stats.total, 2);
    assert_eq!(
        (stats.by_status[0].value.as_deref(), stats.by_status[0].count),
        (Some("new"), 2)
    );
    let bins: Vec<_> = stats
        .score_histogram
        .iter()
        .filter(|bin| bin.count > 0)
        .map(|bin| bin.from)
        .collect();
    assert_eq!(bins, [10, 80]);
    assert!((stats.conversion_rate, stats.median_days_to_convert) == (0.0, None));
}

#[tokio::test]
async fn an_owner_who_is_nobody_known_is_refused_unless_identity_is_away() {
    let world = World::new().await;
    let lead = world.create(named("Owned")).await.unwrap();
    let request = v1::AssignLeadOwnerRequest {
        id: lead.id.clone(),
        owner_id: Uuid::now_v7().to_string(),
        etag: String::new(),
    };
    // Identity isn't up in this test.
    let error = answer(world.grpc.assign_lead_owner(world.asks(request)).await).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let request = v1::AssignLeadOwnerRequest {
        id: lead.id,
        owner_id: world.user.to_string(),
        etag: String::new(),
    };
    let owned = answer(world.grpc.assign_lead_owner(world.asks(request)).await)
        .unwrap()
        .lead
        .unwrap();
    assert_eq!(owned.owner_id, Some(world.user.to_string()));
}

#[tokio::test]
async fn weights_are_the_documented_ones_until_the_company_has_its_own() {
    let world = World::new().await;
    let request = world.asks(v1::GetLeadScoringRequest {});
    let scoring = answer(world.grpc.get_lead_scoring(request).await)
        .unwrap()
        .scoring
        .unwrap();
    assert_eq!(scoring.window_days, 30);
    assert_eq!(scoring.factors.unwrap().rating_hot, Weights::default().rating_hot);

    let wrong = v1::LeadScoringFactors {
        email: 101,
        ..v1::LeadScoringFactors::default()
    };
    let request = v1::UpdateLeadScoringRequest {
        scoring: Some(v1::LeadScoring {
            factors: Some(wrong),
            window_days: 400,
        }),
    };
    let error = answer(world.grpc.update_lead_scoring(world.asks(request)).await).unwrap_err();
    assert_eq!(
        fields(&error),
        [("factors.email", "out_of_range"), ("window_days", "out_of_range")]
    );
}
