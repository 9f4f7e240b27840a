//! Whatever stands in `filter=`, the parser answers a tree or a place in the text.

#![no_main]

use kontor_records::filter::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = parse(text) {
        assert!(error.position as usize <= text.chars().count());
    }
});
