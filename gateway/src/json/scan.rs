//! Reads JSON text piece by piece, without building a tree of it.

use std::borrow::Cow;

/// Text that is no JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// The byte where it goes wrong.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

/// What kind of value stands next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// `{`
    Object,
    /// `[`
    List,
    /// `"`
    String,
    /// A digit or `-`.
    Number,
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
}

impl Next {
    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool(_) => "a boolean",
            Self::Null => "null",
        }
    }
}

/// Values may lie within one another this deep.
pub const DEPTH: usize = 64;

/// A position in JSON text.
#[derive(Debug)]
pub struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, NotJson>;

impl<'a> Scan<'a> {
    /// Begins at the beginning.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn fail<T>(&self, why: &'static str) -> Result<T> {
        Err(NotJson { at: self.at, why })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.fail("values lie too deep within one another");
        }
        Ok(())
    }

    /// Looks at what stands next. Words are read; everything else is read by the function for its kind.
    pub fn peek(&mut self) -> Result<Next> {
        self.skip_blank();
        let word = |scan: &mut Self, word: &str, next| {
            if !scan.text[scan.at..].starts_with(word) {
                return scan.fail("a value was expected");
            }
            scan.at += word.len();
            Ok(next)
        };
        match self.byte() {
            Some(b'{') => Ok(Next::Object),
            Some(b'[') => Ok(Next::List),
            Some(b'"') => Ok(Next::String),
            Some(b'-' | b'0'..=b'9') => Ok(Next::Number),
            Some(b't') => word(self, "true", Next::Bool(true)),
            Some(b'f') => word(self, "false", Next::Bool(false)),
            Some(b'n') => word(self, "null", Next::Null),
            Some(_) => self.fail("a value was expected"),
            None => self.fail("the text ends where a value was expected"),
        }
    }

    /// Reads `{` or `[`.
    pub fn open(&mut self) -> Result<()> {
        self.at += 1;
        self.enter()
    }

    /// Reads the next key of an object and its colon, or the object's end. `first` is made false.
    pub fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>> {
        if !self.more(b'}', first)? {
            return Ok(None);
        }
        self.skip_blank();
        if self.byte() != Some(b'"') {
            return self.fail("a key in quotes was expected");
        }
        let key = self.string()?;
        self.skip_blank();
        if self.byte() != Some(b':') {
            return self.fail("a colon was expected");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether another item of a list follows; reads the comma before it, or the list's end.
    pub fn item(&mut self, first: &mut bool) -> Result<bool> {
        self.more(b']', first)
    }

    fn more(&mut self, end: u8, first: &mut bool) -> Result<bool> {
        self.skip_blank();
        let begins = std::mem::replace(first, false);
        match self.byte() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !begins => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if begins => Ok(true),
            Some(_) => self.fail("a comma or the end was expected"),
            None => self.fail("the text ends too early"),
        }
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        match self.text()? {
            (text, true) => Ok(text),
            (_, false) => self.fail("half of a surrogate pair is no character"),
        }
    }

    /// Reads a string, and whether it is one of whole characters: a lone half of a surrogate pair is well-formed JSON, and
    /// no Unicode.
    pub fn text(&mut self) -> Result<(Cow<'a, str>, bool)> {
        self.at += 1;
        let begin = self.at;
        let mut plain = begin;
        let mut whole = true;
        let mut unescaped = String::new();
        loop {
            match self.byte() {
                None => return self.fail("the text ends within a string"),
                Some(b'"') => {
                    let rest = &self.text[plain..self.at];
                    self.at += 1;
                    if plain == begin {
                        return Ok((Cow::Borrowed(rest), whole));
                    }
                    unescaped.push_str(rest);
                    return Ok((Cow::Owned(unescaped), whole));
                }
                Some(b'\\') => {
                    unescaped.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    match self.escaped()? {
                        Some(letter) => unescaped.push(letter),
                        None => whole = false,
                    }
                    plain = self.at;
                }
                Some(0..0x20) => return self.fail("a control character must be escaped"),
                Some(_) => self.at += 1,
            }
        }
    }

    /// None for half of a surrogate pair.
    fn escaped(&mut self) -> Result<Option<char>> {
        let letter = self.byte();
        self.at += 1;
        Ok(Some(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let mut code = u32::from(self.hex()?);
                if (0xd800..0xdc00).contains(&code) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = u32::from(self.hex()?);
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    }
                }
                return Ok(char::from_u32(code));
            }
            _ => {
                self.at -= 1;
                return self.fail("an unknown escape");
            }
        }))
    }

    fn hex(&mut self) -> Result<u16> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|digits| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.fail("four hexadecimal digits were expected"),
        }
    }

    /// Reads a number as it is written.
    pub fn number(&mut self) -> Result<&'a str> {
        let begin = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            self.at -= whole;
            return self.fail("a number has no zeros before it");
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[begin..self.at])
    }

    fn digits(&mut self) -> Result<usize> {
        let begin = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == begin {
            self.fail("a digit was expected")
        } else {
            Ok(self.at - begin)
        }
    }

    /// Reads a value and forgets it.
    pub fn skip(&mut self, next: Next) -> Result<()> {
        match next {
            Next::Object => {
                self.open()?;
                let mut first = true;
                while self.key(&mut first)?.is_some() {
                    let next = self.peek()?;
                    self.skip(next)?;
                }
            }
            Next::List => {
                self.open()?;
                let mut first = true;
                while self.item(&mut first)? {
                    let next = self.peek()?;
                    self.skip(next)?;
                }
            }
            Next::String => drop(self.string()?),
            Next::Number => drop(self.number()?),
            Next::Bool(_) | Next::Null => {}
        }
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub fn end(&mut self) -> Result<()> {
        self.skip_blank();
        if self.at == self.text.len() {
            Ok(())
        } else {
            self.fail("something follows the end")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<()> {
        let mut scan = Scan::new(text);
        let next = scan.peek()?;
        scan.skip(next)?;
        scan.end()
    }

    proptest! {
        #[test]
        fn text_is_json_exactly_when_another_reader_says_so(text in r#"[\[\]{},:"\\ 0-9a-fnul.eE+\-tr]{0,24}"#) {
            prop_assert_eq!(read(&text).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn a_string_reads_as_it_was_written(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut scan = Scan::new(&json);
            prop_assert_eq!(scan.peek().unwrap(), Next::String);
            prop_assert_eq!(scan.string().unwrap(), text);
        }
    }

    #[test]
    fn the_place_of_a_mistake_is_told() {
        assert_eq!(read(r#"{"a": 1,}"#).unwrap_err().at, 8);
        assert_eq!(read("[1 2]").unwrap_err().at, 3);
        assert_eq!(
            read(r#""\ud800""#).unwrap_err().why,
            "half of a surrogate pair is no character"
        );
        assert_eq!(read("").unwrap_err().at, 0);
    }

    #[test]
    fn nesting_ends_somewhere() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(DEPTH)).is_ok());
        assert!(read(&deep(DEPTH + 1)).is_err());
        assert!(read(&"[".repeat(1_000_000)).is_err());
    }
}
