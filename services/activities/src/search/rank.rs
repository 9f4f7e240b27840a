//! How well a record matches the words of a search, and which of its own words do. Pure.

use kontor_records::fold;

/// How well a record matches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rank {
    /// 0 to 1.
    pub(super) score: f64,
    /// The record's words that match, as they stand in it.
    pub(super) matches: Vec<String>,
}

/// What a word that stands elsewhere than in the name is worth.
const BESIDE_THE_NAME: f64 = 0.8;
/// A word that the record's service found where it isn't looked at here.
const UNSEEN: f64 = 0.1;

/// A word of a record: as it stands there, and folded.
struct Word<'t> {
    shown: &'t str,
    folded: Vec<String>,
    weight: f64,
}

/// Ranks a record by its name and the other texts it is found by. `words` are folded.
pub(super) fn rank(words: &[String], name: &str, texts: &[String]) -> Rank {
    let mut own: Vec<Word<'_>> = of_text(name, 1.0).collect();
    let named = own.iter().map(|word| word.folded.len()).sum::<usize>();
    for text in texts {
        own.extend(of_text(text, BESIDE_THE_NAME));
        own.extend(number(text));
    }
    let mut matches: Vec<String> = Vec::new();
    let mut sum = 0.0;
    for wanted in words {
        let best = own
            .iter()
            .map(|word| (word, word.weight * nearest(wanted, &word.folded)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .filter(|(_, worth)| *worth > 0.0);
        match best {
            Some((word, worth)) => {
                sum += worth;
                if !matches.iter().any(|known| known == word.shown) {
                    matches.push(word.shown.to_owned());
                }
            }
            None => sum += UNSEEN,
        }
    }
    Rank {
        score: sum / count(words.len()) * (0.9 + 0.1 * (count(words.len()) / count(named)).min(1.0)),
        matches,
    }
}

#[allow(clippy::cast_precision_loss)] // a text has few words
fn count(words: usize) -> f64 {
    words.max(1) as f64
}

/// The words of a text, parted by blanks, without the punctuation around them.
fn of_text(text: &str, weight: f64) -> impl Iterator<Item = Word<'_>> {
    text.split_whitespace().map(move |shown| Word {
        shown: shown.trim_matches(|c: char| !c.is_alphanumeric()),
        folded: fold::words(shown),
        weight,
    })
}

/// A telephone number is one word, however its blanks stand.
fn number(text: &str) -> Option<Word<'_>> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number = digits.len() >= 5 && !text.chars().any(char::is_alphabetic);
    is_number.then(|| Word {
        shown: text,
        folded: vec![digits],
        weight: BESIDE_THE_NAME,
    })
}

/// How near the nearest of a record's words comes: 1 when they are the same, less when it only begins so, least with a typo.
fn nearest(wanted: &str, folded: &[String]) -> f64 {
    folded.iter().map(|word| near(wanted, word)).fold(0.0, f64::max)
}

fn near(wanted: &str, word: &str) -> f64 {
    if wanted == word {
        1.0
    } else if word.starts_with(wanted) {
        0.6 + 0.3 * count(wanted.chars().count()) / count(word.chars().count())
    } else if begins_with_one_typo(wanted, word) {
        0.5
    } else {
        0.0
    }
}

/// Whether a word begins as wanted but for one letter that is wrong, missing, too many or swapped with the next.
fn begins_with_one_typo(wanted: &str, word: &str) -> bool {
    let (wanted, word): (Vec<char>, Vec<char>) = (wanted.chars().collect(), word.chars().collect());
    if wanted.len() < 4 {
        return false;
    }
    let same = wanted.iter().zip(&word).take_while(|(a, b)| a == b).count();
    let begins = |skipped: usize, passed: usize| {
        let rest = wanted.get(same + skipped..).unwrap_or_default();
        word.get(same + passed..)
            .is_some_and(|word| word.starts_with(rest))
    };
    let swapped = || match (wanted.get(same..same + 2), word.get(same..same + 2)) {
        (Some([a, b]), Some([c, d])) => a == d && b == c && begins(2, 2),
        _ => false,
    };
    begins(1, 1) || begins(1, 0) || begins(0, 1) || swapped()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        fold::words(text)
    }

    fn of(query: &str, name: &str, texts: &[&str]) -> Rank {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        rank(&words(query), name, &texts)
    }

    #[test]
    fn a_whole_name_is_better_than_its_beginning_and_that_than_a_typo() {
        let scores = [
            of("acme", "Acme", &[]),
            of("acme", "Acme Corporation", &[]),
            of("acme", "Other", &["acme.com"]),
            of("acme", "Acmeville", &[]),
            of("acme", "Acne", &[]),
        ]
        .map(|rank| rank.score);
        assert!((scores[0] - 1.0).abs() < f64::EPSILON);
        assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    }

    #[test]
    fn the_words_that_match_are_shown_as_they_stand_in_the_record() {
        let rank = of("zoe brown", "Brown, Zoë", &["zoe@brown.example"]);
        assert_eq!(rank.matches, ["Zoë", "Brown"]);
        let rank = of("jonhson 15550107788", "Johnson & Co", &["+1 (555) 010-7788"]);
        assert_eq!(rank.matches, ["Johnson", "+1 (555) 010-7788"]);
    }

    #[test]
    fn a_typo_is_one_letter_wrong_missing_too_many_or_swapped() {
        for wanted in ["jonhson", "jonson", "johnsson", "xohnson", "johnso", "johnsom"] {
            assert!(near(wanted, "johnson") > 0.0, "{wanted}");
        }
        for wanted in ["jnhsno", "jo", "smith", "johnsonnn"] {
            assert!(!begins_with_one_typo(wanted, "johnson"), "{wanted}");
        }
    }

    #[test]
    fn what_the_service_found_unseen_is_last_but_there() {
        let rank = of("hidden", "Acme", &[]);
        assert!(rank.score > 0.0 && rank.score < 0.2);
        assert_eq!(rank.matches, Vec::<String>::new());
        assert!(of("", "", &[]).score.is_finite());
    }
}
