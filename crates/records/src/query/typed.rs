//! Typed filters: one query parameter each, `status=new&status=working&score_min=50`.
//!
//! A field filters by its name; several values mean OR. Times and days take `_after` (from then on) and `_before` (until
//! just before), numbers and amounts `_min` and `_max` (both included). `null` finds what has none.

use kontor_chassis::{Caller, FieldErrors};
use kontor_proto::records::v1::FieldFilter;

use super::compare::{Operand, compare, read};
use super::condition::{Condition, joined};
use crate::admit::Fault;
use crate::fields::Fields;
use crate::filter::Operator;
use crate::leaf::{Form, Kind, Leaf};
use crate::value::Value;

/// The most values of one parameter.
const MOST: usize = 200;

/// Adds the conditions of all filters; what is wrong with one is told at its parameter.
pub(crate) fn compile(
    filters: &[FieldFilter],
    fields: &Fields,
    caller: &Caller,
    condition: &mut Condition,
    errors: &mut FieldErrors,
) {
    for FieldFilter { parameter, values } in filters {
        let Some((leaf, operator)) = resolve(parameter, fields) else {
            errors.push(
                parameter.clone(),
                "unknown_parameter",
                "There is no such parameter.",
            );
            continue;
        };
        if values.len() > MOST {
            errors.push(parameter.clone(), "too_many", format!("At most {MOST} values."));
            continue;
        }
        match any_of(leaf, operator, values, caller, condition) {
            Ok(text) => condition.and(&text),
            Err(fault) => errors.push(parameter.clone(), fault.code, fault.message),
        }
    }
}

/// The leaf and the comparison that a parameter names.
fn resolve<'f>(parameter: &str, fields: &'f Fields) -> Option<(&'f Leaf, Operator)> {
    let leaf_of = |name: &str| fields.public(name).filter(|leaf| leaf.filterable);
    if let Some(leaf) = leaf_of(parameter) {
        return Some((leaf, Operator::Equal));
    }
    let ends = [
        ("_after", Operator::GreaterOrEqual),
        ("_before", Operator::Less),
        ("_min", Operator::GreaterOrEqual),
        ("_max", Operator::LessOrEqual),
    ];
    ends.into_iter().find_map(|(end, operator)| {
        let leaf = leaf_of(parameter.strip_suffix(end)?)?;
        let fits = if matches!(end, "_min" | "_max") {
            is_number(leaf.kind)
        } else {
            is_time(leaf.kind)
        };
        fits.then_some((leaf, operator))
    })
}

fn is_time(kind: Kind) -> bool {
    matches!(kind, Kind::Time | Kind::Date | Kind::Text(Form::Day))
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Amount)
}

fn any_of(
    leaf: &Leaf,
    operator: Operator,
    values: &[String],
    caller: &Caller,
    condition: &mut Condition,
) -> Result<String, Fault> {
    // Many ids or words are one parameter, so that the text of the statement doesn't depend on how many.
    if operator == Operator::Equal && values.len() > 1 && !values.iter().any(|value| value == "null") {
        let read = |value: &String| read(leaf, operand(value), caller);
        match leaf.kind {
            Kind::Id => {
                let ids = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                let ids = ids
                    .into_iter()
                    .filter_map(|id| if let Value::Id(id) = id { Some(id) } else { None });
                let place = condition.bind(Kind::Ids, Value::Ids(ids.collect()));
                return Ok(format!("{} = any({place})", leaf.column));
            }
            Kind::Choice(_) => {
                let words = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                let words = words.iter().filter_map(Value::to_text).collect();
                let place = condition.bind(Kind::Words, Value::Texts(words));
                return Ok(format!("{} = any({place})", leaf.column));
            }
            _ => {}
        }
    }
    let parts = values
        .iter()
        .map(|value| compare(leaf, operator, operand(value), caller, condition))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if parts.is_empty() {
        "true".to_owned()
    } else {
        joined(&parts, "or")
    })
}

fn operand(text: &str) -> Operand<'_> {
    Operand {
        text: text.trim(),
        quoted: false,
    }
}
