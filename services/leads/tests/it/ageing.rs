//! Scores that change without anybody changing the lead.

use kontor_proto::leads::v1::{self, lead_scoring_service_server::LeadScoringService};
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
