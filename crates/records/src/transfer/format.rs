//! Cells of an export, written straight from the binary form in which PostgreSQL sends a column.

use std::io::Write as _;

use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{Row as _, ValueRef as _};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::csv;
use crate::leaf::Kind;
use crate::value::{Value, amount_text};

/// PostgreSQL counts days and microseconds from here.
const EPOCH: OffsetDateTime = time::macros::datetime!(2000-01-01 00:00:00 UTC);

/// Adds the cell of a column; nothing for null.
pub(super) fn cell(out: &mut Vec<u8>, row: &PgRow, column: usize, kind: Kind) -> Result<(), sqlx::Error> {
    let first = column == 0;
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        csv::cell(out, first, "", false);
        return Ok(());
    }
    match kind {
        Kind::Text(_) | Kind::Choice(_) => {
            let text = raw.as_str().map_err(sqlx::Error::Decode)?;
            csv::cell(out, first, text, matches!(kind, Kind::Text(_)));
        }
        Kind::Id => {
            let id = Uuid::from_slice(bytes(&raw)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let mut text = Uuid::encode_buffer();
            csv::cell(out, first, id.hyphenated().encode_lower(&mut text), false);
        }
        Kind::Bool => csv::cell(
            out,
            first,
            if bytes(&raw)? == [1] { "true" } else { "false" },
            false,
        ),
        Kind::Int => {
            separate(out, first);
            write!(out, "{}", whole(bytes(&raw)?)?)?;
        }
        Kind::Time => {
            separate(out, first);
            moment(out, whole(bytes(&raw)?)?)?;
        }
        Kind::Date => {
            separate(out, first);
            let days = whole(bytes(&raw)?)?;
            day(
                out,
                EPOCH
                    .date()
                    .checked_add(Duration::days(days))
                    .ok_or_else(|| broken("a day"))?,
            )?;
        }
        Kind::Amount => {
            let amount: Decimal = row.try_get(column)?;
            csv::cell(out, first, &amount_text(amount), false);
        }
        // An array without elements has no dimensions.
        Kind::Words | Kind::Ids if bytes(&raw)?.starts_with(&[0, 0, 0, 0]) => {
            csv::cell(out, first, "", false);
        }
        Kind::Words => {
            let words: Vec<String> = row.try_get(column)?;
            csv::cell(out, first, &words.join(";"), true);
        }
        Kind::Ids => {
            let ids: Vec<Uuid> = row.try_get(column)?;
            csv::cell(out, first, &Value::Ids(ids).to_text().unwrap_or_default(), false);
        }
        Kind::Object => {
            // The first byte of jsonb is its version.
            let text = std::str::from_utf8(bytes(&raw)?.get(1..).unwrap_or_default());
            let text = text.map_err(|error| sqlx::Error::Decode(error.into()))?;
            csv::cell(out, first, if text == "{}" { "" } else { text }, false);
        }
    }
    Ok(())
}

fn bytes<'r>(raw: &sqlx::postgres::PgValueRef<'r>) -> Result<&'r [u8], sqlx::Error> {
    raw.as_bytes().map_err(sqlx::Error::Decode)
}

fn separate(out: &mut Vec<u8>, first: bool) {
    if !first {
        out.push(b',');
    }
}

fn broken(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} can't be read").into())
}

/// A number of 2, 4 or 8 bytes.
fn whole(bytes: &[u8]) -> Result<i64, sqlx::Error> {
    match *bytes {
        [a, b] => Ok(i16::from_be_bytes([a, b]).into()),
        [a, b, c, d] => Ok(i32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Ok(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => Err(broken("a number")),
    }
}

/// RFC 3339 as in JSON, of microseconds since [`EPOCH`].
fn moment(out: &mut Vec<u8>, micros: i64) -> Result<(), sqlx::Error> {
    let at = EPOCH
        .checked_add(Duration::microseconds(micros))
        .ok_or_else(|| broken("a time"))?;
    day(out, at.date())?;
    let (hour, minute, second) = at.to_hms();
    let digits = |number: u8| [b'0' + number / 10, b'0' + number % 10];
    let ([a, b], [c, d], [e, f]) = (digits(hour), digits(minute), digits(second));
    out.extend_from_slice(&[b'T', a, b, b':', c, d, b':', e, f]);
    if at.microsecond() > 0 {
        write!(out, ".{:06}", at.microsecond())?;
        let length = out
            .iter()
            .rposition(|digit| *digit != b'0')
            .map_or(0, |last| last + 1);
        out.truncate(length);
    }
    out.push(b'Z');
    Ok(())
}

fn day(out: &mut Vec<u8>, day: Date) -> Result<(), sqlx::Error> {
    let (year, month, day) = day.to_calendar_date();
    write!(out, "{year:04}-{:02}-{day:02}", u8::from(month))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{EPOCH, moment};
    use crate::value::time_text;
    use proptest::prelude::*;
    use time::Duration;

    proptest! {
        #[test]
        fn instants_are_written_as_in_json(micros in -63_000_000_000_000_000_i64..252_000_000_000_000_000) {
            let mut out = Vec::new();
            moment(&mut out, micros).expect("an instant");
            let expected = time_text(EPOCH + Duration::microseconds(micros));
            prop_assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    #[test]
    fn whole_seconds_have_no_places() {
        let mut out = Vec::new();
        moment(&mut out, 86_400_000_000).expect("an instant");
        moment(&mut out, 86_400_500_000).expect("an instant");
        assert_eq!(out, b"2000-01-02T00:00:00Z2000-01-02T00:00:00.5Z");
    }
}
