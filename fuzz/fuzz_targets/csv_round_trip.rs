#![no_main]

#[path = "../claims/csv_round_trip.rs"]
mod claim;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claim::holds(input));
