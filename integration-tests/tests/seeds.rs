//! The claims of the fuzz targets, tried on their seeds, so that neither rots: see `fuzz/README.md`.

#[path = "../../fuzz/claims/csv_reader.rs"]
mod csv_reader;
#[path = "../../fuzz/claims/csv_round_trip.rs"]
mod csv_round_trip;
#[path = "../../fuzz/claims/filter.rs"]
mod filter;
#[path = "../../fuzz/claims/json.rs"]
mod json;
#[path = "../../fuzz/claims/page_token.rs"]
mod page_token;

/// Tries a claim on each of its seeds, and on the beginnings and mutilations of each.
fn tried(target: &str, holds: fn(&[u8])) {
    let folder = format!("{}/../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for seed in std::fs::read_dir(folder).expect("seeds") {
        let seed = std::fs::read(seed.expect("a seed").path()).expect("a seed");
        count += 1;
        holds(&seed);
        for at in 0..seed.len() {
            holds(&seed[..at]);
            for byte in [0, b'"', b'\\', 0xff, seed[at] ^ 1] {
                let mut other = seed.clone();
                other[at] = byte;
                holds(&other);
            }
        }
    }
    assert!(count > 1, "{target} has {count} seeds");
}

#[test]
fn a_filter_is_a_tree_or_has_an_error_at_a_place() {
    tried("filter", filter::holds);
}

#[test]
fn a_page_token_is_one_of_this_list_or_refused() {
    tried("page_token", page_token::holds);
}

#[test]
fn a_file_reads_the_same_in_any_pieces() {
    tried("csv_reader", csv_reader::holds);
}

#[test]
fn what_an_export_writes_an_import_reads() {
    tried("csv_round_trip", csv_round_trip::holds);
}

#[test]
fn a_request_is_refused_or_reads_the_same_again() {
    tried("json", json::holds);
}
