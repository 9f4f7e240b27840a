//! The grammar of AIP-160, by recursive descent. OR binds tighter than AND; words side by side are ANDed.
//!
//! ```text
//! expression = sequence { AND sequence }
//! sequence   = factor { factor }
//! factor     = term { OR term }
//! term       = [ NOT | "-" ] simple
//! simple     = "(" expression ")" | value | field operator ( value | "(" expression of values ")" )
//! ```

use super::{Comparison, Literal, Node, Operator, SyntaxError};

/// The most characters of an expression.
const LONGEST: usize = 10_000;
/// How deep parentheses and negations may nest, so that no expression exhausts the stack.
const DEEPEST: usize = 50;

/// Reads an expression; none when it is blank.
///
/// # Errors
/// Where and why it can't be read.
pub fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut parser = Parser {
        characters: text.chars().collect(),
        at: 0,
        depth: 0,
    };
    if parser.characters.len() > LONGEST {
        parser.at = LONGEST;
        return Err(parser.error("An expression has at most 10,000 characters."));
    }
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Ok(None);
    }
    let node = parser.expression(None)?;
    match parser.peek() {
        None => Ok(Some(node)),
        Some(')') => Err(parser.error("No parenthesis is open here.")),
        Some(_) => Err(parser.error("AND, OR or the end was expected.")),
    }
}

/// The field and operator whose values stand in the parentheses at hand: `tags:(vip OR new)`.
type Subject<'s> = Option<(&'s str, u32, Operator)>;

struct Parser {
    characters: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn expression(&mut self, subject: Subject<'_>) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("This is nested too deeply."));
        }
        let mut all = Vec::new();
        loop {
            // A sequence: factors side by side.
            all.push(self.factor(subject)?);
            self.skip_blanks();
            if self.keyword("AND") {
                self.skip_blanks();
                continue;
            }
            if matches!(self.peek(), None | Some(')')) {
                break;
            }
        }
        self.depth -= 1;
        Ok(one_or(all, Node::And))
    }

    fn factor(&mut self, subject: Subject<'_>) -> Result<Node, SyntaxError> {
        let mut any = vec![self.term(subject)?];
        loop {
            let before = self.at;
            self.skip_blanks();
            if !self.keyword("OR") {
                self.at = before;
                return Ok(one_or(any, Node::Or));
            }
            self.skip_blanks();
            any.push(self.term(subject)?);
        }
    }

    fn term(&mut self, subject: Subject<'_>) -> Result<Node, SyntaxError> {
        if self.keyword("NOT") {
            self.skip_blanks();
            return Ok(Node::Not(Box::new(self.simple(subject)?)));
        }
        // Among the values of a field, `-5` is a number.
        if subject.is_none() && self.peek() == Some('-') {
            self.at += 1;
            return Ok(Node::Not(Box::new(self.simple(subject)?)));
        }
        self.simple(subject)
    }

    fn simple(&mut self, subject: Subject<'_>) -> Result<Node, SyntaxError> {
        if self.peek() == Some('(') {
            return self.parentheses(subject);
        }
        match subject {
            Some((field, position, operator)) => {
                let value = self.value()?;
                Ok(Node::Compare(Comparison {
                    field: field.to_owned(),
                    position,
                    operator,
                    value,
                }))
            }
            None => self.restriction(),
        }
    }

    fn parentheses(&mut self, subject: Subject<'_>) -> Result<Node, SyntaxError> {
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(')') {
            return Err(self.error("An expression was expected."));
        }
        let node = self.expression(subject)?;
        self.skip_blanks();
        if self.peek() != Some(')') {
            return Err(self.error("A closing parenthesis was expected."));
        }
        self.at += 1;
        Ok(node)
    }

    fn restriction(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        if matches!(self.peek(), Some('"' | '\'')) {
            let words = self.string()?;
            self.skip_blanks();
            if self.operator().is_some() {
                self.at = start;
                return Err(self.error("A field was expected, not a string."));
            }
            return Ok(Node::Words(words));
        }
        let text = self.run(|c| !is_structure(c) && c != ':');
        if text.is_empty() {
            return Err(self.error("A field or a word was expected."));
        }
        if is_keyword(&text) {
            self.at = start;
            return Err(self.error("A field or a word was expected."));
        }
        if self.peek() == Some('(') {
            return Err(self.error("There are no functions."));
        }
        let (end, position) = (self.at, place(start));
        self.skip_blanks();
        let Some(operator) = self.operator() else {
            self.at = end;
            return Ok(Node::Words(Literal {
                text,
                quoted: false,
                position,
            }));
        };
        if !is_path(&text) {
            self.at = start;
            return Err(self.error("This is no field."));
        }
        self.skip_blanks();
        if self.peek() == Some('(') {
            return self.parentheses(Some((&text, position, operator)));
        }
        let value = self.value()?;
        Ok(Node::Compare(Comparison {
            field: text,
            position,
            operator,
            value,
        }))
    }

    /// What stands after an operator: a string, or characters up to a blank or a parenthesis.
    fn value(&mut self) -> Result<Literal, SyntaxError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.string();
        }
        let start = self.at;
        let text = self.run(|c| !is_structure(c));
        if text.is_empty() || is_keyword(&text) {
            self.at = start;
            return Err(self.error("A value was expected."));
        }
        Ok(Literal {
            text,
            quoted: false,
            position: place(start),
        })
    }

    fn string(&mut self) -> Result<Literal, SyntaxError> {
        let start = self.at;
        let quote = self.peek();
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    self.at = start;
                    return Err(self.error("This string has no end."));
                }
                Some('\\') if self.at + 1 < self.characters.len() => {
                    text.push(self.characters[self.at + 1]);
                    self.at += 2;
                }
                end if end == quote => {
                    self.at += 1;
                    return Ok(Literal {
                        text,
                        quoted: true,
                        position: place(start),
                    });
                }
                Some(character) => {
                    text.push(character);
                    self.at += 1;
                }
            }
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let next = self.characters.get(self.at + 1).copied();
        let (operator, length) = match (self.peek()?, next) {
            ('<', Some('=')) => (Operator::LessOrEqual, 2),
            ('>', Some('=')) => (Operator::GreaterOrEqual, 2),
            ('!', Some('=')) => (Operator::NotEqual, 2),
            ('<', _) => (Operator::Less, 1),
            ('>', _) => (Operator::Greater, 1),
            ('=', _) => (Operator::Equal, 1),
            (':', _) => (Operator::Has, 1),
            _ => return None,
        };
        self.at += length;
        Some(operator)
    }

    /// Takes a keyword that stands by itself.
    fn keyword(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let here = self.characters[self.at..]
            .iter()
            .copied()
            .take(word.len())
            .eq(word.chars());
        let alone = self
            .characters
            .get(end)
            .is_none_or(|&c| c.is_whitespace() || c == '(' || c == ')');
        if here && alone {
            self.at = end;
        }
        here && alone
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.characters[start..self.at].iter().collect()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn error(&self, message: &'static str) -> SyntaxError {
        SyntaxError {
            position: place(self.at),
            message,
        }
    }
}

fn is_structure(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '=' | '!' | '"' | '\'')
}

fn is_keyword(text: &str) -> bool {
    matches!(text, "AND" | "OR" | "NOT")
}

fn is_path(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            many(nodes)
        }
        None => many(nodes),
    }
}

/// An expression is far shorter than that.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
