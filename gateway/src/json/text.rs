//! JSON's spelling of strings, bytes and times.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::number::put_uint;

/// What each byte of a string becomes: 0 stands for itself, `u` for `\u00xx`, anything else follows a backslash.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends a string in quotes. Bytes that are no UTF-8 become replacement characters.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
        return put_string(out, String::from_utf8_lossy(bytes).as_bytes());
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[byte as usize];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Appends bytes as base64 in quotes.
pub fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// Appends an instant as RFC 3339 in UTC, in quotes, with as many groups of three decimals as it has; null outside the
/// years 1 to 9999.
pub fn put_instant(out: &mut Vec<u8>, seconds: i64, nanos: i64) {
    const DAY: i64 = 86_400;
    if !(-62_135_596_800..=253_402_300_799).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return out.extend_from_slice(b"null");
    }
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Days to date by eras of 400 years that begin on the first of March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    out.push(b'"');
    put_digits(out, year, 4);
    for (before, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', rest / 3600),
        (b':', rest / 60 % 60),
        (b':', rest % 60),
    ] {
        out.push(before);
        put_digits(out, value, 2);
    }
    put_decimals(out, nanos);
    out.extend_from_slice(b"Z\"");
}

/// Appends a span of time as seconds, in quotes: `"1.500s"`.
pub fn put_duration(out: &mut Vec<u8>, seconds: i64, nanos: i64) {
    out.push(b'"');
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    put_uint(out, seconds.unsigned_abs());
    put_decimals(out, nanos.abs());
    out.extend_from_slice(b"s\"");
}

fn put_decimals(out: &mut Vec<u8>, nanos: i64) {
    if nanos == 0 {
        return;
    }
    out.push(b'.');
    match (nanos % 1_000_000, nanos % 1000) {
        (0, _) => put_digits(out, nanos / 1_000_000, 3),
        (_, 0) => put_digits(out, nanos / 1000, 6),
        _ => put_digits(out, nanos, 9),
    }
}

fn put_digits(out: &mut Vec<u8>, value: i64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    proptest! {
        #[test]
        fn a_string_is_read_back_by_any_json_reader(text in any::<String>()) {
            let mut out = Vec::new();
            put_string(&mut out, text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn an_instant_is_read_back_by_any_clock(seconds in -62_135_596_800_i64..=253_402_300_799, nanos in 0_i64..1_000_000_000) {
            let mut out = Vec::new();
            put_instant(&mut out, seconds, nanos);
            let text: String = serde_json::from_slice(&out).unwrap();
            let read = OffsetDateTime::parse(&text, &Rfc3339).unwrap();
            prop_assert_eq!((read.unix_timestamp(), i64::from(read.nanosecond())), (seconds, nanos));
        }
    }

    #[test]
    fn decimals_of_an_instant_come_in_threes() {
        let text = |nanos| {
            let mut out = Vec::new();
            put_instant(&mut out, 1_795_417_200, nanos);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0), "\"2026-11-23T07:00:00Z\"");
        assert_eq!(text(120_000_000), "\"2026-11-23T07:00:00.120Z\"");
        assert_eq!(text(1_000), "\"2026-11-23T07:00:00.000001Z\"");
    }
}
