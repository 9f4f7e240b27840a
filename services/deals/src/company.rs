//! What a company counts in, and by whose clock. Pure.

use std::collections::BTreeMap;

use kontor_proto::records::v1::Money;
use kontor_records::value::amount_text;
use rust_decimal::Decimal;

/// As far as sums and months need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// ISO 4217.
    pub currency: String,
    /// IANA name; its months begin by it.
    pub time_zone: String,
    /// What one unit of another currency is worth in the company's own.
    pub rates: BTreeMap<String, Decimal>,
}

impl Company {
    /// An amount in the company's own currency, exact; none without a rate.
    #[must_use]
    pub fn worth(&self, amount: Decimal, currency: &str) -> Option<Decimal> {
        if currency == self.currency {
            return Some(amount);
        }
        amount.checked_mul(*self.rates.get(currency)?)
    }

    /// An amount that is in the company's own currency already, to 4 places.
    #[must_use]
    pub fn money(&self, amount: Decimal) -> Money {
        money(amount, &self.currency)
    }
}

/// An amount as it is sent, to 4 places.
#[must_use]
pub fn money(amount: Decimal, currency: &str) -> Money {
    Money {
        amount: amount_text(amount.round_dp(4)),
        currency: currency.to_owned(),
    }
}

/// A sum in the company's own currency, and beside it, each in its own, what has no rate and is left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// What could be converted.
    pub converted: Decimal,
    /// What could not, by currency.
    pub unconverted: BTreeMap<String, Decimal>,
}

impl Sum {
    /// Adds an amount; without a currency there is none.
    pub fn add(&mut self, company: &Company, amount: Decimal, currency: Option<&str>) {
        let Some(currency) = currency else { return };
        match company.worth(amount, currency) {
            Some(worth) => self.converted += worth,
            None => *self.unconverted.entry(currency.to_owned()).or_default() += amount,
        }
    }

    /// The whole in the company's own currency; none when something was left out.
    #[must_use]
    pub fn whole(&self, company: &Company) -> Option<Money> {
        self.unconverted.is_empty().then(|| company.money(self.converted))
    }

    /// What was left out.
    #[must_use]
    pub fn left_out(&self) -> Vec<Money> {
        let each = |(currency, amount): (&String, &Decimal)| money(*amount, currency);
        self.unconverted.iter().map(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(amount: &str) -> Decimal {
        amount.parse().unwrap()
    }

    fn company() -> Company {
        Company {
            currency: "EUR".to_owned(),
            time_zone: "UTC".to_owned(),
            rates: BTreeMap::from([("USD".to_owned(), dec("0.92"))]),
        }
    }

    #[test]
    fn an_amount_is_worth_its_rate_and_nothing_known_without_one() {
        assert_eq!(company().worth(dec("100"), "EUR"), Some(dec("100")));
        assert_eq!(company().worth(dec("100"), "USD"), Some(dec("92.00")));
        assert_eq!(company().worth(dec("100"), "CHF"), None);
    }

    #[test]
    fn a_sum_never_mixes_currencies_and_names_what_it_leaves_out() {
        let company = company();
        let mut sum = Sum::default();
        sum.add(&company, dec("50"), Some("EUR"));
        sum.add(&company, dec("100"), Some("USD"));
        sum.add(&company, dec("7"), None);
        assert_eq!(sum.whole(&company), Some(money(dec("142.00"), "EUR")));
        sum.add(&company, dec("5"), Some("CHF"));
        assert_eq!(sum.whole(&company), None);
        assert_eq!(company.money(sum.converted), money(dec("142.00"), "EUR"));
        assert_eq!(sum.left_out(), [money(dec("5"), "CHF")]);
    }
}
