//! `search`: words in any order, each the beginning of a word of the record, or, when nothing has them all, with one typo.
//!
//! The column `search` holds the folded words of a record, each after a blank (see [`fold`](crate::fold)), under a GIN
//! index of trigrams. A word is looked for by `search like '% word%'`; the blank makes it a beginning, and even two letters
//! have a trigram then. Typos are looked for only when nothing was found without: `jonhson` becomes the words that one
//! swapped, missing, wrong or additional letter makes of it, as patterns of `like` again, so that nothing is found that is
//! further away.
//!
//! Under Row-Level Security the planner uses an index only for operators that are leakproof, so that no function sees
//! rows of other companies. The function behind `like` tells nothing of a row but its answer, but isn't declared so:
//! see [`MAKE_SEARCH_INDEXABLE`].

use std::collections::BTreeSet;

use super::condition::{Condition, joined};
use crate::fold;
use crate::leaf::{Form, Kind};
use crate::value::Value;

/// Declares `like` leakproof, for the role that migrates when it is a superuser. Without it search answers the same, but
/// reads every record of the company. The only text that the function can raise is about the pattern, which is the
/// caller's own.
pub const MAKE_SEARCH_INDEXABLE: &str = "alter function pg_catalog.textlike(text, text) leakproof";

/// More words than these make no search finer.
const MOST_WORDS: usize = 8;
/// Shorter words have too many neighbours, longer ones too many letters to get wrong.
const TYPO_LENGTHS: std::ops::RangeInclusive<usize> = 4..=20;

/// Every word begins a word of the record. A text without any word finds nothing.
pub(crate) fn exact(text: &str, condition: &mut Condition) -> String {
    all(text, condition, |word| BTreeSet::from([word.to_owned()]))
}

/// Every word, or one a typo away from it, begins a word of the record.
pub(crate) fn with_typos(text: &str, condition: &mut Condition) -> String {
    all(text, condition, neighbours)
}

fn all(text: &str, condition: &mut Condition, variants: impl Fn(&str) -> BTreeSet<String>) -> String {
    let mut words = fold::words(text);
    words.truncate(MOST_WORDS);
    if words.is_empty() {
        return "false".to_owned();
    }
    let parts: Vec<String> = words
        .iter()
        .map(|word| {
            let any: Vec<String> = variants(word)
                .into_iter()
                .map(|variant| {
                    let pattern = Value::Text(format!("% {variant}%"));
                    format!("search like {}", condition.bind(Kind::Text(Form::Line), pattern))
                })
                .collect();
            joined(&any, "or")
        })
        .collect();
    joined(&parts, "and")
}

/// The word and what one typo makes of it; `_` is any letter.
fn neighbours(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut variants = BTreeSet::from([word.to_owned()]);
    if !TYPO_LENGTHS.contains(&letters.len()) {
        return variants;
    }
    for at in 0..letters.len() {
        let (before, after) = letters.split_at(at);
        let text = |parts: [&[char]; 3]| parts.concat().into_iter().collect::<String>();
        // A wrong letter, a missing one, one too many, two swapped.
        variants.insert(text([before, &['_'], &after[1..]]));
        variants.insert(text([before, &['_'], after]));
        variants.insert(text([before, &[], &after[1..]]));
        if let [first, second, rest @ ..] = after {
            variants.insert(text([before, &[*second, *first], rest]));
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_one_letter_wrong_missing_too_many_or_swapped() {
        let variants = neighbours("jonhson");
        for wanted in [
            "jonhson", "johnson", "_onhson", "jon_son", "jo_nhson", "jnhson", "jonhso",
        ] {
            assert!(variants.contains(wanted), "{wanted}");
        }
        assert_eq!(neighbours("abc").len(), 1);
    }

    #[test]
    fn only_letters_and_digits_reach_a_pattern() {
        let mut condition = Condition::default();
        assert_eq!(
            exact("100%_\\ o'x", &mut condition),
            "(search like $1 and search like $2)"
        );
        assert_eq!(exact("%%", &mut Condition::default()), "false");
    }
}
