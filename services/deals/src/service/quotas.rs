//! What members are to sell.

use std::collections::HashSet;

use kontor_chassis::{Caller, Error, FieldErrors, Kind};
use kontor_proto::{deals::v1, records::v1::Money};
use kontor_records::{
    Record, Value,
    implied::MEMBER,
    refs,
    setup::{self, Deed},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Deals;
use crate::{
    model::Deal,
    month::{Month, Span},
    store::quotas::{self, Quota},
};

/// The most quotas that are set at once.
const MOST: usize = 1000;

impl Deals {
    /// The quotas of a span.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn quotas(&self, caller: &Caller, from: &str, to: &str) -> Result<Vec<Quota>, Error> {
        caller.require("pipelines:read")?;
        let mut errors = FieldErrors::new();
        let span = Span::read(from, to, &mut errors);
        errors.into_result()?;
        let mut tx = self.db.read(caller).await?;
        Ok(quotas::list(&mut tx, caller.company_id(), span).await?)
    }

    /// Sets quotas; those not named stay as they are. Answers all there are.
    ///
    /// # Errors
    /// Invalid names every bad field; Refused every owner who is no active member.
    pub async fn set_quotas(
        &self,
        caller: &Caller,
        given: Vec<v1::Quota>,
        now: OffsetDateTime,
    ) -> Result<Vec<Quota>, Error> {
        caller.require("pipelines:manage")?;
        let quotas = read(given)?;
        let company = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let mut unknown = FieldErrors::new();
        let mut known: HashSet<Uuid> = caller.user_id().into_iter().collect();
        for (at, quota) in quotas.iter().enumerate() {
            let owner = quota.owner_id;
            if known.contains(&owner) || refs::is_there(&mut tx, caller, MEMBER, owner, &self.homes).await? {
                known.insert(owner);
            } else {
                unknown.push(
                    format!("quotas[{at}].owner_id"),
                    "unknown_reference",
                    "There is no such member.",
                );
            }
        }
        if !unknown.is_empty() {
            return Err(unknown.into_error(Kind::Refused));
        }
        quotas::put(&mut tx, company, &quotas).await?;
        let deed = Deed {
            resource: "quotas",
            action: "updated",
            id: &company.to_string(),
            name: "",
        };
        setup::note(&mut tx, caller, deed, now).await?;
        let all = quotas::list(&mut tx, company, Span::default()).await?;
        tx.commit().await?;
        Ok(all)
    }
}

fn read(given: Vec<v1::Quota>) -> Result<Vec<Quota>, Error> {
    let mut errors = FieldErrors::new();
    if given.len() > MOST {
        errors.push("quotas", "too_many", format!("At most {MOST} quotas at once."));
        errors.into_result()?;
        return Ok(Vec::new());
    }
    let mut seen = HashSet::new();
    let mut quotas = Vec::with_capacity(given.len());
    for (at, quota) in given.into_iter().enumerate() {
        let path = |field: &str| format!("quotas[{at}].{field}");
        let v1::Quota {
            owner_id,
            month,
            amount,
        } = quota;
        let owner = part("owner_id", path("owner_id"), owner_id, &mut errors);
        let month = Month::parse(&month);
        if month.is_none() {
            errors.push(path("month"), "invalid_date", "Write a month as YYYY-MM.");
        }
        let Money { amount, currency } = amount.unwrap_or_default();
        let amount = part("amount", path("amount.amount"), amount, &mut errors);
        let currency = part("amount_currency", path("amount.currency"), currency, &mut errors);
        let (
            Some(Value::Id(owner_id)),
            Some(month),
            Some(Value::Decimal(amount)),
            Some(Value::Text(amount_currency)),
        ) = (owner, month, amount, currency)
        else {
            continue;
        };
        if !seen.insert((owner_id, month.first_day())) {
            errors.push(
                format!("quotas[{at}]"),
                "duplicate_key",
                "This month of this member stands there twice.",
            );
        }
        quotas.push(Quota {
            owner_id,
            month: month.first_day(),
            amount,
            amount_currency,
        });
    }
    errors.into_result()?;
    Ok(quotas)
}

/// A required value, judged as this leaf of deals is.
fn part(leaf: &str, path: String, text: String, errors: &mut FieldErrors) -> Option<Value> {
    let leaf = Deal::description().find(leaf)?;
    match leaf.admit(Value::Text(text)) {
        Ok(Value::Null) => errors.push(path, "required", "This is required."),
        Ok(value) => return Some(value),
        Err(fault) => errors.push(path, fault.code, fault.message),
    }
    None
}
