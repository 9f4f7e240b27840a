//! What a conversion would do: asked of those who would do it, with nothing saved.

use kontor_chassis::{Caller, Error};
use kontor_proto::{leads::v1, records::v1::SagaPlan};
use kontor_records::write;
use time::OffsetDateTime;

use super::{Leads, Wish};
use crate::{
    conversion::Linked,
    error,
    events::{account_step, contact_step, deal_step},
    model::Lead,
    states::{self, Step},
};

impl Wish {
    /// Reads the request of a preview.
    ///
    /// # Errors
    /// As [`Wish::of`].
    pub fn of_preview(request: v1::PreviewLeadConversionRequest) -> Result<Self, Error> {
        let v1::PreviewLeadConversionRequest {
            id,
            account_id,
            contact_id,
            create_deal,
            deal,
            owner_id,
            deal_id,
            fill,
        } = request;
        Self::of(v1::ConvertLeadRequest {
            id,
            account_id,
            contact_id,
            create_deal,
            deal,
            owner_id,
            wait_seconds: None,
            deal_id,
            fill,
            etag: String::new(),
        })
    }
}

impl Leads {
    /// What a conversion would do.
    ///
    /// # Errors
    /// NotFound, Forbidden; Conflict when its state doesn't allow it; Refused for something given that isn't there, and for a
    /// record that could not be made; Unavailable when one of the other services is away.
    pub async fn preview(
        &self,
        caller: &Caller,
        wish: &Wish,
        now: OffsetDateTime,
    ) -> Result<v1::PreviewLeadConversionResponse, Error> {
        let mut tx = self.db.read(caller).await?;
        let lead: Lead = write::get(&mut tx, caller, wish.lead_id).await?;
        write::may(&mut tx, caller, "convert", &lead).await?;
        drop(tx);
        let state = lead.status;
        states::after(state, Step::Convert).ok_or(error::Error::WrongState {
            state,
            step: Step::Convert,
        })?;
        self.homes.check(caller, wish.given).await?;
        let mut conversion = wish.conversion(caller, &lead, now);
        let account = self.homes.plan_account(caller, account_step(&conversion)).await?;
        conversion.account = linked(&account)?;
        let contact = self.homes.plan_contact(caller, contact_step(&conversion)).await?;
        conversion.contact = linked(&contact)?;
        let deal = match conversion.plan.new_deal_id {
            Some(_) => Some(self.homes.plan_deal(caller, deal_step(&conversion)).await?),
            None => None,
        };
        Ok(v1::PreviewLeadConversionResponse {
            account: Some(shown(account)),
            contact: Some(shown(contact)),
            deal: deal.map(shown),
        })
    }
}

/// The record that would be linked; one that would be made is not there yet.
fn linked(plan: &SagaPlan) -> Result<Option<Linked>, Error> {
    let id = plan.id.as_deref().map(write::parse_id).transpose()?;
    Ok(id.map(|id| Linked {
        id,
        matched_existing: true,
        undone: false,
    }))
}

fn shown(plan: SagaPlan) -> v1::ConversionPlan {
    let SagaPlan {
        id,
        candidates,
        writes,
    } = plan;
    let action = if id.is_some() {
        v1::ConversionPlanAction::Link
    } else {
        v1::ConversionPlanAction::Create
    };
    let candidates = candidates.into_iter().map(|fits| v1::ConversionCandidate {
        id: fits.id,
        name: fits.name,
        reason: fits.reason,
        score: fits.score,
    });
    let writes = writes.into_iter().map(|write| v1::ConversionWrite {
        field: write.field,
        from: write.from,
        to: write.to,
    });
    v1::ConversionPlan {
        action: action.into(),
        id,
        candidates: candidates.collect(),
        writes: writes.collect(),
    }
}
