#![no_main]

#[path = "../claims/filter.rs"]
mod claim;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claim::holds(input));
