//! One leaf compared with one value, as SQL. Both typed filters and expressions come here.

use kontor_chassis::Caller;

use super::condition::Condition;
use crate::admit::Fault;
use crate::filter::Operator;
use crate::implied::MEMBER;
use crate::leaf::{Form, Kind, Leaf};
use crate::value::Value;

/// What a leaf is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'v> {
    /// As written.
    pub(crate) text: &'v str,
    /// In quotes: never a word with a meaning of its own such as `null`.
    pub(crate) quoted: bool,
}

/// The condition that the leaf stands so to the operand. True or false, never unknown, so that it can be negated.
pub(crate) fn compare(
    leaf: &Leaf,
    operator: Operator,
    operand: Operand<'_>,
    caller: &Caller,
    condition: &mut Condition,
) -> Result<String, Fault> {
    let column = leaf.column;
    if operator == Operator::Has && operand.text == "*" {
        return Ok(present(leaf));
    }
    if !operand.quoted && operand.text == "null" && leaf.nullable {
        return match operator {
            Operator::Equal | Operator::Has => Ok(format!("{column} is null")),
            Operator::NotEqual => Ok(format!("{column} is not null")),
            _ => Err(no_operator(leaf, operator)),
        };
    }
    match leaf.kind {
        Kind::Text(form) => text(leaf, form, operator, operand, condition),
        Kind::Words | Kind::Ids => member(leaf, operator, operand, caller, condition),
        Kind::Id | Kind::Choice(_) | Kind::Bool => {
            let value = read(leaf, operand, caller)?;
            let place = condition.bind(leaf.kind, value);
            match operator {
                Operator::Equal | Operator::Has => Ok(known(leaf, format!("{column} = {place}"))),
                Operator::NotEqual => Ok(format!("{column} is distinct from {place}")),
                _ => Err(no_operator(leaf, operator)),
            }
        }
        Kind::Int | Kind::Amount | Kind::Time | Kind::Date => {
            let value = read(leaf, operand, caller)?;
            let place = condition.bind(leaf.kind, value);
            match operator {
                Operator::NotEqual => Ok(format!("{column} is distinct from {place}")),
                Operator::Has => Ok(known(leaf, format!("{column} = {place}"))),
                _ => Ok(known(leaf, format!("{column} {} {place}", operator.sign()))),
            }
        }
        Kind::Object => Err(no_operator(leaf, operator)),
    }
}

/// The operand as a value of the leaf, within whatever bounds.
pub(crate) fn read(leaf: &Leaf, operand: Operand<'_>, caller: &Caller) -> Result<Value, Fault> {
    // In quotes too: no id reads so.
    if leaf.refers == Some(MEMBER) && operand.text == "me" {
        return Ok(caller.user_id().map_or(Value::Null, Value::Id));
    }
    let unbounded = Leaf {
        range: i64::MIN..=i64::MAX,
        max: usize::MAX,
        ..leaf.clone()
    };
    match unbounded.admit(Value::Text(operand.text.to_owned()))? {
        Value::Null => Err(Fault::new("invalid_value", "A value is expected.")),
        value => Ok(value),
    }
}

/// Text is compared without case, but for a program's words. `=` takes `*` at either end for anything; `:` means that it holds these characters.
fn text(
    leaf: &Leaf,
    form: Form,
    operator: Operator,
    operand: Operand<'_>,
    condition: &mut Condition,
) -> Result<String, Fault> {
    crate::admit::without_nul(operand.text)?;
    let kind = Kind::Text(form);
    let as_it_is = form == Form::Word && operator != Operator::Has;
    let (column, lower) = if as_it_is {
        (leaf.column.to_owned(), operand.text.to_owned())
    } else {
        (format!("lower({})", leaf.column), operand.text.to_lowercase())
    };
    if let (Operator::Equal | Operator::NotEqual, Some(pattern)) = (operator, wildcard(&lower)) {
        let place = condition.bind(kind, Value::Text(pattern));
        let holds = known(leaf, format!("{column} like {place}"));
        return Ok(if operator == Operator::Equal {
            holds
        } else {
            format!("not {holds}")
        });
    }
    let lower = if form == Form::Day {
        crate::value::date_text(crate::admit::day(lower.trim())?)
    } else {
        lower
    };
    let place = condition.bind(kind, Value::Text(lower));
    Ok(match operator {
        Operator::NotEqual => format!("{column} is distinct from {place}"),
        Operator::Has => known(leaf, format!("strpos({column}, {place}) > 0")),
        _ => known(leaf, format!("{column} {} {place}", operator.sign())),
    })
}

/// A list holds the value.
fn member(
    leaf: &Leaf,
    operator: Operator,
    operand: Operand<'_>,
    caller: &Caller,
    condition: &mut Condition,
) -> Result<String, Fault> {
    let value = read(leaf, operand, caller)?;
    let place = condition.bind(leaf.kind, value);
    match operator {
        Operator::Equal | Operator::Has => Ok(format!("{} @> {place}", leaf.column)),
        Operator::NotEqual => Ok(format!("not {} @> {place}", leaf.column)),
        _ => Err(no_operator(leaf, operator)),
    }
}

fn present(leaf: &Leaf) -> String {
    match leaf.kind {
        Kind::Words | Kind::Ids => format!("cardinality({}) > 0", leaf.column),
        _ => format!("{} is not null", leaf.column),
    }
}

/// What is null is not so.
fn known(leaf: &Leaf, holds: String) -> String {
    if leaf.nullable {
        format!("({} is not null and {holds})", leaf.column)
    } else {
        holds
    }
}

/// A pattern of `like` when there is a `*` at either end.
fn wildcard(text: &str) -> Option<String> {
    let (front, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
    let (back, middle) = rest
        .strip_suffix('*')
        .map_or((false, rest), |middle| (true, middle));
    if !front && !back {
        return None;
    }
    let mut pattern = String::from(if front { "%" } else { "" });
    for character in middle.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    if back {
        pattern.push('%');
    }
    Some(pattern)
}

fn no_operator(leaf: &Leaf, operator: Operator) -> Fault {
    Fault::new(
        "invalid_operator",
        format!("{} can't be compared by {}.", leaf.name, operator.sign()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_either_end_stands_for_anything_and_all_else_for_itself() {
        assert_eq!(wildcard("acme*").as_deref(), Some("acme%"));
        assert_eq!(wildcard("*100%_\\*").as_deref(), Some("%100\\%\\_\\\\%"));
        assert_eq!(wildcard("a*b"), None);
    }
}
