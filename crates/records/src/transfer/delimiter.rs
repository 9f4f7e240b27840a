//! Which character parts the cells of a file.

/// The characters that may part cells, in the order of preference.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many records of the head are looked at.
const RECORDS: usize = 20;

/// Says in a first line `sep=;` what parts the cells, as spreadsheets do: the character, and the length of that line
/// without its end.
#[must_use]
pub(super) fn declared(head: &[u8]) -> Option<(u8, usize)> {
    match head {
        [s, e, p, b'=', delimiter, rest @ ..]
            if [*s, *e, *p].eq_ignore_ascii_case(b"sep")
                && CANDIDATES.contains(delimiter)
                && matches!(rest.first(), None | Some(b'\r' | b'\n')) =>
        {
            Some((*delimiter, 5))
        }
        _ => None,
    }
}

/// The character that parts the head into the most columns, the more so the more records have as many as the header.
/// A head that none of them parts has one column, and any will do.
#[must_use]
pub(super) fn detect(head: &[u8], complete: bool) -> u8 {
    let mut best = (0, CANDIDATES[0]);
    let mut head = head.to_vec();
    if complete {
        head.push(b'\n');
    }
    for candidate in CANDIDATES {
        let widths = widths(&head, candidate);
        let Some((header, rows)) = widths.split_first() else {
            continue;
        };
        let alike = rows.iter().filter(|width| *width == header).count();
        let agreement = if rows.is_empty() {
            100
        } else {
            20 + 80 * alike / rows.len()
        };
        let score = (header - 1) * agreement;
        if score > best.0 {
            best = (score, candidate);
        }
    }
    best.1
}

/// How many cells each of the first records has.
fn widths(head: &[u8], delimiter: u8) -> Vec<usize> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let mut text = vec![0; head.len()];
    let mut ends = vec![0; head.len() + 1];
    let mut widths = Vec::with_capacity(RECORDS);
    let mut rest = head;
    while widths.len() < RECORDS && !rest.is_empty() {
        let (result, read, written, cells) = reader.read_record(rest, &mut text, &mut ends);
        rest = &rest[read..];
        // What the end of the head cuts off has fewer cells than the file gives it.
        if result == csv_core::ReadRecordResult::Record
            && text[..written].iter().any(|byte| !byte.is_ascii_whitespace())
        {
            widths.push(cells);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::{declared, detect};

    #[test]
    fn the_delimiter_is_the_one_that_parts_all_records_alike() {
        for (text, delimiter) in [
            ("a,b,c\n1,2,3\n", b','),
            ("Nom;Email;Adresse\nA;a@b.fr;1, rue X\nB;b@b.fr;2, rue Y\n", b';'),
            ("name\tphone\nA, B\t1\n", b'\t'),
            ("id|name\n1|x\n2|y, z\n", b'|'),
            ("Price;Share\n1,5;2,5\n3,5;4,5\n", b';'),
            ("\"a;b\",c\n\"d;e\",f\n", b','),
            ("one\ntwo\n", b','),
            ("", b','),
            ("a;b", b';'),
        ] {
            assert_eq!(detect(text.as_bytes(), true), delimiter, "{text:?}");
        }
    }

    #[test]
    fn a_first_line_may_say_it() {
        assert_eq!(declared(b"sep=;\r\na;b"), Some((b';', 5)));
        assert_eq!(declared(b"SEP=|\na|b"), Some((b'|', 5)));
        assert_eq!(declared(b"sep=;x\n"), None);
        assert_eq!(declared(b"separator\n"), None);
    }
}
