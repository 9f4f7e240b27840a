#![no_main]

#[path = "../claims/csv_reader.rs"]
mod claim;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claim::holds(input));
