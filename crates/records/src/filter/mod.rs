//! Filter expressions of AIP-160: `score >= 50 AND (industry = "Software" OR tags:"vip")`.
//!
//! [`parse`] makes a tree of the text, and knows nothing of fields; `query::compile` makes SQL of the tree.

mod parser;

pub use parser::parse;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// All of them.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// A bare word or string: searched for.
    Words(Literal),
    /// A field compared with a value.
    Compare(Comparison),
}

/// A field compared with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The field's dotted path.
    pub field: String,
    /// Where the field stands: the 0-based character.
    pub position: u32,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Literal,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Its text, without quotes and escapes.
    pub text: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Where it stands: the 0-based character.
    pub position: u32,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:`
    Has,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }
}

/// Where and why an expression can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The 0-based character.
    pub position: u32,
    /// A sentence for a person.
    pub message: &'static str,
}
