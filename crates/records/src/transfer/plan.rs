//! What an import was asked to do with a file, decided once its header is known and kept with the job.

use std::collections::{BTreeMap, HashMap};

use kontor_chassis::caller::{Caller, Scope};
use kontor_chassis::error::{Error, FieldError, FieldErrors};
use kontor_proto::records::v1::{
    ImportBlankCells, ImportDateFormat, ImportMode, ImportOnError, ImportOptions,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cells;
use super::dates::DayOrder;
use super::headers::{self, Mapping, Target, WHOLE_NAME};
use crate::description::Description;
use crate::fields::Fields;
use crate::leaf::{Form, Kind, Leaf};

/// What rows become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Every row makes a record.
    Create,
    /// A row changes the record it matches, or makes one.
    Upsert,
    /// A row changes the record it matches, or is refused.
    Update,
}

/// By what a row and a record are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MatchOn {
    /// The e-mail address, without case.
    Email,
    /// The name, without case.
    Name,
    /// The number that the company gave it.
    Number,
    /// The id.
    Id,
}

/// Everything but the file's rows that decides what an import does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) match_on: MatchOn,
    pub(super) skip_duplicates: bool,
    /// One refused row refuses all.
    pub(super) abort: bool,
    pub(super) dry_run: bool,
    pub(super) defaults: BTreeMap<String, String>,
    /// A blank cell clears the field of a record that is there.
    #[serde(default)]
    pub(super) clear_blanks: bool,
    /// How days are written, if that was said.
    #[serde(default)]
    pub(super) day_order: Option<DayOrder>,
    /// The company's currency, for amounts without one.
    pub(super) currency: String,
    /// For each column of the file the name of the leaf it goes to, or [`WHOLE_NAME`].
    pub(super) columns: Vec<Option<String>>,
    /// Who asked.
    pub(super) user_id: Option<Uuid>,
    /// From where.
    #[serde(default)]
    pub(super) address: Option<String>,
    /// With which program.
    #[serde(default)]
    pub(super) device: Option<String>,
    /// May change only records of one's own.
    pub(super) own_only: bool,
}

impl Plan {
    /// What can be decided before the first byte.
    ///
    /// # Errors
    /// Options that can't be meant, all at once.
    pub(super) fn of(options: &ImportOptions, fields: &Fields, caller: &Caller) -> Result<Self, Error> {
        let kind = fields.description();
        let mut errors = FieldErrors::new();
        let mode = match ImportMode::try_from(options.mode) {
            Ok(ImportMode::Unspecified | ImportMode::Create) => Mode::Create,
            Ok(ImportMode::Upsert) => Mode::Upsert,
            Ok(ImportMode::Update) => Mode::Update,
            Err(_) => {
                errors.push("mode", "unknown_value", "One of create, upsert, update.");
                Mode::Create
            }
        };
        let abort = match ImportOnError::try_from(options.on_error) {
            Ok(ImportOnError::Unspecified | ImportOnError::SkipRow) => false,
            Ok(ImportOnError::Abort) => true,
            Err(_) => {
                errors.push("on_error", "unknown_value", "One of skip_row, abort.");
                false
            }
        };
        let clear_blanks = match ImportBlankCells::try_from(options.blank_cells) {
            Ok(ImportBlankCells::Unspecified | ImportBlankCells::Keep) => false,
            Ok(ImportBlankCells::Clear) => true,
            Err(_) => {
                errors.push("blank_cells", "unknown_value", "One of keep, clear.");
                false
            }
        };
        let day_order = match ImportDateFormat::try_from(options.date_format) {
            Ok(ImportDateFormat::Unspecified) => None,
            Ok(ImportDateFormat::Dmy) => Some(DayOrder::Day),
            Ok(ImportDateFormat::Mdy) => Some(DayOrder::Month),
            Ok(ImportDateFormat::Ymd) => Some(DayOrder::Year),
            Err(_) => {
                errors.push("date_format", "unknown_value", "One of dmy, mdy, ymd.");
                None
            }
        };
        if !(0..=300).contains(&options.wait_seconds.unwrap_or(30)) {
            errors.push("wait_seconds", "out_of_range", "From 0 to 300.");
        }
        let targets = targets(fields, MatchOn::Id);
        for (name, text) in &options.defaults {
            let field = format!("defaults.{name}");
            if !targets
                .iter()
                .any(|target| target.path == *name || target.aliases.contains(name))
            {
                errors.push(field, "unknown_field", "There is no such field to import.");
            } else if let Some(at) = kind.position(name)
                && let Err(fault) = cells::default(&kind.leaves[at], text, day_order)
            {
                errors.push(field, fault.code, fault.message);
            }
        }
        headers::judge(&options.mapping, &targets, &mut errors);
        let match_on = match_on(&options.match_on, kind, &mut errors);
        errors.into_result()?;
        Ok(Self {
            mode,
            match_on,
            skip_duplicates: options.skip_duplicates.unwrap_or(true),
            abort,
            dry_run: options.dry_run,
            defaults: options.defaults.clone().into_iter().collect(),
            clear_blanks,
            day_order,
            currency: String::new(),
            columns: Vec::new(),
            user_id: caller.user_id(),
            address: caller.origin().address(),
            device: caller.origin().device(),
            own_only: caller
                .allowed(kind.permission("update"))
                .is_none_or(|scope| scope != Scope::All),
        })
    }

    /// Decides where the columns of this header go.
    ///
    /// # Errors
    /// `not_a_table` when none goes anywhere; wishes that can't be met.
    pub(super) fn read_header(
        &mut self,
        header: &[String],
        wished: &HashMap<String, String>,
        fields: &Fields,
    ) -> Result<Mapping, Error> {
        let mapping = headers::map(header, &targets(fields, self.match_on), wished).map_err(refused)?;
        if mapping.columns.iter().all(Option::is_none) {
            return Err(not_a_table(
                "No column of the first line is a known field; say in `mapping` where they go.",
            ));
        }
        self.columns.clone_from(&mapping.columns);
        Ok(mapping)
    }
}

/// A file that can't be read as a table of records.
pub(super) fn not_a_table(detail: impl Into<kontor_chassis::error::Text>) -> Error {
    Error::invalid("not_a_table", detail)
}

fn refused(errors: Vec<FieldError>) -> Error {
    FieldErrors::from(errors).into_error(kontor_chassis::error::Kind::Invalid)
}

fn match_on(word: &str, kind: &Description, errors: &mut FieldErrors) -> MatchOn {
    let known = |leaf: &str| kind.find(leaf).is_some();
    match word {
        "" if known("email") => MatchOn::Email,
        "" => MatchOn::Name,
        "email" if known("email") => MatchOn::Email,
        "name" => MatchOn::Name,
        "account_number" if known("account_number") => MatchOn::Number,
        "id" => MatchOn::Id,
        _ => {
            errors.push(
                "match_on",
                "unknown_value",
                "One of email, name, account_number, id, as far as the record has it.",
            );
            MatchOn::Id
        }
    }
}

/// Whether a file may fill this leaf. The id only says which record is meant.
fn importable(leaf: &Leaf, match_on: MatchOn) -> bool {
    leaf.importable && leaf.public && !leaf.generated && (leaf.name != "id" || match_on == MatchOn::Id)
}

/// Where columns of a file can go: the fields of the kind, then the company's own, which are known by their path, their
/// key and their label.
fn targets(fields: &Fields, match_on: MatchOn) -> Vec<Target> {
    let kind = fields.description();
    let leaves = kind.leaves.iter().filter(|leaf| importable(leaf, match_on));
    let mut targets: Vec<Target> = leaves
        .map(|leaf| Target {
            path: leaf.name.to_owned(),
            aliases: (leaf.path != leaf.name)
                .then(|| leaf.path.to_owned())
                .into_iter()
                .collect(),
            synonyms: leaf.synonyms,
            exact_only: matches!(leaf.kind, Kind::Id | Kind::Ids),
            own: false,
        })
        .collect();
    let has = |name: &str| targets.iter().any(|target| target.path == name);
    if has("first_name") && has("last_name") {
        targets.push(Target {
            path: WHOLE_NAME.to_owned(),
            aliases: Vec::new(),
            // A kind may say what else its whole name is called, though it is made of its parts.
            synonyms: kind
                .leaves
                .iter()
                .find(|leaf| leaf.name == WHOLE_NAME)
                .map_or(&[], |leaf| leaf.synonyms),
            exact_only: false,
            own: false,
        });
    }
    for at in kind.leaves.len().. {
        let Some(definition) = fields.definition_at(at) else {
            break;
        };
        let leaf = fields.leaf(at);
        let mut aliases = vec![leaf.path.to_owned()];
        if leaf.kind == Kind::Text(Form::Currency) {
            aliases.push(format!("{}_currency", definition.key));
        } else {
            aliases.extend([definition.key.clone(), definition.label.clone()]);
        }
        targets.push(Target {
            path: leaf.name.to_owned(),
            aliases,
            synonyms: &[],
            exact_only: false,
            own: true,
        });
    }
    targets
}
