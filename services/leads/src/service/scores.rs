//! The scores that a lead had: read out of its history.

use kontor_chassis::{Caller, Error};
use kontor_proto::leads::v1;
use kontor_records::{
    Record, history,
    write::{self, Which},
};
use time::OffsetDateTime;

use super::{ACTIVITIES, Leads};
use crate::{
    conversion::timestamp,
    model::Lead,
    scoring::{self, Factor, Score},
};

impl Leads {
    /// A page of the scores of a lead, newest first. The last one is the score it was made with.
    ///
    /// # Errors
    /// NotFound; Invalid for a bad page.
    pub async fn scores(
        &self,
        caller: &Caller,
        request: &v1::ListLeadScoresRequest,
        now: OffsetDateTime,
    ) -> Result<v1::ListLeadScoresResponse, Error> {
        let v1::ListLeadScoresRequest {
            id,
            page_size,
            page_token,
        } = request;
        let id = write::parse_id(id)?;
        let mut tx = self.db.read(caller).await?;
        let weights = self.weights.of(&mut tx, caller.company_id()).await?;
        let page = history::of_field::<Lead>(&mut tx, caller, id, "score", *page_size, page_token).await?;
        let lead: Option<Lead> = write::find(&mut tx, caller, id, Which::Any).await?;
        let lead = lead.ok_or_else(|| Error::not_found(Lead::description().one))?;
        let mut scores: Vec<v1::LeadScore> = page
            .changes
            .into_iter()
            .map(|change| v1::LeadScore {
                at: change.at,
                score: number(change.new.as_deref()).unwrap_or_default(),
                factors: Vec::new(),
                before: number(change.old.as_deref()),
                cause: change.action,
                by: change.by,
            })
            .collect();
        if page.next_page_token.is_empty() {
            let first = match scores.last() {
                Some(oldest) => oldest.before,
                // A later page that is empty doesn't know; the first one does.
                None if page_token.is_empty() => Some(lead.score),
                None => None,
            };
            scores.extend(first.map(|score| v1::LeadScore {
                at: Some(timestamp(lead.created_at)),
                score,
                factors: Vec::new(),
                before: None,
                cause: "created".to_owned(),
                by: lead.created_by.map(|id| id.to_string()),
            }));
        }
        let Score { total, factors } = scoring::score(&lead.known(ACTIVITIES), &weights, now);
        if let Some(present) = scores
            .first_mut()
            .filter(|score| page_token.is_empty() && score.score == total)
        {
            present.factors = factors.into_iter().map(Into::into).collect();
        }
        Ok(v1::ListLeadScoresResponse {
            scores,
            next_page_token: page.next_page_token,
        })
    }
}

fn number(text: Option<&str>) -> Option<i32> {
    text?.parse().ok()
}

impl From<Factor> for v1::ScoreFactor {
    fn from(factor: Factor) -> Self {
        let Factor {
            factor,
            points,
            max_points,
            reason,
        } = factor;
        Self {
            factor: factor.to_owned(),
            points,
            max_points,
            reason,
        }
    }
}
