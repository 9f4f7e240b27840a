//! A territory: what it holds, and how it is described. Pure.
//!
//! It is listed, filtered and patched as any record, but has no owner, tags or fields of the company, so its description
//! stands here by hand rather than by `record!`.

use std::{collections::HashMap, sync::LazyLock, vec::IntoIter};

use kontor_chassis::{Caller, FieldErrors};
use kontor_proto::{
    accounts::v1,
    records::v1::{Money as MoneyMessage, RecordChange, Reference, TerritoryChange},
};
use kontor_records::{
    Description, Money, Record, Value, admit, choice,
    description::Names,
    field::{Columns, Field},
    group,
    implied::MEMBER,
    leaf::{moment, reference, references, text, whole},
    territories::{self, KIND},
    wire::Wire,
};
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

choice! {
    /// How a record of a territory gets its owner.
    pub enum TerritoryAssignment(v1::TerritoryAssignment) {
        /// It gets none.
        None = "none",
        /// Members take turns.
        RoundRobin = "round_robin",
        /// The member with the fewest records.
        LeastLoaded = "least_loaded",
    }
}

group! {
    /// What belongs to a territory.
    pub struct Rules(v1::TerritoryRules) {
        /// ISO 3166-1 alpha-2.
        countries: Vec<String> = words(250),
        /// States, without case.
        states: Vec<String> = words(500),
        /// Beginnings of postal codes.
        postal_prefixes: Vec<String> = words(2_000),
        /// Industries, without case.
        industries: Vec<String> = words(500),
        /// At least so many employees.
        employees_min: Option<i64> = whole(0, 100_000_000),
        /// At most so many employees.
        employees_max: Option<i64> = whole(0, 100_000_000),
        /// At least this yearly revenue.
        revenue_min: Option<Money> = money(),
        /// At most this yearly revenue.
        revenue_max: Option<Money> = money(),
    }
}

/// A part of the market.
#[derive(Clone, Debug)]
pub struct Territory {
    /// UUIDv7.
    pub id: Uuid,
    /// The company whose it is.
    pub company_id: Uuid,
    /// Its name.
    pub name: String,
    /// The territory it is part of.
    pub parent_id: Option<Uuid>,
    /// The higher one wins.
    pub priority: i32,
    /// What belongs to it.
    pub rules: Rules,
    /// Members who work in it.
    pub member_ids: Vec<Uuid>,
    /// How a record without an owner gets one of them.
    pub assignment: TerritoryAssignment,
    /// Who made it.
    pub created_by: Option<Uuid>,
    /// Who changed it last.
    pub updated_by: Option<Uuid>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
    /// When it was deleted.
    pub deleted_at: Option<OffsetDateTime>,
    /// Counts up with every change.
    pub version: i64,
}

impl Territory {
    /// Writes its countries as the standard does, and tells what of its rules can't be meant.
    pub fn settle(&mut self, errors: &mut FieldErrors) {
        let rules = &mut self.rules;
        for (at, country) in rules.countries.iter_mut().enumerate() {
            match admit::country(country) {
                Ok(code) => *country = code,
                Err(fault) => errors.push(format!("rules.countries[{at}]"), fault.code, fault.message),
            }
        }
        const EMPTY: &str = "The upper bound lies below the lower one.";
        if rules
            .employees_min
            .zip(rules.employees_max)
            .is_some_and(|(least, most)| least > most)
        {
            errors.push("rules.employees_max", "out_of_range", EMPTY);
        }
        if let (Some(least), Some(most)) = (&rules.revenue_min, &rules.revenue_max) {
            if least.currency != most.currency {
                let message = "Both bounds are in one currency.";
                errors.push("rules.revenue_max.currency", "currency_mismatch", message);
            } else if least.amount > most.amount {
                errors.push("rules.revenue_max.amount", "out_of_range", EMPTY);
            }
        }
    }

    /// As rules are matched with it.
    #[must_use]
    pub fn place(&self) -> territories::Territory {
        territories::Territory {
            id: self.id,
            name: self.name.clone(),
            parent_id: self.parent_id,
            priority: self.priority,
            rules: self.rules.clone().into(),
            member_ids: self.member_ids.clone(),
            assignment: match self.assignment {
                TerritoryAssignment::None => territories::Assignment::None,
                TerritoryAssignment::RoundRobin => territories::Assignment::RoundRobin,
                TerritoryAssignment::LeastLoaded => territories::Assignment::LeastLoaded,
            },
            created_at: self.created_at,
        }
    }

    /// As the other services hear of it.
    #[must_use]
    pub fn told(&self, caller: &Caller, action: &str, fields: Vec<String>) -> TerritoryChange {
        let money = |money: &Option<Money>| -> Option<MoneyMessage> { money.clone().into_wire() };
        TerritoryChange {
            change: Some(RecordChange {
                id: self.id.to_string(),
                name: self.name.clone(),
                deleted: self.deleted_at.is_some(),
                version: self.version,
                action: action.to_owned(),
                fields,
                owner_id: None,
                by: caller.user_id().map(|id| id.to_string()),
                at: self.updated_at.into_wire(),
                told: HashMap::new(),
            }),
            parent_id: self.parent_id.map(|id| id.to_string()),
            priority: self.priority,
            countries: self.rules.countries.clone(),
            states: self.rules.states.clone(),
            postal_prefixes: self.rules.postal_prefixes.clone(),
            industries: self.rules.industries.clone(),
            employees_min: self.rules.employees_min,
            employees_max: self.rules.employees_max,
            revenue_min: money(&self.rules.revenue_min),
            revenue_max: money(&self.rules.revenue_max),
            member_ids: self.member_ids.iter().map(Uuid::to_string).collect(),
            assignment: self.place().assignment.word().to_owned(),
            created_at: self.created_at.into_wire(),
        }
    }

    /// The fields that differ.
    #[must_use]
    pub fn changed_fields(&self, after: &Self) -> Vec<String> {
        let leaves = Self::description().leaves.iter();
        leaves
            .zip(self.values().into_iter().zip(after.values()))
            .filter(|(leaf, (old, new))| leaf.public && !leaf.read_only && old != new)
            .map(|(leaf, _)| leaf.name.to_owned())
            .collect()
    }
}

impl From<Rules> for territories::Rules {
    fn from(rules: Rules) -> Self {
        let Rules {
            countries,
            states,
            postal_prefixes,
            industries,
            employees_min,
            employees_max,
            revenue_min,
            revenue_max,
        } = rules;
        Self {
            countries,
            states,
            postal_prefixes,
            industries,
            employees_min,
            employees_max,
            revenue_min,
            revenue_max,
        }
    }
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let mut leaves = Vec::new();
    let all = &mut leaves;
    Uuid::describe("id", &text(36).read_only(), all);
    Uuid::describe("company_id", &text(36).internal(), all);
    String::describe("name", &text(100).required().search(), all);
    <Option<Uuid>>::describe("parent_id", &reference(KIND), all);
    i32::describe("priority", &whole(-1_000_000, 1_000_000), all);
    Rules::describe("rules", &kontor_records::leaf::group(), all);
    <Vec<Uuid>>::describe("member_ids", &references(MEMBER), all);
    TerritoryAssignment::describe("assignment", &kontor_records::leaf::choice(), all);
    <Option<Uuid>>::describe("created_by", &reference(MEMBER).read_only(), all);
    <Option<Uuid>>::describe("updated_by", &reference(MEMBER).read_only(), all);
    OffsetDateTime::describe("created_at", &moment().read_only(), all);
    OffsetDateTime::describe("updated_at", &moment().read_only(), all);
    <Option<OffsetDateTime>>::describe("deleted_at", &moment().internal(), all);
    i64::describe("version", &whole(1, i64::MAX).internal(), all);
    let names = Names {
        table: "accounts.territories",
        one: KIND,
        many: "territories",
    };
    Description::new(names, leaves, &[], &[])
});

impl Record for Territory {
    type Message = v1::Territory;
    type Changed = v1::TerritoriesChanged;

    fn description() -> &'static Description {
        &DESCRIPTION
    }

    fn draft(id: Uuid, caller: &Caller, now: OffsetDateTime) -> Self {
        Self {
            id,
            company_id: caller.company_id(),
            name: String::new(),
            parent_id: None,
            priority: 0,
            rules: Rules::default(),
            member_ids: Vec::new(),
            assignment: TerritoryAssignment::None,
            created_by: caller.user_id(),
            updated_by: caller.user_id(),
            created_at: now,
            updated_at: now,
            deleted_at: None,
            version: 1,
        }
    }

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let columns = &mut Columns::of(row);
        Ok(Self {
            id: Field::read(columns)?,
            company_id: Field::read(columns)?,
            name: Field::read(columns)?,
            parent_id: Field::read(columns)?,
            priority: Field::read(columns)?,
            rules: Field::read(columns)?,
            member_ids: Field::read(columns)?,
            assignment: Field::read(columns)?,
            created_by: Field::read(columns)?,
            updated_by: Field::read(columns)?,
            created_at: Field::read(columns)?,
            updated_at: Field::read(columns)?,
            deleted_at: Field::read(columns)?,
            version: Field::read(columns)?,
        })
    }

    fn values(&self) -> Vec<Value> {
        let Self {
            id,
            company_id,
            name,
            parent_id,
            priority,
            rules,
            member_ids,
            assignment,
            created_by,
            updated_by,
            created_at,
            updated_at,
            deleted_at,
            version,
        } = self;
        let mut values = Vec::new();
        id.put(&mut values);
        company_id.put(&mut values);
        name.put(&mut values);
        parent_id.put(&mut values);
        priority.put(&mut values);
        rules.put(&mut values);
        member_ids.put(&mut values);
        assignment.put(&mut values);
        created_by.put(&mut values);
        updated_by.put(&mut values);
        created_at.put(&mut values);
        updated_at.put(&mut values);
        deleted_at.put(&mut values);
        version.put(&mut values);
        values
    }

    fn from_values(values: Vec<Value>) -> Option<Self> {
        let values: &mut IntoIter<Value> = &mut values.into_iter();
        Some(Self {
            id: Field::pull(values)?,
            company_id: Field::pull(values)?,
            name: Field::pull(values)?,
            parent_id: Field::pull(values)?,
            priority: Field::pull(values)?,
            rules: Field::pull(values)?,
            member_ids: Field::pull(values)?,
            assignment: Field::pull(values)?,
            created_by: Field::pull(values)?,
            updated_by: Field::pull(values)?,
            created_at: Field::pull(values)?,
            updated_at: Field::pull(values)?,
            deleted_at: Field::pull(values)?,
            version: Field::pull(values)?,
        })
    }

    fn raw(message: v1::Territory) -> Vec<Value> {
        let v1::Territory {
            id: _,
            name,
            parent_id,
            priority,
            rules,
            member_ids,
            assignment,
            created_at: _,
            updated_at: _,
            etag: _,
            created_by: _,
            updated_by: _,
            deleted_at: _,
        } = message;
        let mut raw = vec![Value::Null, Value::Null];
        <String as Wire<String>>::raw(name, &mut raw);
        <Option<Uuid> as Wire<Option<String>>>::raw(parent_id, &mut raw);
        <i32 as Wire<i32>>::raw(priority, &mut raw);
        Rules::raw(rules, &mut raw);
        <Vec<Uuid> as Wire<Vec<String>>>::raw(member_ids, &mut raw);
        <TerritoryAssignment as Wire<Option<i32>>>::raw(assignment, &mut raw);
        raw.extend([const { Value::Null }; 6]);
        raw
    }

    fn into_message(self) -> v1::Territory {
        v1::Territory {
            etag: self.etag(),
            id: self.id.into_wire(),
            name: self.name,
            parent_id: self.parent_id.into_wire(),
            priority: self.priority,
            // Also when it has none: a form shows them all.
            rules: Some(self.rules.into_wire().unwrap_or_default()),
            member_ids: self.member_ids.into_wire(),
            assignment: self.assignment.into_wire(),
            created_at: self.created_at.into_wire(),
            updated_at: self.updated_at.into_wire(),
            created_by: self.created_by.into_wire(),
            updated_by: self.updated_by.into_wire(),
            deleted_at: self.deleted_at.into_wire(),
        }
    }

    fn expand(_: &mut v1::Territory, _: usize, _: Reference) {}

    fn changed(changes: Vec<RecordChange>) -> v1::TerritoriesChanged {
        let changes = changes.into_iter().map(|change| TerritoryChange {
            change: Some(change),
            ..TerritoryChange::default()
        });
        v1::TerritoriesChanged {
            changes: changes.collect(),
        }
    }

    fn title(&self) -> String {
        self.name.clone()
    }
    fn id(&self) -> Uuid {
        self.id
    }
    fn company_id(&self) -> Uuid {
        self.company_id
    }
    fn owner_id(&self) -> Option<Uuid> {
        None
    }
    fn set_owner_id(&mut self, _: Option<Uuid>) {}
    fn created_by(&self) -> Option<Uuid> {
        self.created_by
    }
    fn deleted_at(&self) -> Option<OffsetDateTime> {
        self.deleted_at
    }
    fn version(&self) -> i64 {
        self.version
    }
    fn touch(&mut self, by: Option<Uuid>, now: OffsetDateTime) {
        self.updated_by = by;
        self.updated_at = now;
        self.version += 1;
    }
    fn set_deleted_at(&mut self, at: Option<OffsetDateTime>) {
        self.deleted_at = at;
    }
}
