//! Values of the company's own fields: what a request says, what is kept in the object, and what a column would hold. Pure.

use kontor_chassis::FieldErrors;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json};

use super::{CUSTOM, Definition, FieldType, Fields};
use crate::admit::Fault;
use crate::leaf::{Kind, Leaf};
use crate::value::{Value, amount_text};

/// Puts what a request says into the object, key by key; `null` clears. What is bad stays as it was and is told.
pub(crate) fn merge<'k>(
    fields: &Fields,
    given: &Map<String, Json>,
    keys: impl Iterator<Item = &'k str>,
    kept: &mut Map<String, Json>,
    errors: &mut FieldErrors,
) {
    for key in keys {
        let Some(definition) = fields.definition(key) else {
            let path = format!("{CUSTOM}.{key}");
            errors.push(path, "unknown_field", "The company has no such field.");
            continue;
        };
        match admit(fields, definition, given.get(key), kept.get(key)) {
            Ok(Some(value)) => {
                kept.insert(key.to_owned(), value);
            }
            Ok(None) if definition.required => {
                errors.push(definition.path(), "required", "This can't be cleared.");
            }
            Ok(None) => {
                kept.remove(key);
            }
            Err(faults) => faults
                .into_iter()
                .for_each(|(path, fault)| errors.push(path, fault.code, fault.message)),
        }
    }
}

/// What is kept of a given value; none for nothing. A part of money is laid over what is there.
///
/// # Errors
/// What is wrong, each at its path.
fn admit(
    fields: &Fields,
    definition: &Definition,
    given: Option<&Json>,
    there: Option<&Json>,
) -> Result<Option<Json>, Vec<(String, Fault)>> {
    let given = match given {
        None | Some(Json::Null) => return Ok(None),
        Some(given) => given,
    };
    let path = definition.path();
    if definition.kind == FieldType::Money {
        return money(fields, &path, given, there);
    }
    let at = |fault: Fault| {
        let path = match fault.entry {
            Some(entry) => format!("{path}[{entry}]"),
            None => path.clone(),
        };
        vec![(path, fault)]
    };
    let Some(leaf) = fields.position(&path).map(|at| fields.leaf(at)) else {
        return Ok(None);
    };
    let raw = raw(definition.kind, given).ok_or_else(|| at(wrong_type(definition.kind)))?;
    let value = leaf.admit(raw).map_err(at)?;
    as_json(definition, value).map_err(at)
}

/// A value of a leaf as the object keeps it; none for nothing.
///
/// # Errors
/// A word that is none of the choices, a number out of bounds.
pub(crate) fn as_json(definition: &Definition, value: Value) -> Result<Option<Json>, Fault> {
    let choices = &definition.choices;
    let chosen = |word: &str| {
        let word = word.trim();
        let exact = choices.iter().find(|choice| *choice == word);
        exact
            .or_else(|| {
                choices
                    .iter()
                    .find(|choice| choice.to_lowercase() == word.to_lowercase())
            })
            .cloned()
            .ok_or_else(|| Fault::new("unknown_value", format!("Allowed are {}.", choices.join(", "))))
    };
    Ok(Some(match (definition.kind, value) {
        (_, value) if value.is_blank() => return Ok(None),
        (FieldType::Choice, Value::Text(word)) => Json::String(chosen(&word)?),
        (FieldType::MultiChoice, Value::Texts(words)) => {
            let mut kept = Vec::with_capacity(words.len());
            for (entry, word) in words.iter().enumerate() {
                let word = Json::String(chosen(word).map_err(|fault| Fault {
                    entry: Some(entry),
                    ..fault
                })?);
                if !kept.contains(&word) {
                    kept.push(word);
                }
            }
            Json::Array(kept)
        }
        (FieldType::Number, Value::Decimal(number)) => Json::Number(json_number(number)?),
        (FieldType::Boolean, Value::Bool(flag)) => Json::Bool(flag),
        (_, Value::Text(text)) => Json::String(text),
        (kind, _) => return Err(wrong_type(kind)),
    }))
}

/// What a column would hold of a field's value in the object.
pub(super) fn of_json(definition: &Definition, leaf: &Leaf, kept: Option<&Json>) -> Value {
    let text = |json: Option<&Json>| match json.and_then(Json::as_str) {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Null,
    };
    let Some(kept) = kept else {
        return if leaf.kind == Kind::Words {
            Value::Texts(Vec::new())
        } else {
            Value::Null
        };
    };
    match (definition.kind, leaf.kind) {
        (FieldType::Money, Kind::Amount) => {
            let amount = kept.get("amount").and_then(Json::as_str);
            amount
                .and_then(|amount| amount.parse().ok())
                .map_or(Value::Null, Value::Decimal)
        }
        (FieldType::Money, _) => text(kept.get("currency")),
        (FieldType::Number, _) => match kept {
            Json::Number(number) => decimal(number).map_or(Value::Null, Value::Decimal),
            _ => Value::Null,
        },
        (FieldType::Boolean, _) => kept.as_bool().map_or(Value::Null, Value::Bool),
        (FieldType::MultiChoice, _) => Value::Texts(
            kept.as_array()
                .into_iter()
                .flatten()
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect(),
        ),
        _ => text(Some(kept)),
    }
}

/// The raw value of what a request says, to be judged by the leaf; none when it has another type.
fn raw(kind: FieldType, given: &Json) -> Option<Value> {
    match (kind, given) {
        (FieldType::Number, Json::Number(number)) => {
            // Bounds are judged on the text, as a float may be larger than any decimal.
            Some(decimal(number).map_or_else(
                || Value::Text(number.to_string()),
                |number| Value::Text(number.to_string()),
            ))
        }
        (FieldType::Boolean, Json::Bool(flag)) => Some(Value::Bool(*flag)),
        (FieldType::MultiChoice, Json::Array(words)) => words
            .iter()
            .map(|word| word.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Value::Texts),
        (FieldType::Text | FieldType::Url | FieldType::Choice | FieldType::Date, Json::String(text)) => {
            Some(Value::Text(text.clone()))
        }
        _ => None,
    }
}

fn wrong_type(kind: FieldType) -> Fault {
    let wanted = match kind {
        FieldType::Text | FieldType::Url | FieldType::Choice => "a text",
        FieldType::Number => "a number",
        FieldType::Money => "an object of amount and currency",
        FieldType::Date => "a day as YYYY-MM-DD",
        FieldType::Boolean => "true or false",
        FieldType::MultiChoice => "a list of texts",
    };
    Fault::new("invalid_type", format!("This must be {wanted}."))
}

/// `{"amount": "1.50", "currency": "EUR"}`, both or neither.
fn money(
    fields: &Fields,
    path: &str,
    given: &Json,
    there: Option<&Json>,
) -> Result<Option<Json>, Vec<(String, Fault)>> {
    let Json::Object(given) = given else {
        return Err(vec![(path.to_owned(), wrong_type(FieldType::Money))]);
    };
    let mut whole = there.and_then(Json::as_object).cloned().unwrap_or_default();
    whole.extend(given.clone());
    let mut faults = Vec::new();
    for part in whole
        .keys()
        .filter(|part| !matches!(part.as_str(), "amount" | "currency"))
    {
        let fault = Fault::new("unknown_field", "Money has an amount and a currency.");
        faults.push((format!("{path}.{part}"), fault));
    }
    let mut read = |part: &str| {
        let path = format!("{path}.{part}");
        let leaf = fields.position(&path).map(|at| fields.leaf(at))?;
        let raw = match whole.get(part) {
            None | Some(Json::Null) => Value::Null,
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(_) => {
                faults.push((path, Fault::new("invalid_type", "This must be a text.")));
                return None;
            }
        };
        match leaf.admit(raw) {
            Ok(Value::Null) => {
                faults.push((
                    path,
                    Fault::new("required", "Money has an amount and a currency."),
                ));
                None
            }
            Ok(value) => Some(value),
            Err(fault) => {
                faults.push((path, fault));
                None
            }
        }
    };
    let (amount, currency) = (read("amount"), read("currency"));
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(match (amount, currency) {
        (Some(Value::Decimal(amount)), Some(Value::Text(currency))) => Some(money_of(amount, &currency)),
        _ => None,
    })
}

/// Money as the object keeps it.
pub(crate) fn money_of(amount: Decimal, currency: &str) -> Json {
    serde_json::json!({"amount": amount_text(amount), "currency": currency})
}

/// The number as a decimal; none when it is too large or too fine to be one.
fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
}

fn json_number(number: Decimal) -> Result<Number, Fault> {
    serde_json::from_str(&number.normalize().to_string())
        .map_err(|_| Fault::new("invalid_number", "This is no number."))
}
