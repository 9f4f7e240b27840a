//! The forecast: what is thought to be sold, and what was, against the quotas.

use std::collections::BTreeMap;

use kontor_chassis::{Caller, Error, FieldErrors, Scope};
use kontor_proto::{deals::v1, records::v1::ListQuery};
use kontor_records::{Choice, Record, query::Selection};
use uuid::Uuid;

use super::Deals;
use crate::{
    company::{Company, Sum},
    model::{Deal, ForecastCategory},
    month::{Month, Span},
    store::{
        quotas::{self, Quota},
        sums,
    },
};

/// What a forecast is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Groups {
    month: bool,
    owner: bool,
    category: bool,
}

impl Groups {
    fn read(text: &str, errors: &mut FieldErrors) -> Self {
        let words: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        for word in &words {
            if !["month", "owner", "category"].contains(word) {
                errors.push(
                    "group_by",
                    "unknown_value",
                    format!("{word} is none of month, owner and category."),
                );
            }
        }
        let by = |word| words.is_empty() || words.contains(&word);
        Self {
            month: by("month"),
            owner: by("owner"),
            category: by("category"),
        }
    }
}

/// What a row is about, in the order of rows: months first to last, then none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    undated: bool,
    month: Option<String>,
    owner: Option<Uuid>,
    category: Option<String>,
}

/// A row's sums.
#[derive(Debug, Default)]
struct Row {
    open: Sum,
    weighted: Sum,
    won: Sum,
    quota: Option<Sum>,
}

impl Deals {
    /// What is thought to be sold, and what was, of the deals that a query means, in the company's currency.
    ///
    /// # Errors
    /// Invalid names every bad parameter.
    pub async fn forecast(
        &self,
        caller: &Caller,
        request: v1::GetDealForecastRequest,
    ) -> Result<v1::GetDealForecastResponse, Error> {
        let v1::GetDealForecastRequest {
            from,
            to,
            group_by,
            query,
        } = request;
        let query = query.unwrap_or_default();
        let mut errors = FieldErrors::new();
        let span = Span::read(&from, &to, &mut errors);
        let groups = Groups::read(&group_by, &mut errors);
        errors.into_result()?;
        let company = self.company(caller).await?;
        let mut tx = self.db.read(caller).await?;
        let selection = Selection::settled::<Deal>(&mut tx, caller, &query).await?;

        let mut rows = Rows {
            groups,
            company: &company,
            rows: BTreeMap::new(),
        };
        for sum in sums::expected(&mut tx, &selection, span).await? {
            let row = rows.row(sum.month, sum.owner_id, Some(sum.category));
            row.open.add(&company, sum.amount, sum.currency.as_deref());
            row.weighted.add(&company, sum.weighted, sum.currency.as_deref());
        }
        let closed = sums::closed(&mut tx, &selection, span, &company.time_zone).await?;
        for sum in closed.into_iter().filter(|sum| sum.is_won) {
            let category = ForecastCategory::Closed.word().to_owned();
            let row = rows.row(Some(sum.month), sum.owner_id, Some(category));
            row.won.add(&company, sum.amount, sum.currency.as_deref());
        }
        let quotas = quotas::list(&mut tx, caller.company_id(), span).await?;
        let owners = Owners::of(caller, &query)?;
        rows.set(quotas.into_iter().filter(|quota| owners.hold(quota.owner_id)));
        Ok(v1::GetDealForecastResponse {
            rows: rows.into_messages(),
        })
    }
}

/// The rows of a forecast while they grow.
struct Rows<'c> {
    groups: Groups,
    company: &'c Company,
    rows: BTreeMap<Key, Row>,
}

impl Rows<'_> {
    fn key(&self, month: Option<String>, owner: Option<Uuid>, category: Option<String>) -> Key {
        let month = month.filter(|_| self.groups.month);
        Key {
            undated: month.is_none(),
            month,
            owner: owner.filter(|_| self.groups.owner),
            category: category.filter(|_| self.groups.category),
        }
    }

    fn row(&mut self, month: Option<String>, owner: Option<Uuid>, category: Option<String>) -> &mut Row {
        let key = self.key(month, owner, category);
        self.rows.entry(key).or_default()
    }

    /// Sets the quotas: each row has that of its month and owner, whatever its category. One that no row is about gets a
    /// row of its own.
    fn set(&mut self, quotas: impl Iterator<Item = Quota>) {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        for quota in quotas {
            let month = Month::of(quota.month).to_string();
            let key = self.key(Some(month), Some(quota.owner_id), None);
            let sum = sums.entry(key).or_default();
            sum.add(self.company, quota.amount, Some(&quota.amount_currency));
        }
        for (key, sum) in sums {
            let mut is_shown = false;
            for (of, row) in &mut self.rows {
                if (&of.month, of.owner) == (&key.month, key.owner) {
                    row.quota = Some(sum.clone());
                    is_shown = true;
                }
            }
            if !is_shown {
                self.rows.entry(key).or_default().quota = Some(sum);
            }
        }
    }

    fn into_messages(self) -> Vec<v1::ForecastRow> {
        let company = self.company;
        let message = |(key, row): (Key, Row)| {
            let Key {
                undated: _,
                month,
                owner,
                category,
            } = key;
            let Row {
                open,
                weighted,
                won,
                quota,
            } = row;
            let mut unconverted = Sum::default();
            for (currency, amount) in open.unconverted.iter().chain(&won.unconverted) {
                *unconverted.unconverted.entry(currency.clone()).or_default() += *amount;
            }
            let category = category.and_then(|word| ForecastCategory::from_word(&word));
            v1::ForecastRow {
                month,
                owner_id: owner.map(|id| id.to_string()),
                category: category.map(Choice::number),
                open: Some(company.money(open.converted)),
                weighted: Some(company.money(weighted.converted)),
                won: Some(company.money(won.converted)),
                quota: quota.and_then(|quota| quota.whole(company)),
                unconverted: unconverted.left_out(),
            }
        };
        self.rows.into_iter().map(message).collect()
    }
}

/// Whose quotas a forecast is measured against: those of the owners that the query names and the caller may see.
struct Owners(Option<Vec<Uuid>>);

impl Owners {
    fn of(caller: &Caller, query: &ListQuery) -> Result<Self, Error> {
        let mut owners: Option<Vec<Uuid>> = None;
        let mut narrow = |to: Vec<Uuid>| {
            owners = Some(match owners.take() {
                Some(known) => known.into_iter().filter(|id| to.contains(id)).collect(),
                None => to,
            });
        };
        if caller.require(Deal::description().permission("read"))? != Scope::All {
            narrow(caller.user_id().into_iter().collect());
        }
        for filter in &query.field_filters {
            if filter.parameter == "owner_id" {
                let owner = |value: &String| match value.trim() {
                    "me" => caller.user_id(),
                    id => id.parse().ok(),
                };
                narrow(filter.values.iter().filter_map(owner).collect());
            }
        }
        Ok(Self(owners))
    }

    fn hold(&self, owner: Uuid) -> bool {
        self.0.as_ref().is_none_or(|owners| owners.contains(&owner))
    }
}
