//! A row of a file becomes a record, or everything that is wrong with it.

use std::sync::Arc;

use kontor_chassis::caller::Caller;
use kontor_chassis::error::{Error, FieldError, FieldErrors};
use kontor_proto::records::v1::ImportError;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::cells;
use super::dates::DayOrder;
use super::headers::WHOLE_NAME;
use super::own_cells::{self, OwnCells};
use super::plan::{Mode, Plan};
use super::reader::{Fault, Row};
use crate::fields::{CUSTOM, Fields};
use crate::leaf::{Form, Kind, Leaf};
use crate::record::Record;
use crate::value::Value;

/// How much of a cell an error repeats.
const VALUE_CHARS: usize = 200;

/// Why a row was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// The file's own header; none when the whole row is meant.
    pub column: Option<String>,
    /// The cell as it came, at most 200 characters.
    pub value: Option<String>,
    /// A stable snake_case word.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

impl RowError {
    /// About the whole row.
    #[must_use]
    pub fn whole(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            column: None,
            value: None,
            code: code.into(),
            message: message.into(),
        }
    }
}

impl RowError {
    /// As it is told of the row at this line.
    pub(super) fn into_message(self, row: i64) -> ImportError {
        let Self {
            column,
            value,
            code,
            message,
        } = self;
        ImportError {
            row,
            column,
            value,
            code,
            message,
        }
    }
}

/// Where a column goes.
struct Column {
    leaf: usize,
    /// It isn't called by our own name.
    foreign: bool,
}

/// Makes records out of rows.
pub(super) struct Drafter {
    header: Vec<String>,
    mode: Mode,
    columns: Vec<Option<Column>>,
    whole_name: Option<(usize, usize, usize)>,
    defaults: Vec<(usize, Value)>,
    /// The leaves of an amount and of its currency.
    amounts: Vec<(usize, usize)>,
    currency: String,
    clear_blanks: bool,
    day_order: Option<DayOrder>,
    leaves: &'static [Leaf],
    /// The leaf of the company's own fields, and how their cells are read.
    custom: Option<usize>,
    own: OwnCells,
    caller: Caller,
}

/// The values that a row gives, by leaf.
pub(super) type Given = Vec<(usize, Value)>;

/// A row that was read: what its good cells give, and what is wrong with the bad ones.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) given: Given,
    pub(super) errors: Vec<RowError>,
    /// The leaves of the bad cells.
    bad: Vec<usize>,
}

impl From<Given> for Judged {
    fn from(given: Given) -> Self {
        Self {
            given,
            ..Self::default()
        }
    }
}

impl Judged {
    fn refuse(&mut self, leaf: usize, error: RowError) {
        self.bad.push(leaf);
        self.errors.push(error);
    }
}

impl Drafter {
    /// For this plan. A default that the field refuses is an error of the options.
    ///
    /// # Errors
    /// Bad defaults, all at once.
    pub(super) fn of(
        plan: &Plan,
        header: &[String],
        fields: &Arc<Fields>,
        caller: &Caller,
    ) -> Result<Self, Error> {
        let kind = fields.description();
        let mut errors = FieldErrors::new();
        let mut defaults = Vec::new();
        for (name, text) in &plan.defaults {
            let Some(at) = kind.position(name) else { continue };
            match cells::default(&kind.leaves[at], text, plan.day_order) {
                Ok(value) => defaults.push((at, value)),
                Err(fault) => errors.push(format!("defaults.{name}"), fault.code, fault.message),
            }
        }
        let own = OwnCells::of(plan, header, fields, &mut errors);
        errors.into_result()?;
        let column = |(path, header): (&Option<String>, &String)| {
            let leaf = kind.position(path.as_deref()?)?;
            Some(Column {
                leaf,
                foreign: header != kind.leaves[leaf].name,
            })
        };
        let names = (kind.position("first_name"), kind.position("last_name"));
        let whole = plan
            .columns
            .iter()
            .position(|path| path.as_deref() == Some(WHOLE_NAME));
        let whole_name = match (whole, names) {
            (Some(column), (Some(first), Some(last))) => Some((column, first, last)),
            _ => None,
        };
        let is_pair = |at: usize| {
            kind.leaves[at].kind == Kind::Amount
                && kind
                    .leaves
                    .get(at + 1)
                    .is_some_and(|next| next.kind == Kind::Text(Form::Currency))
        };
        let mut columns: Vec<Option<Column>> = plan.columns.iter().zip(header).map(column).collect();
        if let Some((column, ..)) = whole_name {
            columns[column] = None;
        }
        Ok(Self {
            header: header.to_vec(),
            mode: plan.mode,
            columns,
            whole_name,
            defaults,
            amounts: (0..kind.leaves.len())
                .filter(|at| is_pair(*at))
                .map(|at| (at, at + 1))
                .collect(),
            currency: plan.currency.clone(),
            clear_blanks: plan.clear_blanks,
            day_order: plan.day_order,
            leaves: &kind.leaves,
            custom: kind.position(CUSTOM),
            own,
            caller: caller.clone(),
        })
    }

    /// What the row gives, judged field by field.
    ///
    /// # Errors
    /// Why the row can't be read at all.
    pub(super) fn read(&self, row: &Row<'_>) -> Result<Judged, RowError> {
        if let Some(error) = self.fault(row) {
            return Err(error);
        }
        let mut judged = Judged {
            given: Given::with_capacity(self.columns.len() + 2),
            ..Judged::default()
        };
        let mut custom = serde_json::Map::new();
        for (index, column) in self.columns.iter().enumerate() {
            let Some(column) = column else { continue };
            let cell = row.cell(index);
            let leaf = &self.leaves[column.leaf];
            let raw = cells::raw(leaf, cell, column.foreign, self.day_order);
            match raw.and_then(|raw| leaf.admit(raw)) {
                Ok(Value::Null) => {}
                Ok(Value::Json(given)) => {
                    let (given, errors) = self.own.read_whole(&given);
                    custom.extend(given);
                    for error in errors {
                        let error = self.error(Some(index), cell, &error.code, error.message.into_owned());
                        judged.refuse(column.leaf, error);
                    }
                }
                Ok(value) => judged.given.push((column.leaf, value)),
                Err(fault) => {
                    let error = self.error(Some(index), cell, fault.code, fault.message);
                    judged.refuse(column.leaf, error);
                }
            }
        }
        if let Some(leaf) = self.custom {
            let mut refused = Vec::new();
            custom.extend(self.own.read(row, &mut refused));
            for (index, fault) in refused {
                let error = self.error(Some(index), row.cell(index), fault.code, fault.message);
                judged.refuse(leaf, error);
            }
            if !custom.is_empty() {
                judged.given.push((leaf, Value::Json(custom)));
            }
        }
        self.split_name(row, &mut judged);
        self.complete_amounts(&mut judged.given);
        Ok(judged)
    }

    /// A new record of what a row gives, with the defaults where it gives nothing, and everything that is wrong with it;
    /// what is bad is blank in the record.
    ///
    /// # Errors
    /// A mistake of the description: a value that its field can't hold.
    pub(super) fn create<R: Record>(
        &self,
        judged: Judged,
        now: OffsetDateTime,
    ) -> Result<(R, Vec<RowError>), RowError> {
        let Judged {
            mut given,
            mut errors,
            bad,
        } = judged;
        for (leaf, value) in &self.defaults {
            if given.iter().all(|(at, _)| at != leaf) {
                given.push((*leaf, value.clone()));
            }
        }
        self.complete_amounts(&mut given);
        let draft = R::draft(Uuid::now_v7(), &self.caller, now);
        let mut values = draft.values();
        for (leaf, value) in given {
            values[leaf] = value;
        }
        if let Some(leaf) = self.custom {
            let object = self.own.whole(own_cells::object_of(&mut values[leaf]));
            if !bad.contains(&leaf) {
                errors.extend(self.missing_own(&object));
            }
            values[leaf] = Value::Json(object);
        }
        let missing = self.leaves.iter().zip(&values).enumerate();
        let missing =
            missing.filter(|(at, (leaf, value))| leaf.required && is_missing(value) && !bad.contains(at));
        errors.extend(missing.map(|(at, (leaf, _))| self.missing(at, leaf)));
        let record = R::from_values(values)
            .ok_or_else(|| RowError::whole("invalid_value", "A value has the wrong type."))?;
        Ok((record, errors))
    }

    /// A record that is there, with what a row gives. A blank cell changes nothing, unless it was asked to clear.
    ///
    /// # Errors
    /// A cell that would clear what a record must have.
    pub(super) fn change<R: Record>(&self, record: &R, given: Given) -> Result<R, Vec<RowError>> {
        let mut values = record.values();
        let id = R::description().position("id");
        if self.clear_blanks {
            let blank = R::draft(
                record.id(),
                &Caller::system(record.company_id()),
                OffsetDateTime::UNIX_EPOCH,
            );
            let blank = blank.values();
            for leaf in self.blanks(&given) {
                values[leaf].clone_from(&blank[leaf]);
            }
        }
        let mut missing: Vec<RowError> = Vec::new();
        for (leaf, value) in given {
            match value {
                Value::Json(given) => {
                    let mut object = own_cells::object_of(&mut values[leaf]);
                    OwnCells::lay_over(&mut object, given);
                    missing.extend(self.missing_own(&object));
                    values[leaf] = Value::Json(object);
                }
                value if Some(leaf) != id => values[leaf] = value,
                _ => {}
            }
        }
        let built_in = self
            .leaves
            .iter()
            .zip(&values)
            .enumerate()
            .filter(|(_, (leaf, value))| leaf.required && is_missing(value))
            .map(|(at, (leaf, _))| self.missing(at, leaf));
        missing.extend(built_in);
        if !missing.is_empty() {
            return Err(missing);
        }
        R::from_values(values)
            .ok_or_else(|| vec![RowError::whole("invalid_value", "A value has the wrong type.")])
    }

    /// Whether a row says whose the record is.
    pub(super) fn gives_owner(&self, given: &Given) -> bool {
        let is_owner = |leaf: usize| self.leaves[leaf].name == "owner_id";
        given
            .iter()
            .chain(&self.defaults)
            .any(|(leaf, _)| is_owner(*leaf))
    }

    /// The leaves of the file's columns that a row leaves blank; a currency goes with its amount.
    fn blanks(&self, given: &Given) -> Vec<usize> {
        let has = |leaf: usize| given.iter().any(|(at, _)| *at == leaf);
        let mapped = self.columns.iter().flatten().map(|column| column.leaf);
        let mut blanks: Vec<usize> = mapped
            .filter(|leaf| !has(*leaf) && Some(*leaf) != self.custom)
            .collect();
        for (amount, currency) in &self.amounts {
            if blanks.contains(amount) {
                blanks.push(*currency);
            } else if !has(*amount) {
                blanks.retain(|leaf| leaf != currency);
            }
        }
        blanks
    }

    /// What the service found wrong with a row, at the file's own headers.
    pub(super) fn errors_at(&self, found: FieldErrors, row: &[String]) -> Vec<RowError> {
        let at = |found: FieldError| {
            let field = found.field.split('[').next().unwrap_or_default();
            let leaf = self
                .leaves
                .iter()
                .position(|leaf| leaf.path == field || leaf.name == field);
            let index = leaf.and_then(|leaf| self.column_of(leaf));
            let cell = index.and_then(|index| row.get(index)).map_or("", String::as_str);
            self.error(index, cell, &found.code, found.message.into_owned())
        };
        found.into_vec().into_iter().map(at).collect()
    }

    fn fault(&self, row: &Row<'_>) -> Option<RowError> {
        let at = |column: usize, code: &str, message: &str| {
            let cell = row.readable().get(column).cloned().unwrap_or_default();
            Some(self.error(Some(column), &cell, code, message.to_owned()))
        };
        match row.fault {
            Some(Fault::UnclosedQuote) => Some(RowError::whole(
                "unclosed_quote",
                "A quote is opened here and never closed.",
            )),
            Some(Fault::TooLong) => Some(RowError::whole(
                "too_long",
                "The row is longer than 1 MiB or has too many cells.",
            )),
            Some(Fault::NotUtf8(column)) => at(
                column,
                "invalid_encoding",
                "The cell holds bytes that aren't text.",
            ),
            Some(Fault::Nul(column)) => at(column, "invalid_characters", "The cell holds a NUL character."),
            None if row.width() != self.header.len() => Some(RowError::whole(
                "ragged_row",
                format!(
                    "The row has {} cells and the header {}.",
                    row.width(),
                    self.header.len()
                ),
            )),
            None => None,
        }
    }

    fn split_name(&self, row: &Row<'_>, judged: &mut Judged) {
        let Some((column, first, last)) = self.whole_name else {
            return;
        };
        let cell = row.cell(column);
        let name = super::rearm(cell.trim());
        let (first_name, last_name) = name.rsplit_once(char::is_whitespace).unwrap_or(("", name));
        for (leaf, text) in [(first, first_name), (last, last_name)] {
            if judged.given.iter().any(|(at, _)| *at == leaf) {
                continue;
            }
            match self.leaves[leaf].admit(Value::Text(text.to_owned())) {
                Ok(Value::Null) => {}
                Ok(value) => judged.given.push((leaf, value)),
                Err(fault) => {
                    let error = self.error(Some(column), cell, fault.code, fault.message);
                    judged.refuse(leaf, error);
                }
            }
        }
    }

    /// An amount without a currency is in the company's; a currency without an amount says nothing.
    fn complete_amounts(&self, given: &mut Given) {
        for (amount, currency) in &self.amounts {
            let has = |leaf: &usize| given.iter().any(|(at, _)| at == leaf);
            match (has(amount), has(currency)) {
                (true, false) => given.push((*currency, Value::Text(self.currency.clone()))),
                (false, true) => given.retain(|(at, _)| at != currency),
                _ => {}
            }
        }
    }

    fn missing(&self, at: usize, leaf: &Leaf) -> RowError {
        let by_name = self
            .whole_name
            .filter(|(_, _, last)| *last == at)
            .map(|(column, ..)| column);
        let index = self.column_of(at).or(by_name);
        let mut error = self.error(index, "", "required", format!("{} is required.", leaf.label));
        error.column = error.column.or_else(|| Some(leaf.name.to_owned()));
        error
    }

    fn missing_own<'o>(
        &'o self,
        object: &'o serde_json::Map<String, serde_json::Value>,
    ) -> impl Iterator<Item = RowError> {
        self.own.missing(object).map(|(definition, index)| {
            let message = format!("{} is required.", definition.label);
            let mut error = self.error(index, "", "required", message);
            error.column = error.column.or_else(|| Some(definition.path()));
            error
        })
    }

    fn column_of(&self, leaf: usize) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.as_ref().is_some_and(|column| column.leaf == leaf))
    }

    fn error(&self, column: Option<usize>, cell: &str, code: &str, message: String) -> RowError {
        RowError {
            column: column
                .and_then(|column| self.header.get(column))
                .map(|header| header.trim().to_owned()),
            value: column.map(|_| cell.chars().take(VALUE_CHARS).collect()),
            code: code.to_owned(),
            message,
        }
    }

    /// Whether rows are matched with records rather than made into new ones.
    pub(super) fn matches(&self) -> bool {
        self.mode != Mode::Create
    }
}

fn is_missing(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        other => other.is_blank(),
    }
}
