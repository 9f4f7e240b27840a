//! Made-up records as CSV: always the same ones, each different from the others.

use std::fmt::Write as _;

const FIRST: [&str; 16] = [
    "Ada", "Bela", "Carla", "David", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam",
    "Mira", "Noah", "Olga", "Paul",
];
const LAST: [&str; 16] = [
    "Abel", "Berger", "Costa", "Duarte", "Ekman", "Fischer", "Garcia", "Huber", "Ivanov", "Jensen", "Keller",
    "Lopez", "Moreau", "Novak", "Okafor", "Petrov",
];
const TITLES: [&str; 6] = ["Buyer", "CEO", "CFO", "CTO", "Head of Sales", "Plant Manager"];
const INDUSTRIES: [&str; 8] = [
    "Automotive",
    "Banking",
    "Chemicals",
    "Energy",
    "Health",
    "Logistics",
    "Retail",
    "Software",
];
const CITIES: [(&str, &str); 8] = [
    ("Berlin", "DE"),
    ("Lyon", "FR"),
    ("Porto", "PT"),
    ("Graz", "AT"),
    ("Bristol", "GB"),
    ("Austin", "US"),
    ("Osaka", "JP"),
    ("Turin", "IT"),
];
const RATINGS: [&str; 4] = ["hot", "warm", "cold", ""];
const SOURCES: [&str; 6] = ["website", "referral", "event", "partner", "cold_call", "other"];

/// The rare word that some twenty of half a million leads have: one word for each 25,000th part of a company.
pub(crate) fn rare_word(number: u64) -> String {
    let letters = b"bdfgklmnprstvz";
    let vowels = b"aeiou";
    let mut word = String::from("Q");
    let mut rest = mix(number);
    for _ in 0..4 {
        word.push(char::from(vowels[(rest % 5) as usize]));
        rest /= 5;
        word.push(char::from(letters[(rest % 14) as usize]));
        rest /= 14;
    }
    word
}

/// How many rare words there are.
pub(crate) const RARE_WORDS: u64 = 25_000;

/// The header of leads.
pub(crate) const LEADS: &str = "First Name,Last Name,Email,Phone,Job Title,Company,Industry,Employees,Annual Revenue,\
                                Budget,Source,Rating,address.city,address.country,Tags,Created At\r\n";

/// A lead.
pub(crate) fn lead(out: &mut String, company: usize, n: u64) {
    let r = mix(n);
    let (city, country) = pick(&CITIES, r >> 8);
    let (year, month, day) = (2024 + r % 2, 1 + (r >> 16) % 12, 1 + (r >> 24) % 28);
    let (hour, minute, second) = ((r >> 32) % 24, (r >> 40) % 60, (r >> 48) % 60);
    let budget = if r.is_multiple_of(3) {
        String::new()
    } else {
        (1_000 + r % 90_000).to_string()
    };
    line(
        out,
        format_args!(
            "{},{} {},lead{n}.c{company}@example.com,+49 30 {:07},{},{} {n},{},{},{},{budget},{},{},{city},{country},{},\
             {year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z",
            pick(&FIRST, r),
            pick(&LAST, r >> 4),
            rare_word(n % RARE_WORDS),
            n % 10_000_000,
            pick(&TITLES, r >> 12),
            pick(&LAST, r >> 20),
            pick(&INDUSTRIES, r >> 28),
            1 + r % 5_000,
            10_000 * (1 + r % 900),
            pick(&SOURCES, r >> 36),
            pick(&RATINGS, r >> 44),
            if r.is_multiple_of(10) { "vip;fair" } else { "" },
        ),
    );
}

/// The header of accounts.
pub(crate) const ACCOUNTS: &str = "Name,Type,Industry,Website,Phone,Employees,Annual Revenue,billing_address.city,\
                                   billing_address.country\r\n";

/// An account.
pub(crate) fn account(out: &mut String, company: usize, n: u64) {
    let r = mix(n);
    let (city, country) = pick(&CITIES, r >> 8);
    line(
        out,
        format_args!(
            "{} Works {n},customer,{},https://www.works{n}-c{company}.example,+49 40 {:07},{},{},{city},{country}",
            pick(&LAST, r),
            pick(&INDUSTRIES, r >> 4),
            n % 10_000_000,
            1 + r % 5_000,
            10_000 * (1 + r % 900),
        ),
    );
}

/// The header of contacts.
pub(crate) const CONTACTS: &str = "First Name,Last Name,Email,Phone,Title\r\n";

/// A contact.
pub(crate) fn contact(out: &mut String, company: usize, n: u64) {
    let r = mix(n);
    line(
        out,
        format_args!(
            "{},{} {n},contact{n}.c{company}@example.com,+49 89 {:07},{}",
            pick(&FIRST, r),
            pick(&LAST, r >> 4),
            n % 10_000_000,
            pick(&TITLES, r >> 12),
        ),
    );
}

fn line(out: &mut String, cells: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = write!(out, "{cells}\r\n");
}

fn pick<T: Copy>(from: &[T], by: u64) -> T {
    from[(by % from.len() as u64) as usize]
}

/// A number that looks like chance (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_as_many_cells_as_its_header() {
        type Make = fn(&mut String, usize, u64);
        let kinds: [(&str, Make); 3] = [(LEADS, lead), (ACCOUNTS, account), (CONTACTS, contact)];
        for (header, make) in kinds {
            let mut row = String::new();
            make(&mut row, 0, 7);
            assert!(row.ends_with("\r\n"));
            assert_eq!(row.matches(',').count(), header.matches(',').count(), "{row}");
        }
    }

    #[test]
    fn rare_words_are_rare() {
        let words: std::collections::BTreeSet<String> = (0..1_000).map(rare_word).collect();
        assert!(words.len() > 990);
        assert!(words.iter().all(|word| word.len() == 9));
    }
}
