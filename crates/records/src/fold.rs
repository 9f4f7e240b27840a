//! Text as `search` compares it: without case, accents and punctuation.
//!
//! A record's searchable values are folded into its column `search`, each word with one blank before it:
//! `Zoë O'Brien-Smith` → ` zoe obrien smith`. The words of a search are folded alike, so that a word begins
//! with `smi` where the column is `like '% smi%'`.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The words of a text, folded.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        if character.is_alphanumeric() {
            for lower in character.to_lowercase() {
                push(&mut word, lower);
            }
        } else if !word.is_empty() && !matches!(character, '\'' | '’') {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Adds the words of a text, each with a blank before it.
pub(crate) fn append(folded: &mut String, text: &str) {
    for word in words(text) {
        folded.push(' ');
        folded.push_str(&word);
    }
}

/// Adds the digits of a telephone number as one word, so that it is found however its blanks stand.
pub(crate) fn append_digits(folded: &mut String, text: &str) {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !digits.is_empty() {
        folded.push(' ');
        folded.push_str(&digits);
    }
}

/// Letters that Unicode does not take apart, as people without them write them.
fn push(word: &mut String, letter: char) {
    match letter {
        'ß' => word.push_str("ss"),
        'æ' => word.push_str("ae"),
        'œ' => word.push_str("oe"),
        'ø' => word.push('o'),
        'ł' => word.push('l'),
        'đ' | 'ð' => word.push('d'),
        'þ' => word.push_str("th"),
        'ı' => word.push('i'),
        other if is_combining_mark(other) => {}
        other => word.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_do_not_count() {
        assert_eq!(words("Zoë O'Brien-Smith"), ["zoe", "obrien", "smith"]);
        assert_eq!(words("STRASSE Straße Łódź"), ["strasse", "strasse", "lodz"]);
        assert_eq!(words("jane.doe@acme.com"), ["jane", "doe", "acme", "com"]);
        assert_eq!(words("İstanbul 100% _x_"), ["istanbul", "100", "x"]);
        assert_eq!(words("  \u{0}\n "), Vec::<String>::new());
    }

    #[test]
    fn a_folded_text_has_a_blank_before_each_word() {
        let mut text = String::new();
        append(&mut text, "Jane Doe");
        append_digits(&mut text, "+1 (555) 01-23");
        assert_eq!(text, " jane doe 15550123");
    }
}
