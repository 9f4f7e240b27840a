//! Days and times as people write them. What has one meaning is understood, what could have two is asked about: nothing
//! is guessed, not even from the other cells of the column, which may come from two systems.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::admit::Fault;

/// What stands first where a day is written, if that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DayOrder {
    /// `31/12/2026`.
    Day,
    /// `12/31/2026`.
    Month,
    /// `2026-12-31` and nothing else.
    Year,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day as `YYYY-MM-DD`; text that is none stays as it is, for the field to refuse.
///
/// # Errors
/// `ambiguous_date`, when it may be one of two days.
pub(super) fn day(text: &str, order: Option<DayOrder>) -> Result<Cow<'_, str>, Fault> {
    let parts: Vec<&str> = text
        .split(['/', '.', '-', ' ', ','])
        .filter(|part| !part.is_empty())
        .collect();
    let [a, b, c] = parts.as_slice() else {
        return Ok(text.into());
    };
    let year = |part: &str| part.len() == 4 && number(part).is_some();
    let found = match (number(a), number(b), number(c)) {
        (Some(y), Some(m), Some(d)) if year(a) => Some((y, m, d)),
        (Some(a), Some(b), Some(y)) if year(c) => match parted(a, b, order) {
            Parted::One { day, month } => Some((y, month, day)),
            Parted::Either => return Err(ambiguous(text)),
            Parted::Neither => None,
        },
        // `1 Feb 2026`, `Feb 1, 2026`.
        (Some(d), None, Some(y)) if year(c) => month(b).map(|m| (y, m, d)),
        (None, Some(d), Some(y)) if year(c) => month(a).map(|m| (y, m, d)),
        _ => None,
    };
    Ok(found.map_or(Cow::Borrowed(text), |(y, m, d)| {
        Cow::Owned(format!("{y:04}-{m:02}-{d:02}"))
    }))
}

/// A time as RFC 3339 or without its zone; a day alone is its beginning. Text that is none stays as it is.
///
/// # Errors
/// `ambiguous_date`, when its day may be one of two.
pub(super) fn moment(text: &str, order: Option<DayOrder>) -> Result<Cow<'_, str>, Fault> {
    let clock_at = text.find(':').and_then(|colon| {
        let blank = text[..colon].rfind([' ', 'T'])?;
        Some((text[..blank].trim_end_matches(','), &text[blank + 1..]))
    });
    let Some((date, clock)) = clock_at else {
        return day(text, order);
    };
    let date = day(date, order)?;
    Ok(match clock_text(clock) {
        Some(clock) => Cow::Owned(format!("{date}T{clock}")),
        None => Cow::Borrowed(text),
    })
}

/// `9:30 PM` → `21:30:00`, `21:30:00 +0200` → `21:30:00+02:00`.
fn clock_text(clock: &str) -> Option<String> {
    let end = clock
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, ':' | '.')))
        .unwrap_or(clock.len());
    let (digits, mut rest) = (&clock[..end], clock[end..].trim());
    let mut parts = digits.splitn(3, ':');
    let mut hour: u32 = number(parts.next()?)?;
    let minute: u32 = number(parts.next()?)?;
    let seconds = parts.next().unwrap_or("00");
    for (half, added) in [("AM", 0), ("PM", 12)] {
        let named = rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(half));
        if named {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + added;
            rest = rest[2..].trim();
            break;
        }
    }
    Some(format!("{hour:02}:{minute:02}:{seconds}{}", zone(rest)?))
}

/// `UTC` → `Z`, `+0200` → `+02:00`; without one it is UTC.
fn zone(text: &str) -> Option<String> {
    if ["", "Z", "UTC", "GMT"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
    {
        return Some("Z".to_owned());
    }
    let digits: String = text.get(1..)?.chars().filter(|letter| *letter != ':').collect();
    let signed = text.starts_with(['+', '-']) && digits.len() == 4 && number(&digits).is_some();
    signed.then(|| format!("{}{}:{}", &text[..1], &digits[..2], &digits[2..]))
}

/// What two numbers before a year say.
enum Parted {
    One { day: u32, month: u32 },
    Either,
    Neither,
}

fn parted(a: u32, b: u32, order: Option<DayOrder>) -> Parted {
    let (day_first, month_first) = ((a, b), (b, a));
    let (day, month) = match order {
        Some(DayOrder::Day) => day_first,
        Some(DayOrder::Month) => month_first,
        Some(DayOrder::Year) => return Parted::Neither,
        None if a == b || b <= 12 && a > 12 => day_first,
        None if a <= 12 && b > 12 => month_first,
        None if a <= 12 => return Parted::Either,
        None => return Parted::Neither,
    };
    Parted::One { day, month }
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The number of a month by its English name, or the beginning of it of three letters or more.
fn month(name: &str) -> Option<u32> {
    let name = name.to_lowercase();
    let known = MONTHS
        .iter()
        .position(|month| name.len() >= 3 && month.starts_with(&name));
    known.and_then(|at| u32::try_from(at + 1).ok())
}

fn ambiguous(text: &str) -> Fault {
    Fault {
        code: "ambiguous_date",
        message: format!(
            "{text} may be one of two days; say in date_format whether the day (dmy) or the month (mdy) comes first."
        ),
        entry: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DayOrder, day, moment};

    #[test]
    fn a_day_of_one_meaning_is_understood_however_it_is_written() {
        for (text, iso) in [
            ("2026-02-01", "2026-02-01"),
            ("2026/2/1", "2026-02-01"),
            ("13/02/2026", "2026-02-13"),
            ("02/13/2026", "2026-02-13"),
            ("2.2.2026", "2026-02-02"),
            ("1 Feb 2026", "2026-02-01"),
            ("Sept 1, 2026", "2026-09-01"),
            ("01-DEC-2026", "2026-12-01"),
            // Left for the field to refuse.
            ("01/02/26", "01/02/26"),
            ("31/31/2026", "2026-31-31"),
            ("yesterday", "yesterday"),
            ("32/13/2026", "32/13/2026"),
        ] {
            assert_eq!(day(text, None).unwrap(), iso);
        }
    }

    #[test]
    fn a_day_of_two_meanings_is_asked_about_and_read_as_answered() {
        for text in ["01/02/2026", "1.2.2026", "12-11-2026"] {
            assert_eq!(day(text, None).unwrap_err().code, "ambiguous_date");
        }
        let order = |order| day("01/02/2026", Some(order)).unwrap().into_owned();
        assert_eq!(order(DayOrder::Day), "2026-02-01");
        assert_eq!(order(DayOrder::Month), "2026-01-02");
        assert_eq!(order(DayOrder::Year), "01/02/2026");
        // Against what was said: refused by the field, never turned round.
        assert_eq!(day("13/02/2026", Some(DayOrder::Month)).unwrap(), "2026-13-02");
    }

    #[test]
    fn a_time_is_a_day_and_a_clock_and_perhaps_a_zone() {
        for (text, read) in [
            ("2026-02-01T12:00:00Z", "2026-02-01T12:00:00Z"),
            ("2026-02-01 08:30", "2026-02-01T08:30:00Z"),
            ("13/02/2026 9:30 PM", "2026-02-13T21:30:00Z"),
            ("Feb 13, 2026, 12:05:01 am", "2026-02-13T00:05:01Z"),
            ("2026-02-01 08:30:00.250 +0200", "2026-02-01T08:30:00.250+02:00"),
            ("2026-02-01 08:30:00 UTC", "2026-02-01T08:30:00Z"),
            ("2026-02-01", "2026-02-01"),
            ("2026-02-01 13:30 PM", "2026-02-01 13:30 PM"),
            ("2026-02-01 08:30 Mars", "2026-02-01 08:30 Mars"),
        ] {
            assert_eq!(moment(text, None).unwrap(), read);
        }
        assert_eq!(moment("1/2/2026 8:30", None).unwrap_err().code, "ambiguous_date");
    }
}
