//! What the text of a cell means for a field, before the field's own rules judge it.
//!
//! A person's spreadsheet is not our JSON: `Yes`, `Cold Call`, `1,200`, `2024-05-01 08:30`, `United States`. What has one
//! meaning is understood; what could have two is refused.

use rust_decimal::Decimal;

use super::countries;
use super::dates::{self, DayOrder};
use super::disarm::rearm;
use crate::admit::Fault;
use crate::leaf::{Form, Kind, Leaf};
use crate::value::Value;

/// The raw value of a cell: null when it is blank. `foreign` tells that the column isn't called by our own name, so that
/// its words are another system's; `order` how days are written, if that was said.
///
/// # Errors
/// A cell that could have two meanings.
pub(super) fn raw(leaf: &Leaf, cell: &str, foreign: bool, order: Option<DayOrder>) -> Result<Value, Fault> {
    // Our own export says it exactly as it is.
    let exact = cell;
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(Value::Null);
    }
    let text = match leaf.kind {
        Kind::Text(Form::Line | Form::Lines) if !foreign => rearm(exact).to_owned(),
        Kind::Text(Form::Day) => dates::day(cell, order)?.into_owned(),
        Kind::Text(Form::Country) => countries::code(cell).unwrap_or(cell).to_owned(),
        Kind::Text(Form::Email) => {
            let cell = rearm(cell);
            cell.strip_prefix("mailto:").unwrap_or(cell).to_owned()
        }
        Kind::Text(Form::Line) if foreign => {
            rearm(cell).replace("\r\n", " ").replace(['\r', '\n', '\t'], " ")
        }
        Kind::Text(_) | Kind::Words => rearm(cell).to_owned(),
        Kind::Choice(words) => choice(words, cell, foreign),
        Kind::Int => whole(cell),
        Kind::Amount => amount(cell),
        Kind::Object => match serde_json::from_str(cell) {
            Ok(serde_json::Value::Object(object)) => return Ok(Value::Json(object)),
            _ => cell.to_owned(),
        },
        // Other systems put a clock behind a day.
        Kind::Date if foreign => {
            let moment = dates::moment(cell, order)?;
            moment.split_once('T').map_or(&*moment, |(day, _)| day).to_owned()
        }
        Kind::Date => dates::day(cell, order)?.into_owned(),
        Kind::Time => dates::moment(cell, order)?.into_owned(),
        Kind::Bool | Kind::Id | Kind::Ids => cell.to_owned(),
    };
    Ok(Value::Text(text))
}

/// The value of a field that a file gives none, as the options say it.
///
/// # Errors
/// What the field refuses.
pub(super) fn default(leaf: &Leaf, text: &str, order: Option<DayOrder>) -> Result<Value, Fault> {
    raw(leaf, text, false, order).and_then(|raw| leaf.admit(raw))
}

/// The word of a choice: as it stands, in other letters (`Cold Call`), and in a foreign column also the one word that
/// is contained in it (`Partner Program`), else `other` where there is such a word.
fn choice(words: &[&str], cell: &str, foreign: bool) -> String {
    let snake = snake(cell);
    if words.contains(&snake.as_str()) {
        return snake;
    }
    if !foreign {
        return cell.to_owned();
    }
    let parts: Vec<&str> = snake.split('_').collect();
    let mut contained = words
        .iter()
        .filter(|word| word.split('_').all(|part| parts.contains(&part)));
    match (contained.next(), contained.next()) {
        (Some(word), None) => (*word).to_owned(),
        _ if words.contains(&"other") => "other".to_owned(),
        _ => cell.to_owned(),
    }
}

/// `Cold Call` → `cold_call`, `e-mail campaign` → `e_mail_campaign`.
fn snake(text: &str) -> String {
    let mut snake = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() {
            snake.extend(letter.to_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
    }
    snake.truncate(snake.trim_end_matches('_').len());
    snake
}

/// An amount, with thousands parted by commas, or in the scientific form in which some systems write large ones (`8.48E10`).
fn amount(cell: &str) -> String {
    let number = cell
        .contains(['e', 'E'])
        .then(|| Decimal::from_scientific(cell).ok())
        .flatten();
    number.map_or_else(|| ungrouped(cell), |number| number.normalize().to_string())
}

/// A whole number, with thousands parted by commas and with empty decimal places.
fn whole(cell: &str) -> String {
    let plain = ungrouped(cell);
    match plain.split_once('.') {
        Some((number, places)) if !number.is_empty() && places.bytes().all(|place| place == b'0') => {
            number.to_owned()
        }
        _ => plain,
    }
}

/// Takes out commas that part thousands (`1,234,567.50`); anything else stays as it is.
fn ungrouped(cell: &str) -> String {
    let (number, _) = cell.split_once('.').unwrap_or((cell, ""));
    let mut groups = number.trim_start_matches('-').split(',');
    let first = groups.next().unwrap_or_default();
    let digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = groups.peekable();
    if rest.peek().is_some()
        && (1..=3).contains(&first.len())
        && digits(first)
        && rest.all(|group| group.len() == 3 && digits(group))
    {
        cell.replace(',', "")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, choice, ungrouped, whole};

    const SOURCES: &[&str] = &[
        "website",
        "cold_call",
        "event",
        "partner",
        "social_media",
        "other",
    ];

    #[test]
    fn words_of_other_systems_are_understood_in_their_columns_alone() {
        for (cell, own, foreign) in [
            ("event", "event", "event"),
            ("Cold Call", "cold_call", "cold_call"),
            ("Partner Program", "Partner Program", "partner"),
            ("Social event in the media", "Social event in the media", "other"),
            ("Podcast", "Podcast", "other"),
        ] {
            assert_eq!(choice(SOURCES, cell, false), own);
            assert_eq!(choice(SOURCES, cell, true), foreign);
        }
        assert_eq!(
            choice(&["hot", "cold"], "⭐⭐", true),
            "⭐⭐",
            "without `other` it is refused"
        );
    }

    #[test]
    fn numbers_may_be_grouped_by_commas_where_that_has_one_meaning() {
        assert_eq!(whole("1,234,567"), "1234567");
        assert_eq!(whole("12.00"), "12");
        assert_eq!(whole("12.5"), "12.5");
        assert_eq!(amount("8.48E10"), "84800000000");
        assert_eq!(amount("6.0e-1"), "0.6");
        assert_eq!(amount("1e400"), "1e400");
        assert_eq!(ungrouped("-1,234.50"), "-1234.50");
        for kept in [
            "1,7",
            "200.000.000",
            "12,34",
            "1,2345",
            "$1,000",
            "1.234,50",
            ",123",
            "abc",
        ] {
            assert_eq!(ungrouped(kept), kept);
        }
    }
}
