#![no_main]

#[path = "../claims/json.rs"]
mod claim;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claim::holds(input));
