//! Scores that change without anybody changing the lead.

use kontor_proto::leads::v1::{
    self, lead_history_service_server::LeadHistoryService, lead_scoring_service_server::LeadScoringService,
    lead_service_server::LeadService,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::world::{World, answer, named};

#[tokio::test(flavor = "multi_thread")]
async fn recency_lapses_by_itself_when_a_lead_ages() {
    let world = World::new().await.with_timers();
    let old = world.create(named("Old")).await.unwrap();
    let young = world.create(named("Young")).await.unwrap();
    assert_eq!(old.score, 10);
    // As an import does that brings a lead along with its age.
    let almost = OffsetDateTime::now_utc() - Duration::days(30) + Duration::seconds(3);
    let mut tx = world.begin().await;
    sqlx::query("update leads.leads set created_at = $3 where company_id = $1 and id = $2")
        .bind(world.company)
        .bind(Uuid::parse_str(&old.id).unwrap())
        .bind(almost)
        .execute(&mut *tx)
        .await
        .unwrap();
    let recency = kontor_leads::service::Recency::default();
    let weights = kontor_leads::scoring::Weights::default();
    recency
        .watch(
            &mut tx,
            world.company,
            almost,
            &weights,
            OffsetDateTime::now_utc(),
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.until_score(&old.id, 0).await;
    assert_eq!(
        world.get(&old.id).await.unwrap().etag,
        old.etag,
        "nobody has changed it"
    );
    assert_eq!(world.get(&young.id).await.unwrap().score, 10);
    // The next one is watched.
    let mut tx = world.begin().await;
    let next: OffsetDateTime =
        sqlx::query_scalar("select due_at from timers where headers ->> 'company' = $1")
            .bind(world.company.to_string())
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    assert!(next > OffsetDateTime::now_utc() + Duration::days(29));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_weights_score_every_lead_in_the_background() {
    let world = World::new().await.with_timers();
    let lead = world.create(named("Weighed")).await.unwrap();
    assert_eq!(lead.score, 10);
    let factors = v1::LeadScoringFactors {
        recency: 42,
        ..v1::LeadScoringFactors::default()
    };
    let scoring = v1::LeadScoring {
        factors: Some(factors),
        window_days: 7,
    };
    let request = world.asks(v1::UpdateLeadScoringRequest {
        scoring: Some(scoring),
    });
    let saved = answer(world.grpc.update_lead_scoring(request).await)
        .unwrap()
        .scoring
        .unwrap();
    assert_eq!(saved, scoring);
    world.until_score(&lead.id, 42).await;
}

#[tokio::test]
async fn the_scores_a_lead_had_are_told_newest_first_with_what_caused_them() {
    let world = World::new().await;
    let lead = world.create(named("Scored")).await.unwrap();
    let phone = v1::Lead {
        phone: Some("+1 555 0100".into()),
        ..v1::Lead::default()
    };
    world.update(&lead.id, phone, &["phone"]).await.unwrap();
    let title = v1::Lead {
        title: Some("Boss".into()),
        ..v1::Lead::default()
    };
    world.update(&lead.id, title, &["title"]).await.unwrap();
    // As time does it.
    let mut tx = world.begin().await;
    sqlx::query("update leads.leads set created_at = created_at - interval '31 days' where company_id = $1")
        .bind(world.company)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let score = world.asks(v1::ScoreLeadRequest {
        id: lead.id.clone(),
        etag: String::new(),
    });
    answer(world.grpc.score_lead(score).await).unwrap();

    let page = async |page_size: i32, page_token: &str| {
        let request = world.asks(v1::ListLeadScoresRequest {
            id: lead.id.clone(),
            page_size,
            page_token: page_token.to_owned(),
        });
        answer(world.grpc.list_lead_scores(request).await).unwrap()
    };
    let all = page(0, "").await;
    let shown: Vec<_> = all
        .scores
        .iter()
        .map(|score| (score.before, score.score, score.cause.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some(15), 5, "rescored"),
            (Some(10), 15, "updated"),
            (None, 10, "created")
        ]
    );
    let total: i32 = all.scores[0].factors.iter().map(|factor| factor.points).sum();
    assert_eq!(total, 5, "the present one shows what it is made of");
    assert_eq!(all.scores[1].by, Some(world.user.to_string()));
    let first = page(1, "").await;
    let second = page(1, &first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    let paged: Vec<_> = first.scores.into_iter().chain(second.scores).collect();
    assert_eq!(paged, all.scores);
}
