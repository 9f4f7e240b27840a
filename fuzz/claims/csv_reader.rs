//! No bytes make the reader of imported files fail, and the pieces in which they come change nothing.

use kontor_records::transfer::Reader;

type Record = (u64, bool, Vec<String>);

/// Every record: its line, whether its cells can be used, and what they say; none when the file isn't text.
fn records(bytes: &[u8], piece: usize) -> Option<Vec<Record>> {
    let mut reader = Reader::default();
    let mut records = Vec::new();
    let mut drain = |reader: &mut Reader| {
        while let Some(row) = reader.next_row() {
            records.push((row.line, row.fault.is_some(), row.readable()));
        }
    };
    for piece in bytes.chunks(piece) {
        reader.feed(piece).ok()?;
        drain(&mut reader);
    }
    reader.finish().ok()?;
    drain(&mut reader);
    Some(records)
}

pub(crate) fn holds(input: &[u8]) {
    let Some((piece, bytes)) = input.split_first() else {
        return;
    };
    let whole = records(bytes, usize::MAX >> 1);
    let pieces = records(bytes, usize::from(*piece) + 1);
    assert_eq!(whole, pieces, "the pieces in which a file comes change nothing");
    let lines: Vec<u64> = whole.into_iter().flatten().map(|(line, ..)| line).collect();
    assert!(
        lines.is_sorted_by(|one, next| one < next),
        "a record begins behind the one before"
    );
}
