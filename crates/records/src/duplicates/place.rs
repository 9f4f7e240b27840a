//! An address as it is compared. Pure.

use crate::fold;

/// What stands for what in streets.
const SHORT: [(&str, &str); 34] = [
    ("street", "st"),
    ("str", "st"),
    ("strasse", "st"),
    ("sts", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("aves", "ave"),
    ("boulevard", "blvd"),
    ("blv", "blvd"),
    ("road", "rd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("place", "pl"),
    ("platz", "pl"),
    ("square", "sq"),
    ("court", "ct"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("suite", "ste"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
    ("fourth", "4th"),
    ("fifth", "5th"),
    ("sixth", "6th"),
    ("seventh", "7th"),
    ("eighth", "8th"),
    ("ninth", "9th"),
    ("tenth", "10th"),
    ("saint", "st"),
];
/// What a street is rather than how it is called, and where it lies.
const KINDS: [&str; 22] = [
    "st", "ave", "blvd", "rd", "dr", "ln", "pl", "sq", "ct", "hwy", "pkwy", "way", "n", "s", "e", "w", "ne",
    "nw", "se", "sw", "ste", "weg",
];
/// From here on it is told how to find it.
const DIRECTIONS: [&str; 7] = ["between", "near", "off", "at", "corner", "in", "across"];

/// An address, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: Option<String>,
    /// The words that the street is called by.
    pub(super) street: Vec<String>,
    pub(super) city: String,
    pub(super) postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub(super) country: Option<String>,
}

impl Place {
    pub(super) fn of(
        street: Option<&str>,
        city: Option<&str>,
        postal_code: Option<&str>,
        country: Option<&str>,
    ) -> Self {
        let mut words: Vec<String> = fold::words(street.unwrap_or_default())
            .into_iter()
            .map(|word| {
                let short = SHORT.iter().find(|(long, _)| *long == word);
                short.map_or(word, |(_, short)| (*short).to_owned())
            })
            .collect();
        if let Some(end) = words
            .iter()
            .skip(1)
            .position(|word| DIRECTIONS.contains(&word.as_str()))
        {
            words.truncate(end + 1);
        }
        // `12 High Street` and `Hauptstraße 12a`.
        let is_number = |word: &String| word.starts_with(|c: char| c.is_ascii_digit()) && !is_ordinal(word);
        let number = match (words.first(), words.last()) {
            (Some(first), _) if words.len() > 1 && is_number(first) => Some(words.remove(0)),
            (_, Some(last)) if words.len() > 1 && is_number(last) => words.pop(),
            _ => None,
        };
        let called: Vec<String> = words
            .iter()
            .filter(|word| !KINDS.contains(&word.as_str()))
            .cloned()
            .collect();
        let plain = |text: &str| fold::words(text).concat();
        Self {
            number,
            street: if called.is_empty() { words } else { called },
            city: fold::words(city.unwrap_or_default()).join(" "),
            postal_code: postal_code.map(plain).filter(|code| !code.is_empty()),
            country: country.map(str::to_owned),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.street.is_empty() && self.city.is_empty() && self.postal_code.is_none()
    }

    /// Whether it names a street, so that being elsewhere means something.
    pub(super) fn is_precise(&self) -> bool {
        !self.street.is_empty()
    }

    /// How alike two addresses are, 0 to 1.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        if !self.is_precise() || !other.is_precise() {
            let same_code = self.postal_code.is_some() && self.postal_code == other.postal_code;
            return if same_code || (!self.city.is_empty() && self.city == other.city) {
                0.5
            } else {
                0.0
            };
        }
        let (a, b) = (&self.street, &other.street);
        let shared = a.iter().filter(|word| b.contains(word)).count();
        let shared = shared as f64 / a.len().min(b.len()) as f64;
        let street = shared.max(strsim::jaro_winkler(&a.join(" "), &b.join(" ")));
        match (&self.number, &other.number) {
            (Some(a), Some(b)) if a == b && street > 0.8 => 0.55 + 0.45 * street,
            (Some(a), Some(b)) if a == b => 0.3 * street,
            (Some(_), Some(_)) => 0.25 * street,
            _ => 0.6 * street,
        }
    }
}

/// `3rd`, `44th`: part of a name, not a house.
fn is_ordinal(word: &str) -> bool {
    let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
    matches!(letters, "st" | "nd" | "rd" | "th")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn street(text: &str) -> Place {
        Place::of(Some(text), Some("Springfield"), None, None)
    }

    #[test]
    fn an_address_is_the_same_however_it_is_abbreviated() {
        for (a, b) in [
            ("435 S. La Cienega Blv.", "435 South La Cienega Boulevard"),
            ("804 Third Avenue between 49th and 50th Sts.", "804 3rd Ave"),
            ("Hauptstraße 12a", "Hauptstrasse 12A"),
        ] {
            assert!(
                street(a).likeness(&street(b)) > 0.95,
                "{a} {:?} {:?}",
                street(a),
                street(b)
            );
        }
    }

    #[test]
    fn another_house_is_another_address() {
        assert!(street("12 High St").likeness(&street("13 High St")) < 0.3);
        assert!(street("12 High St").likeness(&street("12 Low Road")) < 0.5);
        assert_eq!(street("44 W. 44th St.").number.as_deref(), Some("44"));
        assert_eq!(street("3rd St. Promenade").number, None);
    }
}
