//! `LeadScoringService`.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_scoring_service_server::LeadScoringService};
use tonic::{Request, Response};

use super::{Answer, Grpc, now};
use crate::scoring::Weights;

#[tonic::async_trait]
impl LeadScoringService for Grpc {
    async fn get_lead_scoring(
        &self,
        request: Request<v1::GetLeadScoringRequest>,
    ) -> Answer<v1::GetLeadScoringResponse> {
        let caller = Caller::of(&request)?;
        let weights = self.leads.scoring(&caller).await?;
        Ok(Response::new(v1::GetLeadScoringResponse {
            scoring: Some(encode(weights)),
        }))
    }

    async fn update_lead_scoring(
        &self,
        request: Request<v1::UpdateLeadScoringRequest>,
    ) -> Answer<v1::UpdateLeadScoringResponse> {
        let caller = Caller::of(&request)?;
        let weights = decode(request.into_inner().scoring.unwrap_or_default());
        let weights = self.leads.set_scoring(&caller, weights, now()).await?;
        Ok(Response::new(v1::UpdateLeadScoringResponse {
            scoring: Some(encode(weights)),
        }))
    }
}

fn encode(weights: Weights) -> v1::LeadScoring {
    let Weights {
        email,
        phone,
        company,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
        window_days,
    } = weights;
    let factors = v1::LeadScoringFactors {
        email,
        phone,
        company,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
    };
    v1::LeadScoring {
        factors: Some(factors),
        window_days,
    }
}

/// A window of 0 days, which proto3 can't tell from none, is the usual one.
fn decode(scoring: v1::LeadScoring) -> Weights {
    let v1::LeadScoring { factors, window_days } = scoring;
    let v1::LeadScoringFactors {
        email,
        phone,
        company,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
    } = factors.unwrap_or_default();
    Weights {
        email,
        phone,
        company,
        industry,
        revenue,
        budget,
        rating_hot,
        rating_warm,
        engagement_each,
        engagement_max,
        recency,
        window_days: if window_days == 0 {
            Weights::default().window_days
        } else {
            window_days
        },
    }
}
