//! Whole numbers and amounts.

use rust_decimal::Decimal;

use super::Fault;
use crate::leaf::Leaf;
use crate::value::Value;

/// A whole number in text.
pub(super) fn whole(leaf: &Leaf, text: &str) -> Result<Value, Fault> {
    let number = text.parse::<i64>().map_err(|_| {
        if text
            .trim_start_matches('-')
            .bytes()
            .all(|digit| digit.is_ascii_digit())
            && text.len() > 18
        {
            Fault::new("out_of_range", bounds(leaf))
        } else {
            Fault::new("invalid_number", "This is not a whole number.")
        }
    })?;
    within(leaf, number).map(Value::Int)
}

/// A number within the leaf's bounds.
pub(super) fn within(leaf: &Leaf, number: i64) -> Result<i64, Fault> {
    if leaf.range.contains(&number) {
        Ok(number)
    } else {
        Err(Fault::new("out_of_range", bounds(leaf)))
    }
}

/// An amount in text: digits and at most one point, no exponent.
pub(super) fn amount(leaf: &Leaf, text: &str) -> Result<Value, Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let well_formed = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.bytes().any(|b| b.is_ascii_digit());
    if !well_formed {
        return Err(Fault::new(
            "invalid_amount",
            "Write an amount as a decimal number, for example 1234.50.",
        ));
    }
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let places = leaf.places as usize;
    if after.trim_end_matches('0').len() > places {
        return Err(Fault::new(
            "invalid_amount",
            format!("At most {places} decimal places."),
        ));
    }
    // Bounded before parsing, so that the number fits a Decimal exactly.
    if before.trim_start_matches('0').len() > 18 {
        return Err(Fault::new("out_of_range", bounds(leaf)));
    }
    let kept = &after[..after.len().min(places)];
    let sign = if text.starts_with('-') { "-" } else { "" };
    let parsed = format!("{sign}{before}.{kept}");
    let amount: Decimal = parsed.trim_end_matches('.').parse().map_err(|_| {
        Fault::new(
            "invalid_amount",
            "Write an amount as a decimal number, for example 1234.50.",
        )
    })?;
    if amount < Decimal::from(*leaf.range.start()) || amount > Decimal::from(*leaf.range.end()) {
        return Err(Fault::new("out_of_range", bounds(leaf)));
    }
    Ok(Value::Decimal(amount))
}

fn bounds(leaf: &Leaf) -> String {
    let (least, most) = (leaf.range.start(), leaf.range.end());
    match (*least == i64::MIN, *most == i64::MAX) {
        (false, false) => format!("Allowed is {least} to {most}."),
        (false, true) => format!("Allowed is {least} and above."),
        _ => format!("Allowed is up to {most}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::{Kind, money, whole as whole_spec};

    #[test]
    fn amounts_are_exact_to_four_places() {
        let leaf = Leaf::new("budget", Kind::Amount, true, &money());
        for (given, kept) in [
            ("1234.50", "1234.50"),
            ("0.0001", "0.0001"),
            ("5.00000", "5.0000"),
            (".5", "0.5"),
            ("5.", "5"),
        ] {
            assert_eq!(
                amount(&leaf, given).unwrap().to_text().unwrap(),
                crate::value::amount_text(kept.parse().unwrap())
            );
        }
        for (bad, code) in [
            ("1.00001", "invalid_amount"),
            ("1e5", "invalid_amount"),
            ("NaN", "invalid_amount"),
            ("12,34", "invalid_amount"),
            ("1,234,567.5", "invalid_amount"),
            ("1.2.3", "invalid_amount"),
            (".", "invalid_amount"),
            ("--5", "invalid_amount"),
            ("-1", "out_of_range"),
            ("99999999999999999999999999999999999999999", "out_of_range"),
        ] {
            assert_eq!(amount(&leaf, bad).unwrap_err().code, code, "{bad}");
        }
    }

    #[test]
    fn whole_numbers_lie_within_their_bounds() {
        let leaf = Leaf::new("employees", Kind::Int, true, &whole_spec(0, 10_000_000));
        assert_eq!(whole(&leaf, "12500"), Ok(Value::Int(12_500)));
        assert_eq!(whole(&leaf, "-1").unwrap_err().code, "out_of_range");
        assert_eq!(
            whole(&leaf, "99999999999999999999").unwrap_err().code,
            "out_of_range"
        );
        assert_eq!(whole(&leaf, "12.5").unwrap_err().code, "invalid_number");
        assert_eq!(whole(&leaf, "many").unwrap_err().code, "invalid_number");
        assert_eq!(whole(&leaf, "12,500").unwrap_err().code, "invalid_number");
    }
}
