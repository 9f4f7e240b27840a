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
/// From this length on the halves of a word are rare enough to look for.
const PIECES_FROM: usize = 8;

/// Every word begins a word of the record. A text without any word finds nothing.
pub(crate) fn exact(text: &str, condition: &mut Condition) -> String {
    all(text, condition, |word, condition| {
        like(&format!("% {word}%"), condition)
    })
}

/// Every word, or one a typo away from it, begins a word of the record.
pub(crate) fn with_typos(text: &str, condition: &mut Condition) -> String {
    all(text, condition, |word, condition| {
        let near: Vec<String> = neighbours(word)
            .into_iter()
            .map(|variant| format!("% {variant}%"))
            .collect();
        let Some(pieces) = pieces(word) else {
            let any: Vec<String> = near.iter().map(|pattern| like(pattern, condition)).collect();
            return joined(&any, "or");
        };
        let any: Vec<String> = pieces.iter().map(|pattern| like(pattern, condition)).collect();
        let near: Vec<String> = near
            .into_iter()
            .map(|pattern| place(pattern, condition))
            .collect();
        // As an expression the column has no index: these judge what the pieces have found.
        format!(
            "({} and (search || '') like any (array[{}]))",
            joined(&any, "or"),
            near.join(", ")
        )
    })
}

/// A word of the record begins like one of these, folded ones, or, of the first one and of long ones, a typo away from it. It
/// holds for some others too, as it only asks what the index answers by itself, and with few looks at it.
pub(crate) fn near_any(words: &[&str], condition: &mut Condition) -> String {
    let patterns: BTreeSet<String> = words
        .iter()
        .enumerate()
        .flat_map(|(at, word)| match pieces(word) {
            Some(pieces) => pieces.to_vec(),
            None if at == 0 => neighbours(word).iter().map(|near| format!("% {near}%")).collect(),
            None => vec![format!("% {word}%")],
        })
        .collect();
    let any: Vec<String> = patterns.iter().map(|pattern| like(pattern, condition)).collect();
    joined(&any, "or")
}

fn all(text: &str, condition: &mut Condition, holds: impl Fn(&str, &mut Condition) -> String) -> String {
    let mut words = fold::words(text);
    words.truncate(MOST_WORDS);
    if words.is_empty() {
        return "false".to_owned();
    }
    let parts: Vec<String> = words.iter().map(|word| holds(word, condition)).collect();
    joined(&parts, "and")
}

fn like(pattern: &str, condition: &mut Condition) -> String {
    format!("search like {}", place(pattern.to_owned(), condition))
}

fn place(pattern: String, condition: &mut Condition) -> String {
    condition
        .bind(Kind::Text(Form::Line), Value::Text(pattern))
        .to_string()
}

/// Patterns of which one holds wherever a neighbour of a long word does: one typo leaves one half of it whole, unless it
/// swaps the two letters between which the halves part. Three looks at the index instead of four a letter. Halves of a
/// shorter word are too frequent.
fn pieces(word: &str) -> Option<[String; 3]> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < PIECES_FROM || !TYPO_LENGTHS.contains(&letters.len()) {
        return None;
    }
    let half = letters.len() / 2;
    let text = |letters: &[char]| letters.iter().collect::<String>();
    let mut swapped = letters.clone();
    swapped.swap(half - 1, half);
    Some([
        format!("% {}%", text(&letters[..half])),
        format!("%{}%", text(&letters[half..])),
        format!("% {}%", text(&swapped)),
    ])
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

    /// Whether a folded text is like one of these patterns, which have no `_`.
    fn is_like(text: &str, patterns: &[String]) -> bool {
        patterns
            .iter()
            .any(|pattern| text.contains(pattern.trim_matches('%')))
    }

    #[test]
    fn whatever_is_a_typo_away_holds_a_piece_of_the_word() {
        assert_eq!(pieces("jonhson"), None);
        for word in ["quixotic", "lovelaces"] {
            let pieces = pieces(word).unwrap();
            for near in neighbours(word) {
                // `_` is any letter, so also one that stands nowhere in the word.
                let text = format!(" {}", near.replace('_', "0"));
                assert!(is_like(&text, &pieces), "{word} as{text}");
            }
            assert!(!is_like(" qixuotci", &pieces) && !is_like(" lvoelacse", &pieces));
        }
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
