//! What companies count in: heard from identity, and asked for there when nothing was heard yet.

use std::collections::BTreeMap;

use kontor_chassis::{Caller, Error, TenantTx};
use kontor_proto::identity::v1::{CompanyChanged, CompanyCreated, CurrenciesChanged, CurrencyRate};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Deals;
use crate::{company::Company, store::companies};

impl Deals {
    /// What the caller's company counts in.
    ///
    /// # Errors
    /// As the database fails; as identity fails, when nothing was heard of the company yet.
    pub async fn company(&self, caller: &Caller) -> Result<Company, Error> {
        let id = caller.company_id();
        let mut tx = self.db.read(caller).await?;
        if let Some(company) = companies::get(&mut tx, id).await? {
            return Ok(company);
        }
        drop(tx);
        let (company, rates) = self.homes.company(caller).await?;
        let mut tx = self.db.begin(caller).await?;
        companies::put(&mut tx, id, &company.currency, &company.time_zone, 0).await?;
        companies::put_rates(&mut tx, id, &company.currency, &read(&rates)?, 0).await?;
        let known = companies::get(&mut tx, id).await?;
        tx.commit().await?;
        known.ok_or_else(|| Error::internal("a company that was kept is not there"))
    }
}

/// A company was founded.
///
/// # Errors
/// As the database fails.
pub async fn founded(tx: &mut TenantTx, company: Uuid, event: &CompanyCreated) -> Result<(), Error> {
    companies::put(tx, company, &event.currency, &event.time_zone, 1).await?;
    companies::put_rates(tx, company, &event.currency, &BTreeMap::new(), 1).await?;
    Ok(())
}

/// A company was changed.
///
/// # Errors
/// As the database fails.
pub async fn changed(tx: &mut TenantTx, company: Uuid, event: &CompanyChanged) -> Result<(), Error> {
    companies::put(tx, company, &event.currency, &event.time_zone, event.version).await?;
    Ok(())
}

/// What a company counts in was set.
///
/// # Errors
/// Internal for a rate that is no number; as the database fails.
pub async fn counts_in(tx: &mut TenantTx, company: Uuid, event: &CurrenciesChanged) -> Result<(), Error> {
    let rates = read(&event.rates)?;
    companies::put_rates(tx, company, &event.currency, &rates, event.version).await?;
    Ok(())
}

fn read(rates: &[CurrencyRate]) -> Result<BTreeMap<String, Decimal>, Error> {
    rates
        .iter()
        .map(|CurrencyRate { currency, rate }| {
            let rate = rate.parse().map_err(|error| {
                Error::internal(format!("the rate {rate} of {currency} is no number: {error}"))
            })?;
            Ok((currency.clone(), rate))
        })
        .collect()
}
