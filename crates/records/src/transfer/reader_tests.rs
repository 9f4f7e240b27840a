use proptest::prelude::*;

use super::{Fault, MAX_RECORD_BYTES, Reader};
use crate::transfer::Encoding;

type Read = (u64, Vec<String>, Option<Fault>);

fn read_in_pieces(bytes: &[u8], piece: usize) -> (Vec<Read>, Reader) {
    let mut reader = Reader::default();
    let mut rows = Vec::new();
    let mut drain = |reader: &mut Reader| {
        while let Some(row) = reader.next_row() {
            rows.push((row.line, row.readable(), row.fault));
        }
    };
    for part in bytes.chunks(piece.max(1)) {
        reader.feed(part).expect("text");
        drain(&mut reader);
    }
    reader.finish().expect("text");
    drain(&mut reader);
    (rows, reader)
}

/// Lines and cells, read whole and in small pieces alike.
fn read(bytes: &[u8]) -> Vec<Read> {
    let (rows, _) = read_in_pieces(bytes, usize::MAX);
    for piece in [1, 2, 5] {
        assert_eq!(read_in_pieces(bytes, piece).0, rows, "in pieces of {piece}");
    }
    rows
}

fn row(line: u64, cells: &[&str]) -> Read {
    (line, cells.iter().map(ToString::to_string).collect(), None)
}

#[test]
fn a_record_knows_the_line_where_it_begins() {
    let rows = read(b"name,notes\r\nA,\"one\r\ntwo\"\r\n\r\nB,x\r\n,,\r\n  \r\nC,y");
    assert_eq!(
        rows,
        [
            row(1, &["name", "notes"]),
            row(2, &["A", "one\r\ntwo"]),
            row(5, &["B", "x"]),
            row(8, &["C", "y"])
        ]
    );
}

#[test]
fn old_mac_line_ends_part_records_and_count_as_lines() {
    let rows = read(b"a,b,c\r1,2,3\r\"Once upon\ra time\",5,6\r7,8,9\r");
    assert_eq!(
        rows,
        [
            row(1, &["a", "b", "c"]),
            row(2, &["1", "2", "3"]),
            row(3, &["Once upon\ra time", "5", "6"]),
            row(5, &["7", "8", "9"])
        ]
    );
}

#[test]
fn quotes_inside_cells_are_taken_as_they_are_meant() {
    let rows = read(b"a,b\n\"x \"\"y\"\" z\",O\"Neill\n 1, \"q\"\n\"\",z\n");
    assert_eq!(
        rows[1..],
        [
            row(2, &["x \"y\" z", "O\"Neill"]),
            row(3, &[" 1", " \"q\""]),
            row(4, &["", "z"])
        ]
    );
}

#[test]
fn ragged_records_keep_their_width() {
    let widths: Vec<usize> = read(b"a,b,c\n1\n1,2\n1,2,3,4\n")
        .iter()
        .map(|(_, cells, _)| cells.len())
        .collect();
    assert_eq!(widths, [3, 1, 2, 4]);
}

#[test]
fn an_open_quote_refuses_the_record_it_swallows_the_rest_with() {
    let rows = read(b"a,b\n1,2\n3,\"4\n5,6\n");
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[2].0, rows[2].2), (3, Some(Fault::UnclosedQuote)));
    assert_eq!(read(b"a,b\n1,\"2\"").last(), Some(&row(2, &["1", "2"])));
}

#[test]
fn a_nul_or_a_broken_letter_refuses_its_record_alone() {
    let rows = read("a,b\nü,2\n".as_bytes());
    assert_eq!(rows[1], row(2, &["ü", "2"]));
    let rows = read(b"a,b\n\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc,1\n1,\0x\n2,\xff\n\xc3,\xbc\n3,4\n");
    let faults: Vec<Option<Fault>> = rows[1..].iter().map(|(_, _, fault)| *fault).collect();
    assert_eq!(
        faults,
        [
            None,
            Some(Fault::Nul(1)),
            Some(Fault::NotUtf8(1)),
            Some(Fault::NotUtf8(0)),
            None
        ]
    );
}

#[test]
fn a_cell_beyond_the_limit_is_dropped_and_its_record_refused() {
    let mut bytes = b"a,b\n1,\"".to_vec();
    bytes.resize(bytes.len() + 3 * MAX_RECORD_BYTES, b'x');
    bytes.extend_from_slice(b"\"\n2,3\n");
    let (rows, reader) = read_in_pieces(&bytes, 64 * 1024);
    assert_eq!(rows[1].2, Some(Fault::TooLong));
    assert_eq!(rows[2], row(3, &["2", "3"]));
    assert!(reader.record.len() <= MAX_RECORD_BYTES && reader.text.capacity() < 512 * 1024);
}

#[test]
fn too_many_cells_refuse_a_record() {
    let bytes = format!("a,b\n{}\n1,2\n", ",x".repeat(10_000));
    let (rows, _) = read_in_pieces(bytes.as_bytes(), 4096);
    assert_eq!(rows[1].2, Some(Fault::TooLong));
    assert_eq!(rows[2], row(3, &["1", "2"]));
}

#[test]
fn what_parts_the_cells_and_the_encoding_are_told() {
    let (rows, reader) = read_in_pieces(b"sep=;\r\nNom;Ville\r\nRen\xe9;Orl\xe9ans\r\n", 3);
    assert_eq!(rows, [row(2, &["Nom", "Ville"]), row(3, &["René", "Orléans"])]);
    assert_eq!(
        (reader.delimiter(), reader.encoding()),
        (b';', Encoding::Windows1252)
    );
}

#[test]
fn a_file_of_nothing_has_no_records() {
    for bytes in [
        b"".as_slice(),
        b"\n",
        b"\r\n\r\n\r\n",
        b" ",
        b"\xef\xbb\xbf",
        b",,,\n,,\n",
        b"\xff\xfe",
    ] {
        assert_eq!(read(bytes), [], "{bytes:?}");
    }
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(
        table in prop::collection::vec(prop::collection::vec("[a-zü,;\"\r\n\t' ]{0,12}", 3), 1..8),
        piece in 1_usize..40,
    ) {
        let text: String = std::iter::once(vec!["h1".to_owned(), "h2".to_owned(), "h3".to_owned()])
            .chain(table.iter().cloned())
            .map(|record| record.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n")
            .collect();
        let (rows, _) = read_in_pieces(text.as_bytes(), piece);
        let expected: Vec<&Vec<String>> =
            table.iter().filter(|record| record.iter().any(|cell| !cell.trim_ascii().is_empty())).collect();
        prop_assert_eq!(rows[1..].iter().map(|(_, cells, _)| cells).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1_usize..64) {
        let mut reader = Reader::default();
        for part in bytes.chunks(piece) {
            if reader.feed(part).is_err() { return Ok(()); }
            while let Some(row) = reader.next_row() { let _ = row.readable(); }
        }
        if reader.finish().is_ok() {
            while let Some(row) = reader.next_row() { let _ = row.readable(); }
        }
    }
}
