//! Months and spans of them, as `YYYY-MM`. Pure.

use kontor_chassis::FieldErrors;
use time::Date;

/// A month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// Of `YYYY-MM`; none when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
        let year: i32 = year.parse().ok().filter(|year| *year > 0)?;
        Date::from_calendar_date(year, month, 1).ok().map(Self)
    }

    /// The month of a day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        // Every month has a first day.
        Self(day.replace_day(1).unwrap_or(day))
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Date {
        self.0
    }

    /// The one after it; the last that can be written comes after itself.
    #[must_use]
    pub fn next(self) -> Self {
        let month = self.0.month().next();
        let year = self.0.year() + i32::from(month == time::Month::January);
        Date::from_calendar_date(year, month, 1).map_or(self, Self)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), u8::from(self.0.month()))
    }
}

/// From a month to a month, both included; open where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub from: Option<Date>,
    /// The first day after it.
    pub until: Option<Date>,
}

impl Span {
    /// Of the parameters `from` and `to`. What can't be read is told in `errors`.
    pub fn read(from: &str, to: &str, errors: &mut FieldErrors) -> Self {
        let mut month = |name: &'static str, text: &str| {
            let month = Month::parse(text);
            if month.is_none() && !text.is_empty() {
                errors.push(name, "invalid_date", "Write a month as YYYY-MM.");
            }
            month
        };
        let (from, to) = (month("from", from), month("to", to));
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            errors.push("to", "out_of_range", "The last month lies before the first.");
        }
        Self {
            from: from.map(Month::first_day),
            until: to.map(|month| month.next().first_day()),
        }
    }

    /// Whether it is open at both ends.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_month_is_four_digits_and_two() {
        assert_eq!(Month::parse("2026-11").unwrap().to_string(), "2026-11");
        for text in [
            "2026",
            "2026-13",
            "2026-1",
            "26-01",
            "2026-00",
            "0000-01",
            "2026-01-01",
            "+026-01",
        ] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_holds_both_its_months() {
        let mut errors = FieldErrors::new();
        let span = Span::read("2026-11", "2026-12", &mut errors);
        assert_eq!(span.from, Some(date!(2026 - 11 - 01)));
        assert_eq!(span.until, Some(date!(2027 - 01 - 01)));
        assert!(Span::read("", "", &mut errors).is_everything());
        assert!(errors.is_empty());
        Span::read("2026-12", "2026-11", &mut errors);
        Span::read("soon", "", &mut errors);
        let told: Vec<_> = errors.into_vec();
        assert_eq!(told.len(), 2);
    }
}
