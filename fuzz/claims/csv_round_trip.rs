//! What an export writes, an import reads.

use kontor_records::transfer::{Reader, csv, rearm};

fn written(rows: &[Vec<String>]) -> Vec<u8> {
    let mut file = b"\xef\xbb\xbfh\r\n".to_vec();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            csv::cell(&mut file, at == 0, cell, true);
        }
        csv::end(&mut file);
    }
    file
}

/// Rows are parted by the control character RS, their cells by US.
pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let rows = text.split('\u{1e}');
    let rows = rows.map(|row| row.split('\u{1f}').map(str::to_owned).collect::<Vec<_>>());
    // A record of nothing but blanks is none, and a NUL refuses its record.
    let told = |row: &Vec<String>| {
        row.iter().any(|cell| !cell.trim().is_empty()) && row.iter().all(|cell| !cell.contains('\0'))
    };
    let mut rows: Vec<Vec<String>> = rows.filter(told).collect();
    for row in &mut rows {
        // A second column, so that commas part all of them.
        row.push(String::new());
    }
    let file = written(&rows);
    let mut reader = Reader::default();
    reader.feed(&file).expect("text");
    reader.finish().expect("text");
    reader.next_row().expect("the header");
    let mut read = Vec::new();
    while let Some(row) = reader.next_row() {
        assert!(row.fault.is_none(), "{:?}", row.fault);
        read.push(
            (0..row.width())
                .map(|at| rearm(row.cell(at)).to_owned())
                .collect::<Vec<_>>(),
        );
    }
    if reader.delimiter() == b',' {
        assert_eq!(read, rows);
        assert_eq!(written(&read), file, "the same bytes");
    }
}
