//! Cells of the company's own fields. They end together in the one leaf that holds them, as a request would say it.

use std::sync::Arc;

use kontor_chassis::error::{Error, FieldError, FieldErrors};
use serde_json::{Map, Value as Json};

use super::cells;
use super::dates::DayOrder;
use super::plan::Plan;
use super::reader::Row;
use crate::admit::Fault;
use crate::fields::{self, CUSTOM, Definition, FieldType, Fields};
use crate::leaf::{Kind, Leaf};
use crate::value::Value;

/// Where a column of the file goes.
struct Column {
    /// Its place in the file.
    index: usize,
    /// The leaf, by its place among all of the company's.
    at: usize,
    /// It isn't called by our own name.
    foreign: bool,
}

/// Reads the cells of the company's own fields.
pub(super) struct OwnCells {
    fields: Arc<Fields>,
    columns: Vec<Column>,
    defaults: Map<String, Json>,
    currency: String,
    clear_blanks: bool,
    day_order: Option<DayOrder>,
}

/// A cell that can't be taken: its column and why.
type Refused = (usize, Fault);

impl OwnCells {
    /// For this plan. A default that the field refuses is told.
    pub(super) fn of(plan: &Plan, header: &[String], fields: &Arc<Fields>, errors: &mut FieldErrors) -> Self {
        let own = |name: &str| {
            fields
                .position(name)
                .filter(|at| fields.definition_at(*at).is_some())
        };
        let columns = plan.columns.iter().zip(header).enumerate();
        let columns = columns
            .filter_map(|(index, (path, header))| {
                let at = own(path.as_deref()?)?;
                Some(Column {
                    index,
                    at,
                    foreign: header != fields.leaf(at).name,
                })
            })
            .collect();
        let mut own_cells = Self {
            columns,
            defaults: Map::new(),
            currency: plan.currency.clone(),
            clear_blanks: plan.clear_blanks,
            day_order: plan.day_order,
            fields: Arc::clone(fields),
        };
        let mut given = Vec::new();
        for (name, text) in &plan.defaults {
            let Some(at) = own(name) else { continue };
            match own_cells.value(fields.leaf(at), text, false) {
                Ok(value) => given.push((at, value)),
                Err(fault) => errors.push(format!("defaults.{name}"), fault.code, fault.message),
            }
        }
        for definition in fields.own() {
            match own_cells.kept(definition, &given) {
                Ok(Some(value)) => {
                    own_cells.defaults.insert(definition.key.clone(), value);
                }
                Ok(None) => {}
                Err(fault) => {
                    let field = format!("defaults.{}", definition.path());
                    errors.push(field, fault.code, fault.message);
                }
            }
        }
        own_cells
    }

    /// What the cells of a row say, by key; null where a blank cell is to clear. What is bad is told.
    pub(super) fn read(&self, row: &Row<'_>, refused: &mut Vec<Refused>) -> Map<String, Json> {
        let mut given = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            match self.value(
                self.fields.leaf(column.at),
                row.cell(column.index),
                column.foreign,
            ) {
                Ok(value) => given.push((column.at, value)),
                Err(fault) => refused.push((column.index, fault)),
            }
        }
        let mut object = Map::new();
        for definition in self.fields.own() {
            let Some(index) = self.column_of(definition) else {
                continue;
            };
            if refused.iter().any(|(bad, _)| self.is_of(*bad, definition)) {
                continue;
            }
            match self.kept(definition, &given) {
                Ok(Some(value)) => {
                    object.insert(definition.key.clone(), value);
                }
                Ok(None) if self.clear_blanks => {
                    object.insert(definition.key.clone(), Json::Null);
                }
                Ok(None) => {}
                Err(fault) => refused.push((index, fault)),
            }
        }
        object
    }

    /// What a cell with the whole object says (`{"size": 5}`), judged like a request.
    pub(super) fn read_whole(&self, given: &Map<String, Json>) -> (Map<String, Json>, Vec<FieldError>) {
        let (mut kept, mut errors) = (Map::new(), FieldErrors::new());
        let keys = given.keys().map(String::as_str);
        fields::merge(&self.fields, given, keys, &mut kept, &mut errors);
        (kept, errors.into_vec())
    }

    /// A new record's own fields: what a row says, with the defaults where it says nothing.
    pub(super) fn whole(&self, given: Map<String, Json>) -> Map<String, Json> {
        let mut whole = self.defaults.clone();
        whole.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
        whole
    }

    /// Lays what a row says over what a record has.
    pub(super) fn lay_over(kept: &mut Map<String, Json>, given: Map<String, Json>) {
        for (key, value) in given {
            if value.is_null() {
                kept.remove(&key);
            } else {
                kept.insert(key, value);
            }
        }
    }

    /// The fields that a record must have and hasn't, each with its column.
    pub(super) fn missing<'o>(
        &'o self,
        object: &'o Map<String, Json>,
    ) -> impl Iterator<Item = (&'o Definition, Option<usize>)> {
        let missing = |definition: &&Definition| definition.required && !object.contains_key(&definition.key);
        let own = self.fields.own().iter().filter(missing);
        own.map(|definition| (definition, self.column_of(definition)))
    }

    fn value(&self, leaf: &Leaf, cell: &str, foreign: bool) -> Result<Value, Fault> {
        leaf.admit(cells::raw(leaf, cell, foreign, self.day_order)?)
    }

    /// The value of a field as the object keeps it, from the values of its leaves.
    fn kept(&self, definition: &Definition, given: &[(usize, Value)]) -> Result<Option<Json>, Fault> {
        let (mut first, mut currency) = (Value::Null, None);
        for (at, value) in given {
            if self.fields.definition_at(*at) != Some(definition) {
                continue;
            }
            match (definition.kind, value) {
                (FieldType::Money, Value::Text(code)) => currency = Some(code.clone()),
                (_, value) if !value.is_blank() => first = value.clone(),
                _ => {}
            }
        }
        match (definition.kind, first) {
            // An amount without a currency is in the company's; a currency without an amount says nothing.
            (FieldType::Money, Value::Decimal(amount)) => {
                let currency = currency.unwrap_or_else(|| self.currency.clone());
                Ok(Some(fields::money_of(amount, &currency)))
            }
            (_, value) => fields::as_json(definition, value),
        }
    }

    fn column_of(&self, definition: &Definition) -> Option<usize> {
        let mut columns = self.columns.iter();
        columns
            .find(|column| self.fields.definition_at(column.at) == Some(definition))
            .map(|column| column.index)
    }

    fn is_of(&self, index: usize, definition: &Definition) -> bool {
        let mut columns = self.columns.iter();
        columns
            .any(|column| column.index == index && self.fields.definition_at(column.at) == Some(definition))
    }
}

/// Takes the object out of its leaf.
pub(super) fn object_of(value: &mut Value) -> Map<String, Json> {
    match std::mem::replace(value, Value::Null) {
        Value::Json(object) => object,
        _ => Map::new(),
    }
}

/// A staged value, which was judged before it was staged.
///
/// # Errors
/// When it can't be one of the leaf.
pub(super) fn staged(leaf: &Leaf, text: String) -> Result<Value, Error> {
    let refused = |why: String| Error::internal(format!("a staged value of {}: {why}", leaf.name));
    if leaf.kind == Kind::Object {
        return serde_json::from_str(&text)
            .map(Value::Json)
            .map_err(|error| refused(error.to_string()));
    }
    leaf.admit(Value::Text(text))
        .map_err(|fault| refused(fault.message))
}

/// What an object says, field by field, for people to look at.
pub(super) fn shown(object: &Map<String, Json>) -> impl Iterator<Item = (String, String)> {
    object.iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (format!("{CUSTOM}.{key}"), text)
    })
}
