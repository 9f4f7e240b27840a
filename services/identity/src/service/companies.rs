//! Companies: founding more, reading and changing them, and what they count in.

use kontor_chassis::{Caller, Error as Failure, FieldErrors};
use time::OffsetDateTime;
use uuid::Uuid;

use super::register::found;
use super::{Identity, as_founder, check_etag, own_session, person_of, session_of};
use crate::error::Error;
use crate::events;
use crate::model::audit::{Deed, Doer};
use crate::model::company::{Company, CompanyChange, Membership, is_currency};
use crate::model::fields::Reader;
use crate::store;

/// The most digits of a rate before and behind its point.
const RATE_DIGITS: (usize, usize) = (10, 10);

/// A company's currency, and what one unit of each other one is worth in it.
pub(crate) struct Currencies {
    pub(crate) currency: String,
    /// Currency and rate, a decimal string.
    pub(crate) rates: Vec<(String, String)>,
}

impl Identity {
    /// The companies that the caller may enter, the first joined first.
    pub(crate) async fn memberships(&self, caller: &Caller) -> Result<Vec<Membership>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        let mut memberships = store::members::of_person(&mut tx, user_id).await?;
        // A program, and a session that a company's provider vouched for, know of no other company.
        match own_session(&mut tx, caller).await {
            Ok(_) => {}
            Err(Error::SessionNeeded | Error::SsoSession) => {
                memberships.retain(|membership| membership.company_id == caller.company_id());
            }
            Err(error) => return Err(error),
        }
        Ok(memberships)
    }

    /// The companies of which the caller is a member, by name.
    pub(crate) async fn companies(&self, caller: &Caller) -> Result<Vec<Company>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        Ok(store::companies::of_member(&mut tx, user_id).await?)
    }

    /// Founds another company with the caller as its admin.
    pub(crate) async fn found_company(
        &self,
        caller: &Caller,
        given: CompanyChange,
        now: OffsetDateTime,
    ) -> Result<Company, Error> {
        let user_id = person_of(caller)?;
        session_of(caller)?;
        let mut reader = Reader::default();
        let given = CompanyChange {
            name: Some(given.name.unwrap_or_default()),
            ..given
        };
        let company = given.read_into(Company::unnamed(Uuid::now_v7(), now), "name", &mut reader);
        reader.finish()?;
        let mut tx = self.db.begin(&as_founder(user_id, company.id)).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        found(&mut tx, &company, &person, now).await?;
        tx.commit().await?;
        Ok(company)
    }

    /// A company that the caller is a member of.
    pub(crate) async fn company(&self, caller: &Caller, id: Uuid) -> Result<Company, Error> {
        let mut tx = self.db.read(caller).await?;
        store::companies::get(&mut tx, id)
            .await?
            .ok_or(Error::NotFound("company"))
    }

    /// Changes the company of the caller's token; with another currency its rates are gone. Another one that the caller is a member of takes a token of its own.
    pub(crate) async fn update_company(
        &self,
        caller: &Caller,
        id: Uuid,
        change: CompanyChange,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Company, Error> {
        let mut tx = self.db.begin(caller).await?;
        let Some(before) = store::companies::lock(&mut tx, id).await? else {
            let is_visible = store::companies::get(&mut tx, id).await?.is_some();
            return Err(if is_visible {
                Failure::forbidden("company:manage").into()
            } else {
                Error::NotFound("company")
            });
        };
        check_etag(etag, before.version)?;
        let after = change.apply(&before, now)?;
        if after != before {
            store::companies::update(&mut tx, &after).await?;
            events::company_changed(&mut tx, &after, caller.user_id()).await?;
            if after.currency != before.currency {
                // A rate is worth in the currency of before: with another one it would make sums that are wrong, and
                // without it they name what they leave out.
                store::companies::replace_rates(&mut tx, id, &[]).await?;
                events::currencies_changed(&mut tx, &after, Vec::new(), caller.user_id()).await?;
            }
            let deed = Deed::on("company", "updated", after.id, after.name.as_str());
            store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
            tx.commit().await?;
        }
        Ok(after)
    }

    /// Says what the caller's company counts in, and what one unit of each other currency is worth in it; whatever is not
    /// named has no rate any more.
    pub(crate) async fn set_currencies(
        &self,
        caller: &Caller,
        given: Currencies,
        now: OffsetDateTime,
    ) -> Result<Currencies, Error> {
        let Currencies { currency, rates } = given;
        check_rates(&currency, &rates)?;
        let change = CompanyChange {
            currency: Some(currency),
            ..CompanyChange::default()
        };
        let company_id = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let before = store::companies::lock(&mut tx, company_id)
            .await?
            .ok_or(Error::NotFound("company"))?;
        // The version counts up with the rates, too: whoever hears of two changes knows which was the later one.
        let after = Company {
            version: before.version + 1,
            updated_at: now,
            ..change.apply(&before, now)?
        };
        store::companies::update(&mut tx, &after).await?;
        store::companies::replace_rates(&mut tx, company_id, &rates).await?;
        let rates = store::companies::rates(&mut tx, company_id).await?;
        if after.currency != before.currency {
            events::company_changed(&mut tx, &after, caller.user_id()).await?;
        }
        events::currencies_changed(&mut tx, &after, rates.clone(), caller.user_id()).await?;
        let deed = Deed::on("company", "updated", after.id, after.name.as_str()).changing(&["currencies"]);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(Currencies {
            currency: after.currency,
            rates,
        })
    }

    /// What the caller's company counts in.
    pub(crate) async fn currencies(&self, caller: &Caller) -> Result<Currencies, Error> {
        let mut tx = self.db.read(caller).await?;
        let company = store::companies::get(&mut tx, caller.company_id())
            .await?
            .ok_or(Error::NotFound("company"))?;
        let rates = store::companies::rates(&mut tx, company.id).await?;
        Ok(Currencies {
            currency: company.currency,
            rates,
        })
    }
}

/// Judges currency and rates, every bad one named by its place.
fn check_rates(currency: &str, rates: &[(String, String)]) -> Result<(), Failure> {
    let mut errors = FieldErrors::new();
    match currency {
        "" => errors.push("currency", "required", "currency is required."),
        code if is_currency(code) => {}
        _ => errors.push("currency", "invalid_currency", NO_CURRENCY),
    }
    for (at, (code, rate)) in rates.iter().enumerate() {
        let place = format!("rates[{at}].currency");
        if !is_currency(code) {
            errors.push(place, "invalid_currency", NO_CURRENCY);
        } else if code == currency {
            errors.push(
                place,
                "own_currency",
                "One unit of the company's own currency is one.",
            );
        } else if rates[..at].iter().any(|(earlier, _)| earlier == code) {
            errors.push(place, "duplicate", "This currency has a rate already.");
        }
        if !is_rate(rate) {
            errors.push(
                format!("rates[{at}].rate"),
                "invalid_rate",
                "A rate is a decimal above zero with at most ten digits before and behind its point.",
            );
        }
    }
    errors.into_result()
}

const NO_CURRENCY: &str = "This is no ISO 4217 currency, as USD is one.";

fn is_rate(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    digits(whole, RATE_DIGITS.0)
        && digits(fraction, RATE_DIGITS.1)
        && text.bytes().any(|b| (b'1'..=b'9').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::is_rate;

    #[test]
    fn a_rate_is_a_plain_decimal_above_zero() {
        for rate in ["1", "0.92", "1234567890.0123456789", "0.0000000001"] {
            assert!(is_rate(rate), "{rate}");
        }
        for rate in [
            "",
            "0",
            "0.000",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e3",
            "1,5",
            "NaN",
            " 1",
            "12345678901",
            "0.12345678901",
        ] {
            assert!(!is_rate(rate), "{rate}");
        }
    }
}
