//! Cells that a spreadsheet would run.
//!
//! A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula to a spreadsheet. Exports put
//! `'` before it, imports take it off again. A text that itself begins with `'` before such a character gets one more,
//! so that export → import → export gives the same bytes.

/// Whether a text needs `'` before it: it matches `^'*[=+\-@\t\r]`.
#[must_use]
pub fn is_armed(text: &str) -> bool {
    after_quotes(text.as_bytes()).is_some()
}

/// The text without the `'` that an export put before it: one is taken off `^'+[=+\-@\t\r]`.
#[must_use]
pub fn rearm(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_armed(rest) => rest,
        _ => cell,
    }
}

fn after_quotes(bytes: &[u8]) -> Option<u8> {
    bytes
        .iter()
        .copied()
        .find(|byte| *byte != b'\'')
        .filter(|byte| matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::{is_armed, rearm};
    use proptest::prelude::*;

    fn disarmed(text: &str) -> String {
        if is_armed(text) {
            format!("'{text}")
        } else {
            text.to_owned()
        }
    }

    #[test]
    fn formulas_are_disarmed_and_plain_words_are_not() {
        for text in ["=1+1", "+49 170", "-5", "@SUM(1)", "\tx", "\rx", "'=1", "''@a"] {
            assert_eq!(disarmed(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "'", "''", "'quoted'", "O'Neill", "a=b", " =1", "\n=1"] {
            assert_eq!(disarmed(text), text, "{text:?}");
        }
        assert_eq!(rearm("'plain"), "'plain");
        assert_eq!(rearm("=raw"), "=raw");
    }

    proptest! {
        #[test]
        fn what_was_disarmed_comes_back_as_it_was(text in "['=+@\t\r a-]{0,8}") {
            let once = disarmed(&text);
            prop_assert_eq!(rearm(&once), &text);
            prop_assert_eq!(disarmed(rearm(&once)), once);
        }
    }
}
