//! Which entries of the audit log are wanted: the parameters of a list, judged.

use kontor_chassis::{Caller, FieldErrors};
use kontor_proto::records::v1::FieldFilter;
use kontor_records::admit;
use kontor_records::filter::{self, Comparison, Node, Operator};
use time::OffsetDateTime;

/// What an entry can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    At,
    UserId,
    UserName,
    Action,
    Resource,
    ResourceId,
    ResourceName,
    Address,
    Device,
    Fields,
}

impl Field {
    /// In the order of the contract, which is that of the export.
    pub(crate) const ALL: [Self; 10] = [
        Self::At,
        Self::UserId,
        Self::UserName,
        Self::Action,
        Self::Resource,
        Self::ResourceId,
        Self::ResourceName,
        Self::Address,
        Self::Device,
        Self::Fields,
    ];

    /// The word in the API, which is also the column.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::At => "at",
            Self::UserId => "user_id",
            Self::UserName => "user_name",
            Self::Action => "action",
            Self::Resource => "resource",
            Self::ResourceId => "resource_id",
            Self::ResourceName => "resource_name",
            Self::Address => "address",
            Self::Device => "device",
            Self::Fields => "fields",
        }
    }

    /// The field of a word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.word() == word)
    }
}

/// A condition on an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// The text of the field is this; none: it has none.
    Is(Field, Option<String>),
    /// The text of the field holds this, whatever the case; the changed fields hold it as one of them.
    Holds(Field, String),
    /// It was done at such a time.
    Done(Operator, OffsetDateTime),
    /// Name, action or record hold this word.
    Mentions(String),
}

/// Entries in an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) condition: Condition,
    pub(crate) oldest_first: bool,
}

/// Reads the parameters of a list, every bad one named.
pub(crate) fn read(
    caller: &Caller,
    field_filters: &[FieldFilter],
    expression: &str,
    search: &str,
    order_by: &str,
    errors: &mut FieldErrors,
) -> Wanted {
    let mut all: Vec<Condition> = field_filters
        .iter()
        .filter_map(|filter| typed(caller, filter, errors))
        .collect();
    match filter::parse(expression) {
        Ok(Some(node)) => all.extend(compile(caller, &node, errors)),
        Ok(None) => {}
        Err(wrong) => errors.push_at("filter", "syntax", wrong.message, wrong.position),
    }
    all.extend(
        search
            .split_whitespace()
            .map(|word| Condition::Mentions(word.to_owned())),
    );
    let oldest_first = match order_by.trim() {
        "" | "-at" | "at desc" => false,
        "at" | "at asc" => true,
        _ => {
            errors.push("order_by", "unknown_field", "Entries are ordered by at or -at.");
            false
        }
    };
    Wanted {
        condition: Condition::All(all),
        oldest_first,
    }
}

fn typed(caller: &Caller, filter: &FieldFilter, errors: &mut FieldErrors) -> Option<Condition> {
    let FieldFilter { parameter, values } = filter;
    let ends = [
        ("at_after", Operator::GreaterOrEqual),
        ("at_before", Operator::Less),
    ];
    if let Some((_, operator)) = ends.into_iter().find(|(word, _)| word == parameter) {
        // Several times of one end: the widest.
        let times = values.iter().filter_map(|value| {
            admit::instant(value)
                .map_err(|fault| errors.push(parameter.clone(), fault.code, fault.message))
                .ok()
        });
        return Some(Condition::Any(
            times.map(|at| Condition::Done(operator, at)).collect(),
        ));
    }
    let field = Field::named(parameter).filter(|field| *field != Field::At);
    let Some(field) = field else {
        errors.push(
            parameter.clone(),
            "unknown_parameter",
            "There is no such parameter.",
        );
        return None;
    };
    let any = values.iter().map(|value| match field {
        Field::Fields => Condition::Holds(field, value.clone()),
        _ => Condition::Is(field, text(caller, field, value)),
    });
    Some(Condition::Any(any.collect()))
}

/// What a value means: `me` as a person is the caller, `null` is none.
fn text(caller: &Caller, field: Field, value: &str) -> Option<String> {
    match (field, value) {
        (_, "null") => None,
        (Field::UserId, "me") => caller.user_id().map(|id| id.to_string()),
        _ => Some(value.to_owned()),
    }
}

fn compile(caller: &Caller, node: &Node, errors: &mut FieldErrors) -> Option<Condition> {
    let mut each = |nodes: &[Node]| {
        nodes
            .iter()
            .filter_map(|node| compile(caller, node, errors))
            .collect()
    };
    match node {
        Node::And(nodes) => Some(Condition::All(each(nodes))),
        Node::Or(nodes) => Some(Condition::Any(each(nodes))),
        Node::Not(node) => Some(Condition::Not(Box::new(compile(caller, node, errors)?))),
        Node::Words(words) => Some(Condition::Mentions(words.text.clone())),
        Node::Compare(comparison) => compare(caller, comparison, errors),
    }
}

fn compare(caller: &Caller, comparison: &Comparison, errors: &mut FieldErrors) -> Option<Condition> {
    let Comparison {
        field: word,
        position,
        operator,
        value,
    } = comparison;
    let Some(field) = Field::named(word) else {
        errors.push_at(
            "filter",
            "unknown_field",
            format!("There is no field \"{word}\"."),
            *position,
        );
        return None;
    };
    let given = if value.quoted {
        Some(value.text.clone())
    } else {
        text(caller, field, &value.text)
    };
    match (field, operator) {
        (Field::At, Operator::Has) => {}
        (Field::At, operator) => match admit::instant(&value.text) {
            Ok(at) => return Some(Condition::Done(*operator, at)),
            Err(fault) => {
                errors.push_at("filter", fault.code, fault.message, value.position);
                return None;
            }
        },
        (Field::Fields, Operator::Has) => return Some(Condition::Holds(field, value.text.clone())),
        (Field::Fields, _) => {}
        (_, Operator::Equal) => return Some(Condition::Is(field, given)),
        (_, Operator::NotEqual) => return Some(Condition::Not(Box::new(Condition::Is(field, given)))),
        (_, Operator::Has) => return Some(Condition::Holds(field, value.text.clone())),
        (_, Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual) => {}
    }
    let message = format!("{word} can't be compared by {}.", operator.sign());
    errors.push_at("filter", "invalid_operator", message, *position);
    None
}

#[cfg(test)]
mod tests {
    use kontor_chassis::caller::Permissions;
    use uuid::Uuid;

    use super::*;

    fn wanted(filter: &str, typed: &[(&str, &str)]) -> Result<Condition, Vec<(String, String)>> {
        let me = Uuid::nil();
        let caller = Caller::person(me, me, me, "admin", Permissions::default(), None);
        let filters: Vec<FieldFilter> = typed
            .iter()
            .map(|(parameter, value)| FieldFilter {
                parameter: (*parameter).to_owned(),
                values: vec![(*value).to_owned()],
            })
            .collect();
        let mut errors = FieldErrors::new();
        let wanted = read(&caller, &filters, filter, "", "", &mut errors);
        match errors.into_result() {
            Ok(()) => Ok(wanted.condition),
            Err(error) => Err(error
                .fields()
                .iter()
                .map(|bad| (bad.field.to_string(), bad.code.to_string()))
                .collect()),
        }
    }

    #[test]
    fn an_expression_is_read_as_for_every_list() {
        let me = Some(Uuid::nil().to_string());
        let expected = Condition::All(vec![Condition::All(vec![
            Condition::Is(Field::UserId, me),
            Condition::Any(vec![
                Condition::Is(Field::Action, Some("lead.updated".to_owned())),
                Condition::Holds(Field::Fields, "score".to_owned()),
            ]),
        ])]);
        let read = wanted(
            "user_id = me AND (action = \"lead.updated\" OR fields:score)",
            &[],
        );
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, typed, field, code) in [
            ("action =", None, "filter", "syntax"),
            ("colour = 1", None, "filter", "unknown_field"),
            ("action > 1", None, "filter", "invalid_operator"),
            ("at > yesterday", None, "filter", "invalid_time"),
            ("", Some(("colour", "red")), "colour", "unknown_parameter"),
            ("", Some(("at", "2026-01-01")), "at", "unknown_parameter"),
            ("", Some(("at_after", "soon")), "at_after", "invalid_time"),
        ] {
            let typed: Vec<_> = typed.into_iter().collect();
            let errors = wanted(filter, &typed).unwrap_err();
            assert_eq!(
                errors,
                [(field.to_owned(), code.to_owned())],
                "{filter} {typed:?}"
            );
        }
    }
}
