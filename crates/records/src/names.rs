//! By what two organisations are the same: the normalised name and the web domain. Pure.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words that say how a company is held, not which company it is. They are left out at the end of a name.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bhd",
    "bv",
    "bvba",
    "co",
    "company",
    "corp",
    "corporation",
    "cv",
    "dac",
    "doo",
    "ek",
    "eurl",
    "ev",
    "gbr",
    "gesmbh",
    "gmbh",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "kgaa",
    "kk",
    "lda",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "ohg",
    "oy",
    "oyj",
    "plc",
    "pllc",
    "private",
    "pte",
    "pty",
    "pvt",
    "sa",
    "sab",
    "sarl",
    "sas",
    "sau",
    "sdn",
    "se",
    "sl",
    "slu",
    "spa",
    "spzoo",
    "sprl",
    "srl",
    "sro",
    "ug",
    "ulc",
    "zrt",
];

/// A name without case, accents, punctuation, blanks and legal forms: `Müller & Söhne GmbH` and `MULLER SOHNE` have the
/// same key. A name without any letter or digit is its own key.
#[must_use]
pub fn key(name: &str) -> String {
    let key = words(name).concat();
    if key.is_empty() {
        name.trim().to_lowercase()
    } else {
        key
    }
}

/// The words of a name that say which one it is: folded, and without the legal form at its end.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let mut words = folded(name);
    while let Some(rest) = without_legal_form(&words) {
        words.truncate(rest.len());
    }
    words
}

/// Letters and digits of each word, folded. Dots and apostrophes stand inside words (`S.A.`), all other signs between.
fn folded(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for sign in name
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
    {
        match sign {
            'ß' => word.push_str("ss"),
            'æ' => word.push_str("ae"),
            'œ' => word.push_str("oe"),
            'þ' => word.push_str("th"),
            'ø' => word.push('o'),
            'ł' => word.push('l'),
            'đ' | 'ð' => word.push('d'),
            'ı' => word.push('i'),
            '.' | '\'' | '’' => {}
            c if c.is_alphanumeric() => word.push(c),
            c if is_combining_mark(c) => {}
            _ if word.is_empty() => {}
            _ => words.push(std::mem::take(&mut word)),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The words before the legal form at their end, if one is there and something is before it. A form may be written in
/// parts: `S. A.`, `A/S`, `Sp. z o.o.`.
fn without_legal_form(words: &[String]) -> Option<&[String]> {
    (1..=3).rev().find_map(|parts| {
        let start = words.len().checked_sub(parts).filter(|start| *start > 0)?;
        let (before, form) = words.split_at(start);
        let spelt = form.concat();
        let apart = parts == 1 || form.iter().all(|part| part.chars().count() <= 2);
        (apart && LEGAL_FORMS.contains(&spelt.as_str())).then_some(before)
    })
}

/// The host of a website in lower case without `www.`; none when it names no host.
#[must_use]
pub fn domain(website: &str) -> Option<String> {
    let website = website.trim();
    let after_scheme = website.split_once("://").map_or(website, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#', '\\']).next()?;
    let host_and_port = authority.rsplit('@').next()?;
    let host = match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => host_and_port,
    };
    let host = host.trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_one_company_have_one_key() {
        for (expected, names) in [
            (
                "acme",
                &[
                    "Acme",
                    "ACME, Inc.",
                    "acme inc",
                    " Acme  Corporation",
                    "Acme Co., Ltd.",
                    "Acmé Ltd",
                ][..],
            ),
            (
                "mullersohne",
                &[
                    "Müller & Söhne GmbH",
                    "MULLER SOHNE",
                    "Müller-Söhne GmbH & Co. KG",
                ],
            ),
            ("att", &["AT&T", "A.T.&T. Inc", "at & t"]),
            ("novonordisk", &["Novo Nordisk A/S", "novo nordisk"]),
            ("orlen", &["Orlen Sp. z o.o.", "ORLEN S.A.", "Orlen S. A."]),
            ("weissbier", &["Weißbier", "WEISSBIER AG"]),
            ("3m", &["3M", "3M Company"]),
            (
                "ford motor".replace(' ', "").as_str(),
                &["Ford Motor Company", "Ford-Motor"],
            ),
        ] {
            for name in names {
                assert_eq!(key(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn names_of_different_companies_have_different_keys() {
        assert_ne!(key("Acme"), key("Acme Germany"));
        assert_ne!(key("Alpha Co"), key("Beta Co"));
        assert_ne!(key("日本電気"), key("日立製作所"));
    }

    #[test]
    fn a_legal_form_alone_is_a_name() {
        assert_eq!(key("Limited"), "limited");
        assert_eq!(key("Co. Ltd."), "co");
        assert_eq!(key("SAS"), "sas");
    }

    #[test]
    fn a_name_without_letters_keeps_its_signs() {
        assert_eq!(key(" !!! "), "!!!");
    }

    #[test]
    fn a_domain_is_the_host_in_lower_case_without_www() {
        for (website, host) in [
            ("https://www.Example.COM/about?x=1", "example.com"),
            ("example.com", "example.com"),
            ("http://shop.example.co.uk:8080/", "shop.example.co.uk"),
            ("https://user:secret@www.example.org", "example.org"),
            ("https://example.org.", "example.org"),
            ("https://wwwhite.com", "wwwhite.com"),
        ] {
            assert_eq!(domain(website).as_deref(), Some(host), "{website}");
        }
        assert_eq!(domain("https://"), None);
        assert_eq!(domain(""), None);
    }

    proptest! {
        #[test]
        fn case_blanks_and_punctuation_never_matter(name in "[a-zA-Zäöüé0-9]{1,8}( [a-zA-Zäöüé0-9]{3,8}){0,3}") {
            let loud = name.to_uppercase();
            let spaced = name.replace(' ', " - ");
            prop_assert_eq!(key(&loud), key(&name));
            prop_assert_eq!(key(&spaced), key(&name));
        }
    }
}
