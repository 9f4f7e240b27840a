//! What a field of the company's own holds, and whether it may be defined so. Pure.

use std::fmt::Write as _;

use kontor_chassis::FieldErrors;
use kontor_proto::records::v1 as contract;
use prost_types::FieldMask;

use super::CUSTOM;
use crate::cell::Choice as _;
use crate::leaf::{self, Form, Kind, Leaf, Spec, keep};

/// The most characters of a key, a label and a word of a choice.
const LONGEST_KEY: usize = 50;
const LONGEST_LABEL: usize = 100;
const LONGEST_CHOICE: usize = 50;
/// The most words of a choice.
const MOST_CHOICES: usize = 200;
/// Decimal places of a number: what a JSON number of usual size holds exactly.
const NUMBER_PLACES: u32 = 10;
/// Numbers up to here are exact in JSON.
const LARGEST_NUMBER: i64 = 999_999_999_999_999;

crate::choice! {
    /// What a field holds.
    pub enum FieldType(contract::FieldType) {
        /// Text, perhaps of several lines.
        Text = "text",
        /// A number.
        Number = "number",
        /// An amount and its currency.
        Money = "money",
        /// A day.
        Date = "date",
        /// True or false.
        Boolean = "boolean",
        /// One of several words.
        Choice = "choice",
        /// Some of several words.
        MultiChoice = "multi_choice",
        /// A link.
        Url = "url",
    }
}

/// A field of the company's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// snake_case, fixed.
    pub key: String,
    /// What people read.
    pub label: String,
    /// What it holds; fixed.
    pub kind: FieldType,
    /// The words of a choice.
    pub choices: Vec<String>,
    /// Whether a record must have it.
    pub required: bool,
    /// Its place in forms, from 0.
    pub position: i32,
    /// Counts up with every change; the etag.
    pub version: i64,
}

impl Definition {
    /// A new definition of a request; `position` is where it goes when the request doesn't say. Every bad field goes into
    /// `errors`.
    pub(super) fn of(message: contract::FieldDefinition, position: i32, errors: &mut FieldErrors) -> Self {
        let contract::FieldDefinition {
            key,
            label,
            r#type,
            choices,
            required,
            position: asked,
            built_in,
            etag: _,
        } = message;
        if built_in {
            errors.push("built_in", "read_only", "Only the server sets this.");
        }
        if key.is_empty() {
            errors.push("key", "required", "This is required.");
        } else if !is_a_key(&key) {
            let message =
                format!("At most {LONGEST_KEY} small letters, digits and underscores, a letter first.");
            errors.push("key", "invalid_key", message);
        }
        let kind = FieldType::from_number(r#type);
        if kind.is_none() {
            errors.push(
                "type",
                "required",
                format!("Allowed are {}.", FieldType::WORDS.join(", ")),
            );
        }
        let mut definition = Self {
            label: if label.trim().is_empty() {
                leaf::label(&key)
            } else {
                label.trim().to_owned()
            },
            key,
            kind: kind.unwrap_or(FieldType::Text),
            choices: Vec::new(),
            required,
            position: if asked == 0 { position } else { asked },
            version: 1,
        };
        definition.choose(choices, errors);
        definition.check(errors);
        definition
    }

    /// This definition with the fields of the mask as in the message; without a mask, those that are set.
    pub(super) fn patched(
        &self,
        message: contract::FieldDefinition,
        mask: Option<&FieldMask>,
        errors: &mut FieldErrors,
    ) -> Self {
        let contract::FieldDefinition {
            key,
            label,
            r#type,
            choices,
            required,
            position,
            built_in: _,
            etag: _,
        } = message;
        let asked: Vec<&str> = match mask {
            Some(mask) => mask.paths.iter().map(String::as_str).collect(),
            None => [
                ("key", !key.is_empty()),
                ("label", !label.is_empty()),
                ("type", r#type != 0),
                ("choices", !choices.is_empty()),
                ("required", required),
                ("position", position != 0),
            ]
            .into_iter()
            .filter_map(|(name, set)| set.then_some(name))
            .collect(),
        };
        let mut after = self.clone();
        let fixed = |name: &'static str, same: bool, errors: &mut FieldErrors| {
            if !same {
                errors.push(name, "read_only", "This is fixed when the field is made.");
            }
        };
        let mut chosen = None;
        for path in asked {
            match path {
                "key" => fixed("key", key == self.key, errors),
                "type" => fixed("type", FieldType::from_number(r#type) == Some(self.kind), errors),
                "built_in" => fixed("built_in", false, errors),
                "etag" => errors.push("etag", "read_only", "Only the server sets this."),
                "label" => label.trim().clone_into(&mut after.label),
                "choices" => chosen = Some(choices.clone()),
                "required" => after.required = required,
                "position" => after.position = position,
                unknown => errors.push(unknown.to_owned(), "unknown_field", "There is no such field."),
            }
        }
        if let Some(choices) = chosen {
            after.choose(choices, errors);
        }
        after.check(errors);
        after
    }

    /// Takes words of a choice: trimmed and said once.
    fn choose(&mut self, choices: Vec<String>, errors: &mut FieldErrors) {
        let mut kept: Vec<String> = Vec::with_capacity(choices.len());
        for (at, word) in choices.into_iter().enumerate() {
            let word = word.trim();
            let field = || format!("choices[{at}]");
            if word.is_empty() {
                errors.push(field(), "required", "A choice is a word.");
            } else if word.chars().count() > LONGEST_CHOICE {
                errors.push(
                    field(),
                    "too_long",
                    format!("At most {LONGEST_CHOICE} characters."),
                );
            } else if word.contains(';') || word.chars().any(char::is_control) {
                let message = "A semicolon parts words and can't stand in one, nor can control characters.";
                errors.push(field(), "invalid_characters", message);
            } else if !kept.iter().any(|known| known == word) {
                kept.push(word.to_owned());
            }
        }
        self.choices = kept;
    }

    fn check(&self, errors: &mut FieldErrors) {
        if self.label.is_empty() && self.key.is_empty() {
            // Without a key there is none to be made of it, and the key is told.
        } else if self.label.is_empty() {
            errors.push("label", "required", "This is required.");
        } else if self.label.chars().count() > LONGEST_LABEL {
            errors.push(
                "label",
                "too_long",
                format!("At most {LONGEST_LABEL} characters."),
            );
        } else if self.label.chars().any(char::is_control) {
            errors.push(
                "label",
                "invalid_characters",
                "Control characters can't stand here.",
            );
        }
        if self.position < 0 {
            errors.push("position", "out_of_range", "Allowed is 0 and above.");
        }
        let chooses = matches!(self.kind, FieldType::Choice | FieldType::MultiChoice);
        match (chooses, self.choices.len()) {
            (true, 0) => errors.push("choices", "required", "A choice needs words to choose from."),
            (true, count) if count > MOST_CHOICES => {
                errors.push("choices", "too_many", format!("At most {MOST_CHOICES}."));
            }
            (false, 1..) => errors.push(
                "choices",
                "not_a_choice",
                "Only a choice has words to choose from.",
            ),
            _ => {}
        }
    }

    /// Its place in JSON: `custom_fields.<key>`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{CUSTOM}.{}", self.key)
    }

    /// How filters, orders and files see it: one leaf, of money another one for the currency. Its column is an expression
    /// over the object that never fails, whatever stands there from before the field was defined so.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let key = &self.key;
        let object = format!("({CUSTOM} -> '{key}')");
        let text = format!("({CUSTOM} ->> '{key}')");
        let when = |kind: &str, value: &str, of: &str| {
            format!("(case jsonb_typeof({of}) when '{kind}' then {value} end)")
        };
        let (kind, spec, column) = match self.kind {
            FieldType::Text => (Kind::Text(Form::Lines), leaf::lines(10_000), text),
            FieldType::Url => (Kind::Text(Form::Link), leaf::link(), text),
            FieldType::Choice => (Kind::Text(Form::Line), leaf::text(LONGEST_CHOICE), text),
            FieldType::Date => (Kind::Text(Form::Day), leaf::date(), text),
            FieldType::Number => {
                let column = when("number", &format!("{text}::numeric"), &object);
                (Kind::Amount, leaf::whole(-LARGEST_NUMBER, LARGEST_NUMBER), column)
            }
            FieldType::Boolean => {
                let column = when("boolean", &format!("{text}::boolean"), &object);
                (Kind::Bool, leaf::flag(), column)
            }
            FieldType::MultiChoice => {
                let words = format!("array(select jsonb_array_elements_text({object}))");
                let column = format!("coalesce({}, '{{}}')", when("array", &words, &object));
                (Kind::Words, leaf::tags(), column)
            }
            FieldType::Money => {
                let amount = format!("({object} ->> 'amount')::numeric");
                let column = when("string", &amount, &format!("{object} -> 'amount'"));
                (Kind::Amount, leaf::money(), column)
            }
        };
        let mut first = self.leaf(kind, &spec, column, "", "");
        if self.kind == FieldType::Number {
            first.places = NUMBER_PLACES;
        }
        if self.kind == FieldType::MultiChoice {
            first.max = MOST_CHOICES;
            first.nullable = false;
        }
        if self.kind != FieldType::Money {
            return vec![first];
        }
        let column = format!("({object} ->> 'currency')");
        first.path = keep(format!("{}.amount", self.path()));
        let mut spec = leaf::text(3);
        spec.required = false;
        let mut currency = self.leaf(
            Kind::Text(Form::Currency),
            &spec,
            column,
            ".currency",
            "_currency",
        );
        currency.required = false;
        let _ = write!(currency.label, " currency");
        vec![first, currency]
    }

    fn leaf(&self, kind: Kind, spec: &Spec, column: String, path: &str, name: &str) -> Leaf {
        let mut leaf = Leaf::new("", kind, true, spec);
        leaf.path = keep(format!("{}{path}", self.path()));
        leaf.name = keep(format!("{}{name}", self.path()));
        leaf.column = keep(column);
        leaf.label.clone_from(&self.label);
        leaf.required = self.required;
        leaf
    }

    /// As it is answered.
    #[must_use]
    pub fn into_message(self) -> contract::FieldDefinition {
        let Self {
            key,
            label,
            kind,
            choices,
            required,
            position,
            version,
        } = self;
        contract::FieldDefinition {
            key,
            label,
            r#type: kind.number(),
            choices,
            required,
            position,
            built_in: false,
            etag: Some(version.to_string()),
        }
    }
}

/// A built-in field as it is listed; none for what isn't a field of its own.
pub(super) fn built_in(leaf: &Leaf, position: usize) -> Option<contract::FieldDefinition> {
    if !leaf.public || leaf.kind == Kind::Object || leaf.kind == Kind::Text(Form::Currency) {
        return None;
    }
    let kind = match leaf.kind {
        Kind::Text(Form::Link) => FieldType::Url,
        Kind::Text(_) | Kind::Id | Kind::Object => FieldType::Text,
        Kind::Choice(_) => FieldType::Choice,
        Kind::Bool => FieldType::Boolean,
        Kind::Int => FieldType::Number,
        Kind::Amount => FieldType::Money,
        Kind::Time | Kind::Date => FieldType::Date,
        Kind::Words | Kind::Ids => FieldType::MultiChoice,
    };
    let choices = match leaf.kind {
        Kind::Choice(words) => words.iter().map(|&word| word.to_owned()).collect(),
        _ => Vec::new(),
    };
    Some(contract::FieldDefinition {
        key: leaf.name.to_owned(),
        label: leaf.label.clone(),
        r#type: kind.number(),
        choices,
        required: leaf.required,
        position: i32::try_from(position).unwrap_or(i32::MAX),
        built_in: true,
        etag: None,
    })
}

/// A letter, then letters, digits and underscores: what can stand in SQL and in a filter without quotes.
fn is_a_key(key: &str) -> bool {
    let mut bytes = key.bytes();
    key.len() <= LONGEST_KEY
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
