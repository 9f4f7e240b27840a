//! A script of pgbench made of what a service sent: the same statements in one round trip, prepared, with ids that vary.

use std::fmt::Write as _;

use crate::sent::Statement;

/// Values that take turns at random in place of the one that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    /// The parameter as it was sent.
    pub(crate) sent: String,
    /// The type of PostgreSQL that it has.
    pub(crate) kind: &'static str,
    /// What stands in its place. Several picks of one script change together, so they are equally many.
    pub(crate) values: Vec<String>,
}

/// How a transaction is made into a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipe {
    /// Parameters that vary among given values.
    pub(crate) picks: Vec<Pick>,
    /// Ids that stay: the company, the user. When there are some, all others become new ones in every round, as those of
    /// a record that is made.
    pub(crate) known_ids: Option<Vec<String>>,
    /// Pieces of text that are replaced.
    pub(crate) instead: Vec<(&'static str, &'static str)>,
}

/// The script; `run` keeps its new ids apart from those of other runs.
pub(crate) fn script(transaction: &[Statement], recipe: &Recipe, run: u32) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    if let Some(pick) = recipe.picks.first() {
        let _ = writeln!(out, "\\set pick random(1, {})", pick.values.len());
    }
    if recipe.known_ids.is_some() {
        out.push_str("\\set round :round + 1\n\\set tail :client_id * 4294967296 + :round\n");
    }
    out.push_str("\\startpipeline\n");
    let mut new_ids = Vec::new();
    for statement in transaction {
        let text = recipe
            .instead
            .iter()
            .fold(statement.text.clone(), |text, (old, new)| text.replace(old, new));
        let mut place = |parameter: &Option<String>| recipe.literal(parameter.as_deref(), run, &mut new_ids);
        let parameters: Vec<String> = statement.parameters.iter().map(&mut place).collect();
        let text = fill_in(&text, &parameters);
        if parameters.is_empty() {
            // What begins a transaction is several statements in one text; pgbench prepares one at a time.
            for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
                let _ = writeln!(out, "{part};");
            }
        } else {
            let _ = writeln!(out, "{text};");
        }
    }
    let ends = |statement: &Statement| {
        let text = statement.text.to_ascii_lowercase();
        text.starts_with("commit") || text.starts_with("rollback")
    };
    if !transaction.last().is_some_and(ends) {
        out.push_str("rollback;\n");
    }
    out.push_str("\\endpipeline\n");
    out
}

/// A statement with its parameters written out, for psql.
pub(crate) fn written_out(statement: &Statement) -> String {
    let parameters: Vec<String> = statement
        .parameters
        .iter()
        .map(|parameter| parameter.as_deref().map_or_else(|| "null".to_owned(), quoted))
        .collect();
    fill_in(&statement.text, &parameters)
}

impl Recipe {
    fn literal(&self, parameter: Option<&str>, run: u32, new_ids: &mut Vec<String>) -> String {
        let Some(text) = parameter else {
            return "null".to_owned();
        };
        if let Some(pick) = self.picks.iter().find(|pick| pick.sent == text) {
            return picked(pick);
        }
        match &self.known_ids {
            Some(known) => with_new_ids(text, known, run, new_ids),
            None => quoted(text),
        }
    }
}

/// An element of a constant array: the server finds it in no time, however many there are.
fn picked(pick: &Pick) -> String {
    let elements: Vec<String> = pick
        .values
        .iter()
        .map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    let array = quoted(&format!("{{{}}}", elements.join(",")));
    format!("(({array}::{}[])[:pick])", pick.kind)
}

/// What stands in a text for the end of a new id until pgbench runs it.
const TAIL: &str = "<tail>";

/// A text in which ids that aren't known give way to new ones: the same wherever the same stood. However many there are,
/// it has one variable: pgbench makes an argument of each, and takes 255 of them.
fn with_new_ids(text: &str, known: &[String], run: u32, new_ids: &mut Vec<String>) -> String {
    let mut pattern = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_id(rest, known) {
        let (before, id) = (&rest[..at], &rest[at..at + ID]);
        let number = new_ids.iter().position(|other| other == id).unwrap_or_else(|| {
            new_ids.push(id.to_owned());
            new_ids.len() - 1
        });
        // As an id of version 7: it begins as those that are made now, and grows. Writing to a String can't fail.
        let _ = write!(
            pattern,
            "{before}{}-7{:03x}-8{:03x}-{TAIL}",
            &id[..13],
            number % 0x1000,
            run % 0x1000
        );
        rest = &rest[at + ID..];
    }
    if pattern.is_empty() {
        return quoted(text);
    }
    pattern.push_str(rest);
    let of_ids = |letter: char| letter.is_ascii_hexdigit() || "{}-,".contains(letter);
    let kind = match text.chars().all(of_ids) {
        true if text.starts_with('{') => "::uuid[]",
        true => "::uuid",
        false => "",
    };
    let pattern = quoted(&pattern);
    format!("replace({pattern}, '{TAIL}', lpad(to_hex(:tail::bigint), 12, '0')){kind}")
}

const ID: usize = 36;

/// Where the first id stands that isn't known.
fn find_id(text: &str, known: &[String]) -> Option<usize> {
    let is_id = |at: &usize| {
        text.get(*at..at + ID).is_some_and(|id| {
            let shape = |(index, byte): (usize, u8)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            };
            id.bytes().enumerate().all(shape) && !known.iter().any(|known| known == id)
        })
    };
    (0..text.len().saturating_sub(ID - 1)).find(is_id)
}

/// A literal in which pgbench finds no variable of its own.
fn quoted(text: &str) -> String {
    if text.contains([':', '\\']) {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('\'', "''")
            .replace(':', "\\072");
        format!("E'{escaped}'")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Puts the parameters where `$1` … stand.
fn fill_in(text: &str, parameters: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.len()
            - after
                .trim_start_matches(|letter: char| letter.is_ascii_digit())
                .len();
        let number: Option<usize> = after[..digits].parse().ok();
        match number.and_then(|number| parameters.get(number.checked_sub(1)?)) {
            Some(parameter) => out.push_str(parameter),
            None => {
                out.push('$');
                out.push_str(&after[..digits]);
            }
        }
        rest = &after[digits..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID_A: &str = "019ac0de-aaaa-7abc-8def-0123456789ab";
    const ID_B: &str = "019ac0de-bbbb-7abc-8def-0123456789ab";

    fn statement(text: &str, parameters: &[Option<&str>]) -> Statement {
        Statement {
            text: text.to_owned(),
            parameters: parameters.iter().map(|text| text.map(str::to_owned)).collect(),
        }
    }

    #[test]
    fn a_read_becomes_one_round_trip_with_a_random_id() {
        let read = [
            statement("begin read only; set local kontor.company_id = 'c'", &[]),
            statement(
                "select x from t where company_id = $1 and id = $2",
                &[Some("c"), Some("a")],
            ),
        ];
        let recipe = Recipe {
            picks: vec![Pick {
                sent: "a".to_owned(),
                kind: "uuid",
                values: vec!["a".to_owned(), "b".to_owned()],
            }],
            ..Recipe::default()
        };
        assert_eq!(
            script(&read, &recipe, 1),
            "\\set pick random(1, 2)\n\\startpipeline\nbegin read only;\nset local kontor.company_id = 'c';\n\
             select x from t where company_id = 'c' and id = (('{\"a\",\"b\"}'::uuid[])[:pick]);\n\
             rollback;\n\\endpipeline\n"
        );
    }

    #[test]
    fn what_is_made_has_new_ids_in_every_round() {
        let recipe = Recipe {
            known_ids: Some(vec![ID_B.to_owned()]),
            ..Recipe::default()
        };
        let mut new_ids = Vec::new();
        let mut literal = |text: &str| recipe.literal(Some(text), 2, &mut new_ids);
        assert_eq!(literal(ID_B), format!("'{ID_B}'"));
        let new = "019ac0de-aaaa-7000-8002-<tail>";
        let tail = "'<tail>', lpad(to_hex(:tail::bigint), 12, '0')";
        assert_eq!(literal(ID_A), format!("replace('{new}', {tail})::uuid"));
        assert_eq!(
            literal(&format!("{{{ID_A},{ID_B},{ID_A}}}")),
            format!("replace('{{{new},{ID_B},{new}}}', {tail})::uuid[]")
        );
    }

    #[test]
    fn no_literal_holds_a_variable_of_pgbench() {
        assert_eq!(quoted("{\"a\":true}"), "E'{\"a\"\\072true}'");
        assert_eq!(quoted("it's"), "'it''s'");
    }

    #[test]
    fn parameters_stand_where_their_numbers_stood() {
        let parameters: Vec<String> = (1..=10).map(|n| format!("'{n}'")).collect();
        assert_eq!(fill_in("$10::int, $1, '$'", &parameters), "'10'::int, '1', '$'");
        assert_eq!(
            written_out(&statement("select $1, $2", &[None, Some("x")])),
            "select null, 'x'"
        );
    }
}
