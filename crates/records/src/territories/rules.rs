//! What a territory wants of a record. Pure.

use crate::field::{Address, Money};

/// What belongs to a territory. Every kind of rule that says something must hold; of the values of one kind, one must.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// ISO 3166-1 alpha-2.
    pub countries: Vec<String>,
    /// States, without case.
    pub states: Vec<String>,
    /// Beginnings of postal codes, without case and blanks.
    pub postal_prefixes: Vec<String>,
    /// Industries, without case.
    pub industries: Vec<String>,
    /// At least so many employees.
    pub employees_min: Option<i64>,
    /// At most so many.
    pub employees_max: Option<i64>,
    /// At least this yearly revenue. An amount in another currency is neither more nor less.
    pub revenue_min: Option<Money>,
    /// At most this yearly revenue.
    pub revenue_max: Option<Money>,
}

/// What of a record decides where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts<'r> {
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'r str>,
    /// State, province or region.
    pub state: Option<&'r str>,
    /// Postal code.
    pub postal_code: Option<&'r str>,
    /// Its industry.
    pub industry: Option<&'r str>,
    /// Its employees.
    pub employees: Option<i64>,
    /// Its yearly revenue.
    pub revenue: Option<&'r Money>,
}

impl<'r> Facts<'r> {
    /// Of a record with this address and these figures.
    #[must_use]
    pub fn of(
        address: &'r Address,
        industry: Option<&'r str>,
        employees: Option<i64>,
        revenue: Option<&'r Money>,
    ) -> Self {
        Self {
            country: address.country.as_deref(),
            state: address.state.as_deref(),
            postal_code: address.postal_code.as_deref(),
            industry,
            employees,
            revenue,
        }
    }
}

impl Rules {
    /// Whether the record belongs here. Without any rule, every record does.
    #[must_use]
    pub fn hold(&self, facts: &Facts<'_>) -> bool {
        self.verdicts(facts).into_iter().flatten().all(|holds| holds)
    }

    /// How many kinds of rule say something: the more there are, the more specific the territory is.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.verdicts(&Facts::default()).into_iter().flatten().count()
    }

    /// What each kind says of the record; nothing when the territory has no rule of that kind.
    fn verdicts(&self, facts: &Facts<'_>) -> [Option<bool>; 6] {
        let Self {
            countries,
            states,
            postal_prefixes,
            industries,
            employees_min,
            employees_max,
            revenue_min,
            revenue_max,
        } = self;
        let listed = |values: &[String], fact: Option<&str>| {
            (!values.is_empty()).then(|| fact.is_some_and(|fact| same(values, fact)))
        };
        let bounded = |has_bound: bool, within: bool| has_bound.then_some(within);
        [
            listed(countries, facts.country),
            listed(states, facts.state),
            (!postal_prefixes.is_empty()).then(|| {
                facts
                    .postal_code
                    .is_some_and(|code| begins(postal_prefixes, code))
            }),
            listed(industries, facts.industry),
            bounded(
                employees_min.is_some() || employees_max.is_some(),
                facts.employees.is_some_and(|count| {
                    employees_min.is_none_or(|least| count >= least)
                        && employees_max.is_none_or(|most| count <= most)
                }),
            ),
            bounded(
                revenue_min.is_some() || revenue_max.is_some(),
                facts.revenue.is_some_and(|revenue| {
                    let comparable = |bound: &Money| bound.currency == revenue.currency;
                    revenue_min
                        .as_ref()
                        .is_none_or(|least| comparable(least) && revenue.amount >= least.amount)
                        && revenue_max
                            .as_ref()
                            .is_none_or(|most| comparable(most) && revenue.amount <= most.amount)
                }),
            ),
        ]
    }

    /// The rule that such a record meets, in words: `country is DE and at least 50 employees`.
    #[must_use]
    pub fn words(&self, facts: &Facts<'_>) -> String {
        let mut words = Vec::new();
        let mut say = |said: bool, text: String| {
            if said {
                words.push(text);
            }
        };
        let fact = |fact: Option<&str>| fact.unwrap_or_default().to_owned();
        say(
            !self.countries.is_empty(),
            format!("country is {}", fact(facts.country)),
        );
        say(!self.states.is_empty(), format!("state is {}", fact(facts.state)));
        if let Some(code) = facts.postal_code
            && let Some(prefix) = self
                .postal_prefixes
                .iter()
                .find(|prefix| begins_with(code, prefix))
        {
            say(true, format!("postal code begins with {prefix}"));
        }
        say(
            !self.industries.is_empty(),
            format!("industry is {}", fact(facts.industry)),
        );
        if let Some(bounds) = bounds(self.employees_min, self.employees_max) {
            say(true, format!("{bounds} employees"));
        }
        let amount = |money: &Option<Money>| {
            money
                .as_ref()
                .map(|money| crate::value::amount_text(money.amount))
        };
        if let Some(bounds) = bounds(amount(&self.revenue_min), amount(&self.revenue_max)) {
            let currency = self.revenue_min.as_ref().or(self.revenue_max.as_ref());
            let currency = currency.map_or("", |money| money.currency.as_str());
            say(true, format!("revenue of {bounds} {currency}"));
        }
        if words.is_empty() {
            "every record".to_owned()
        } else {
            words.join(" and ")
        }
    }
}

/// Whether one of the values is the fact, without case.
fn same(values: &[String], fact: &str) -> bool {
    let fact = fact.trim().to_lowercase();
    values.iter().any(|value| value.trim().to_lowercase() == fact)
}

fn begins(prefixes: &[String], code: &str) -> bool {
    prefixes.iter().any(|prefix| begins_with(code, prefix))
}

/// People write postal codes in either case and with blanks where they like.
fn begins_with(code: &str, prefix: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect()
    };
    plain(code).starts_with(&plain(prefix))
}

fn bounds<T: std::fmt::Display>(least: Option<T>, most: Option<T>) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    fn money(amount: &str, currency: &str) -> Money {
        Money {
            amount: amount.parse().unwrap(),
            currency: currency.to_owned(),
        }
    }

    #[test]
    fn kinds_of_rule_are_anded_values_of_one_kind_ored_and_bounds_inclusive() {
        let (low, high, foreign) = (money("1000", "EUR"), money("5000", "EUR"), money("2000", "USD"));
        let berlin = Facts {
            country: Some("DE"),
            state: Some("Berlin"),
            postal_code: Some("10 115"),
            industry: Some("Software"),
            employees: Some(50),
            revenue: Some(&low),
        };
        let rules = |change: fn(&mut Rules)| {
            let mut rules = Rules::default();
            change(&mut rules);
            rules
        };
        for (rules, holds, why) in [
            (rules(|_| {}), true, "no rule keeps nothing out"),
            (
                rules(|r| r.countries = list(&["FR", "DE"])),
                true,
                "one of several countries",
            ),
            (rules(|r| r.countries = list(&["FR"])), false, "another country"),
            (
                rules(|r| r.states = list(&["berlin"])),
                true,
                "states are without case",
            ),
            (
                rules(|r| r.industries = list(&["SOFTWARE"])),
                true,
                "industries are without case",
            ),
            (
                rules(|r| r.postal_prefixes = list(&["8", "101"])),
                true,
                "one of several prefixes, blanks aside",
            ),
            (
                rules(|r| r.postal_prefixes = list(&["115"])),
                false,
                "not in the middle of the code",
            ),
            (
                rules(|r| r.employees_min = Some(50)),
                true,
                "the lower bound counts",
            ),
            (
                rules(|r| r.employees_min = Some(51)),
                false,
                "below the lower bound",
            ),
            (
                rules(|r| r.employees_max = Some(50)),
                true,
                "the upper bound counts",
            ),
            (
                rules(|r| r.employees_max = Some(49)),
                false,
                "above the upper bound",
            ),
            (
                rules(|r| {
                    r.countries = list(&["DE"]);
                    r.industries = list(&["Banking"]);
                }),
                false,
                "one kind that doesn't hold is enough",
            ),
        ] {
            assert_eq!(rules.hold(&berlin), holds, "{why}");
        }
        let between = Rules {
            revenue_min: Some(low.clone()),
            revenue_max: Some(high.clone()),
            ..Rules::default()
        };
        for (revenue, holds) in [
            (Some(&low), true),
            (Some(&high), true),
            (Some(&money("5000.01", "EUR")), false),
            (Some(&foreign), false),
            (None, false),
        ] {
            assert_eq!(between.hold(&Facts { revenue, ..berlin }), holds, "{revenue:?}");
        }
    }

    #[test]
    fn what_a_record_does_not_say_meets_no_rule() {
        for rules in [
            Rules {
                countries: list(&["DE"]),
                ..Rules::default()
            },
            Rules {
                states: list(&["Berlin"]),
                ..Rules::default()
            },
            Rules {
                postal_prefixes: list(&["1"]),
                ..Rules::default()
            },
            Rules {
                industries: list(&["Software"]),
                ..Rules::default()
            },
            Rules {
                employees_max: Some(9),
                ..Rules::default()
            },
            Rules {
                revenue_max: Some(money("9", "EUR")),
                ..Rules::default()
            },
        ] {
            assert!(!rules.hold(&Facts::default()), "{rules:?}");
            assert_eq!(rules.kinds(), 1, "{rules:?}");
        }
    }

    #[test]
    fn a_pair_of_bounds_is_one_kind_of_rule() {
        let rules = Rules {
            employees_min: Some(1),
            employees_max: Some(9),
            countries: list(&["DE", "FR"]),
            ..Rules::default()
        };
        assert_eq!(rules.kinds(), 2);
    }

    #[test]
    fn a_rule_is_told_in_words() {
        let revenue = money("2000", "EUR");
        let facts = Facts {
            country: Some("DE"),
            postal_code: Some("80331"),
            employees: Some(60),
            revenue: Some(&revenue),
            ..Facts::default()
        };
        let rules = Rules {
            countries: list(&["AT", "DE"]),
            postal_prefixes: list(&["9", "80"]),
            employees_min: Some(50),
            revenue_min: Some(money("1000.5000", "EUR")),
            revenue_max: Some(money("3000", "EUR")),
            ..Rules::default()
        };
        assert_eq!(
            rules.words(&facts),
            "country is DE and postal code begins with 80 and at least 50 employees and revenue of 1000.50 to 3000 EUR"
        );
        assert_eq!(Rules::default().words(&facts), "every record");
    }
}
