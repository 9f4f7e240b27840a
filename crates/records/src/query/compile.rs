//! A filter expression as SQL.

use kontor_chassis::{Caller, FieldErrors};

use super::compare::{Operand, compare};
use super::condition::{Condition, joined};
use super::search;
use crate::fields::Fields;
use crate::filter::{Comparison, Node, parse};

/// The query parameter, as errors name it.
const PARAMETER: &str = "filter";

/// Adds the condition of an expression; what is wrong with it is told at `filter`, with the character.
pub(crate) fn compile(
    text: &str,
    fields: &Fields,
    caller: &Caller,
    condition: &mut Condition,
    errors: &mut FieldErrors,
) {
    match parse(text) {
        Ok(None) => {}
        Ok(Some(node)) => {
            let sql = Compiler {
                fields,
                caller,
                condition,
                errors,
            }
            .node(&node);
            condition.and(&sql);
        }
        Err(error) => errors.push_at(PARAMETER, "syntax", error.message, error.position),
    }
}

struct Compiler<'c> {
    fields: &'c Fields,
    caller: &'c Caller,
    condition: &'c mut Condition,
    errors: &'c mut FieldErrors,
}

impl Compiler<'_> {
    fn node(&mut self, node: &Node) -> String {
        match node {
            Node::And(nodes) => self.all(nodes, "and"),
            Node::Or(nodes) => self.all(nodes, "or"),
            // Every comparison is true or false, never unknown.
            Node::Not(node) => format!("not ({})", self.node(node)),
            Node::Words(words) => search::exact(&words.text, self.condition),
            Node::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn all(&mut self, nodes: &[Node], word: &str) -> String {
        let parts: Vec<String> = nodes.iter().map(|node| self.node(node)).collect();
        joined(&parts, word)
    }

    fn comparison(&mut self, comparison: &Comparison) -> String {
        let Comparison {
            field,
            position,
            operator,
            value,
        } = comparison;
        let Some(leaf) = self.fields.public(field).filter(|leaf| leaf.filterable) else {
            let message = format!("There is no field {field} to filter by.");
            self.errors
                .push_at(PARAMETER, "unknown_field", message, *position);
            return "false".to_owned();
        };
        let operand = Operand {
            text: &value.text,
            quoted: value.quoted,
        };
        compare(leaf, *operator, operand, self.caller, self.condition).unwrap_or_else(|fault| {
            let message = format!("{field}: {}", fault.message);
            self.errors
                .push_at(PARAMETER, fault.code, message, value.position);
            "false".to_owned()
        })
    }
}
