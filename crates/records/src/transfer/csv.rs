//! Writes RFC 4180: CRLF, quotes only where they are needed.

use kontor_proto::google::api::HttpBody;

use super::disarm::is_armed;

/// A piece of a file, as it is sent.
pub fn piece(data: Vec<u8>) -> HttpBody {
    HttpBody {
        content_type: "text/csv; charset=utf-8".to_owned(),
        data: data.into(),
        extensions: Vec::new(),
    }
}

/// Adds one cell; `first` of its record or not. `text` tells that a person wrote it, so that a spreadsheet must not run it.
pub fn cell(out: &mut Vec<u8>, first: bool, value: &str, text: bool) {
    if !first {
        out.push(b',');
    }
    let armed = text && is_armed(value);
    if !value
        .bytes()
        .any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'))
        && !blank_edge(value)
    {
        if armed {
            out.push(b'\'');
        }
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    if armed {
        out.push(b'\'');
    }
    for byte in value.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Ends the record.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// A whole record of texts as they are.
pub fn record<'c>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = &'c str>) {
    for (index, value) in cells.into_iter().enumerate() {
        cell(out, index == 0, value, false);
    }
    end(out);
}

/// Some readers trim cells that aren't quoted.
fn blank_edge(value: &str) -> bool {
    let bytes = value.as_bytes();
    matches!(bytes.first(), Some(b' ' | b'\t')) || matches!(bytes.last(), Some(b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::{cell, record};

    #[test]
    fn cells_are_quoted_and_disarmed_where_they_must_be() {
        for (value, text, expected) in [
            ("plain", true, "plain"),
            ("", true, ""),
            ("a,b", true, "\"a,b\""),
            ("say \"hi\"", true, "\"say \"\"hi\"\"\""),
            ("two\r\nlines", true, "\"two\r\nlines\""),
            ("=1+1", true, "'=1+1"),
            ("=1,1", true, "\"'=1,1\""),
            ("-5.00", false, "-5.00"),
            (" x", true, "\" x\""),
        ] {
            let mut out = Vec::new();
            cell(&mut out, true, value, text);
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    #[test]
    fn records_end_in_crlf() {
        let mut out = Vec::new();
        record(&mut out, ["a", "b,c"]);
        assert_eq!(out, b"a,\"b,c\"\r\n");
    }
}
