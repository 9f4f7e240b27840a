//! Whatever stands in `filter=`, the parser answers a tree or a place in the text.

use kontor_records::filter::parse;

pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Err(error) = parse(text) {
        assert!(error.position as usize <= text.chars().count());
    }
}
