//! What tells a record apart, read from the fields whose names and kinds say so. Pure.

use phonenumber::{Mode, country};
use uuid::Uuid;

use super::place::Place;
use crate::description::Description;
use crate::implied::MEMBER;
use crate::leaf::{Form, Kind};
use crate::names;
use crate::record::Record;
use crate::value::Value;

/// Mail providers of everybody: who shares one shares nothing.
const OF_EVERYBODY: [&str; 16] = [
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "live.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "mail.ru",
    "qq.com",
    "163.com",
    "proton.me",
];

/// Where a kind of record keeps what tells it apart.
pub(super) struct Pattern {
    /// A person: a first and a last name. Else an organisation, with one name.
    person: bool,
    names: Vec<usize>,
    emails: Vec<usize>,
    phones: Vec<usize>,
    website: Option<usize>,
    /// Where a person works: by name, or by the id of another record.
    employer: Option<usize>,
    places: Vec<PlaceAt>,
}

/// The leaves of an address.
struct PlaceAt {
    street: usize,
    city: Option<usize>,
    postal_code: Option<usize>,
    country: Option<usize>,
}

/// What tells a record apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) id: Uuid,
    pub(super) title: String,
    pub(super) person: bool,
    /// The words of its name, folded, without legal forms.
    pub(super) words: Vec<String>,
    /// Those in one.
    pub(super) key: String,
    pub(super) emails: Vec<String>,
    /// E.164, or the digits of what is no number of any country.
    pub(super) phones: Vec<String>,
    pub(super) domain: Option<String>,
    pub(super) employer: Option<String>,
    pub(super) places: Vec<Place>,
}

impl Pattern {
    pub(super) fn of(description: &Description) -> Self {
        let at = |name: &str| description.position(name);
        let of_form = |form: Form| -> Vec<usize> {
            let leaves = description.leaves.iter().enumerate();
            let found = leaves.filter(|(_, leaf)| leaf.public && leaf.kind == Kind::Text(form));
            found.map(|(at, _)| at).collect()
        };
        let person = at("first_name").is_some() && at("last_name").is_some();
        let names = if person {
            ["first_name", "last_name"]
                .iter()
                .filter_map(|name| at(name))
                .collect()
        } else {
            at("name").into_iter().collect()
        };
        let streets = description.leaves.iter().enumerate();
        let places = streets.filter_map(|(street, leaf)| {
            let group = leaf.path.strip_suffix(".street")?;
            let part = |name: &str| at(&format!("{group}.{name}"));
            Some(PlaceAt {
                street,
                city: part("city"),
                postal_code: part("postal_code"),
                country: part("country"),
            })
        });
        Self {
            person,
            names,
            emails: of_form(Form::Email),
            phones: of_form(Form::Phone),
            website: at("website"),
            employer: if person {
                at("company_name").or_else(|| foreign(description))
            } else {
                None
            },
            places: places.collect(),
        }
    }

    pub(super) fn profile<R: Record>(&self, record: &R) -> Profile {
        let values = record.values();
        let text = |at: usize| match &values[at] {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let places: Vec<Place> = self
            .places
            .iter()
            .map(|place| {
                let part = |at: Option<usize>| at.and_then(text);
                Place::of(
                    text(place.street),
                    part(place.city),
                    part(place.postal_code),
                    part(place.country),
                )
            })
            .filter(|place| !place.is_blank())
            .collect();
        let country = places.iter().find_map(|place| place.country.as_deref());
        let mut phones: Vec<String> = self
            .phones
            .iter()
            .filter_map(|at| text(*at))
            .filter_map(|text| phone(text, country))
            .collect();
        phones.sort_unstable();
        phones.dedup();
        let mut emails: Vec<String> = self
            .emails
            .iter()
            .filter_map(|at| text(*at))
            .map(str::to_lowercase)
            .collect();
        emails.dedup();
        let name: Vec<&str> = self.names.iter().filter_map(|at| text(*at)).collect();
        let words = names::words(&name.join(" "));
        let employer = self.employer.and_then(|at| match &values[at] {
            Value::Text(name) => Some(names::key(name)),
            Value::Id(id) => Some(id.to_string()),
            _ => None,
        });
        let domain = self.website.and_then(text).and_then(names::domain);
        Profile {
            id: record.id(),
            title: record.title(),
            person: self.person,
            key: words.concat(),
            domain: domain
                .or_else(|| {
                    emails
                        .first()
                        .and_then(|email| email.split_once('@'))
                        .map(|(_, domain)| domain.to_owned())
                })
                .filter(|domain| !self.person && !OF_EVERYBODY.contains(&domain.as_str())),
            words,
            emails,
            phones,
            employer,
            places,
        }
    }
}

/// The first reference to a record of another kind, which for a person is the one where they work.
fn foreign(description: &Description) -> Option<usize> {
    let own = [description.one, MEMBER, "territory"];
    description.leaves.iter().position(|leaf| {
        leaf.public && !leaf.read_only && leaf.refers.is_some_and(|kind| !own.contains(&kind))
    })
}

/// A telephone number as E.164, read in the country of the address where it doesn't say its own. What isn't valid anywhere
/// counts by its digits, from six on.
pub(super) fn phone(text: &str, country: Option<&str>) -> Option<String> {
    let country: Option<country::Id> = country.and_then(|code| code.parse().ok());
    let text = text.trim();
    // How most of the world dials what others write as a plus.
    let dialled = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    if let Ok(number) = phonenumber::parse(country, dialled.as_deref().unwrap_or(text))
        && number.is_valid()
    {
        return Some(number.format().mode(Mode::E164).to_string());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (digits.len() >= 6).then(|| digits.to_owned())
}

/// Whether two are one number: one whose country isn't known may be the end of one whose is.
pub(super) fn same_phone(a: &str, b: &str) -> bool {
    let ends = |full: &str, end: &str| {
        full.starts_with('+') && !end.starts_with('+') && end.len() >= 8 && full.ends_with(end)
    };
    a == b || ends(a, b) || ends(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let same = [
            "+49 30 1234567",
            "030/1234567",
            "(030) 123 45 67",
            "0049301234567",
        ];
        for text in same {
            assert_eq!(phone(text, Some("DE")).as_deref(), Some("+49301234567"), "{text}");
        }
        assert_eq!(
            phone("(212) 555-0123", Some("US")).as_deref(),
            Some("+12125550123")
        );
        assert_eq!(phone("0049 30 1234567", None).as_deref(), Some("+49301234567"));
        assert_ne!(phone("030 1234567", Some("AT")), phone("030 1234567", Some("DE")));
    }

    #[test]
    fn a_number_of_no_known_country_may_be_the_end_of_another() {
        let (full, end) = (
            phone("+1 212 555 0123", None).unwrap(),
            phone("(212) 555-0123", None).unwrap(),
        );
        assert!(same_phone(&full, &end) && same_phone(&end, &full));
        assert!(!same_phone(&full, "5550123"), "too short to say anything");
        assert!(!same_phone(&full, "+492125550123"));
    }

    #[test]
    fn what_is_no_number_of_any_country_counts_by_its_digits() {
        assert_eq!(phone("555-0123-9", None).as_deref(), Some("55501239"));
        assert_eq!(phone("call 12", None), None);
    }
}
