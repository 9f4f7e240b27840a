//! How alike two records are, and why. Pure.

use std::collections::HashMap;

use super::profile::{Profile, same_phone};

/// Words that say little about which one it is.
pub(super) const LITTLE: [&str; 24] = [
    "the", "of", "and", "a", "an", "de", "la", "le", "el", "il", "at", "on", "in", "der", "die", "das", "y",
    "et", "und", "du", "des", "les", "los", "las",
];
/// How mailboxes of desks rather than of people begin.
const DESKS: [&str; 12] = [
    "info", "sales", "office", "conta", "konta", "hello", "support", "admin", "team", "service", "billing",
    "noreply",
];
/// Two words are the same from here on.
const SAME_WORD: f64 = 0.88;

/// How alike two records are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Likeness {
    /// 0 to 1.
    pub(super) score: f64,
    pub(super) reasons: Vec<&'static str>,
}

/// What words weigh among these records: a rare one says more.
#[derive(Debug)]
pub(super) struct Weights {
    records: f64,
    count: HashMap<String, u32>,
}

impl Weights {
    pub(super) fn of(profiles: &[Profile]) -> Self {
        let mut count: HashMap<String, u32> = HashMap::new();
        for profile in profiles {
            let mut words: Vec<&String> = profile.words.iter().collect();
            words.sort_unstable();
            words.dedup();
            for word in words {
                *count.entry(word.clone()).or_default() += 1;
            }
        }
        Self {
            records: profiles.len() as f64,
            count,
        }
    }

    /// How many records have the word.
    pub(super) fn count(&self, word: &str) -> u32 {
        self.count.get(word).copied().unwrap_or_default()
    }

    fn weight(&self, word: &str) -> f64 {
        // Never nothing: in a company of two records every word is frequent.
        ((self.records + 1.0) / f64::from(self.count(word).max(1)))
            .ln()
            .max(0.1)
    }

    fn sum(&self, words: &[&String]) -> f64 {
        words.iter().map(|word| self.weight(word)).sum()
    }
}

/// Compares two records of one kind.
pub(super) fn compare(a: &Profile, b: &Profile, weights: &Weights) -> Likeness {
    let name = names(a, b, weights);
    let exact = !a.key.is_empty() && a.key == b.key;
    let both = |a: &[String], b: &[String]| !a.is_empty() && !b.is_empty();
    let email = a.emails.iter().find(|email| b.emails.contains(email));
    let phone = a
        .phones
        .iter()
        .any(|one| b.phones.iter().any(|other| same_phone(one, other)));
    let domain = a.domain.is_some() && a.domain == b.domain;
    let employer = a.employer.is_some() && a.employer == b.employer;
    let place = place(a, b);

    // Each way to be the same, with what it is worth by itself.
    let mut ways: Vec<(&'static str, f64)> = Vec::new();
    if let Some(email) = email {
        let worth = match (name >= 0.5 || !a.person, is_shared(email)) {
            (true, _) => 0.95,
            // A person may have got another name.
            (false, false) => 0.8,
            (false, true) => 0.6,
        };
        ways.push(("email", worth));
    }
    if phone {
        ways.push((
            "phone",
            if name >= 0.75 {
                0.92
            } else if name >= 0.5 {
                0.76
            } else {
                0.5
            },
        ));
    }
    if domain {
        ways.push(("domain", if name >= 0.6 { 0.9 } else { 0.78 }));
    }
    let elsewhere = (both(&a.emails, &b.emails) && email.is_none()) as u8
        + (both(&a.phones, &b.phones) && !phone) as u8
        + (a.domain.is_some() && b.domain.is_some() && !domain) as u8
        + (a.employer.is_some() && b.employer.is_some() && !employer) as u8;
    match place {
        Some(place) => {
            let score = 0.6 * name + 0.4 * place;
            // One thing that contradicts is an old number; two are another one.
            ways.push(("name", if elsewhere >= 2 { score - 0.15 } else { score }));
            if place >= 0.8 && name >= 0.5 {
                ways.push(("address", score));
            }
        }
        None if name >= 0.85 => ways.push((
            if exact { "name" } else { "similar_name" },
            by_name(a, exact, employer, elsewhere),
        )),
        None => {}
    }
    if employer && exact {
        ways.push(("employer", 0.85));
    }
    let best = ways.iter().map(|(_, score)| *score).fold(0.0, f64::max);
    // Every further agreement makes it surer.
    let agreeing = ways
        .iter()
        .filter(|(_, score)| *score >= 0.75)
        .count()
        .saturating_sub(1);
    let score = (0..agreeing).fold(best, |score, _| score + (1.0 - score) * 0.4);
    let mut reasons: Vec<&'static str> = ways
        .iter()
        .filter(|(reason, score)| *score >= 0.5 && !(*reason == "name" && name < 0.6))
        .map(|(reason, _)| {
            if *reason == "name" && !exact {
                "similar_name"
            } else {
                *reason
            }
        })
        .collect();
    reasons.dedup();
    Likeness {
        score: (score.clamp(0.0, 1.0) * 100.0).round() / 100.0,
        reasons,
    }
}

/// Whether an address is that of a desk, where people sit who have nothing else in common.
fn is_shared(email: &str) -> bool {
    let mailbox = email.split('@').next().unwrap_or_default();
    DESKS.iter().any(|desk| mailbox.starts_with(desk))
}

/// What a name alone is worth, where nothing is known of the addresses.
fn by_name(a: &Profile, exact: bool, employer: bool, elsewhere: u8) -> f64 {
    // Many people share a name; few organisations do.
    let base = match (a.person, exact) {
        (true, true) if employer => 0.9,
        (true, true) => 0.78,
        (true, false) if employer => 0.8,
        (true, false) => 0.65,
        (false, true) => 0.88,
        (false, false) => 0.77,
    };
    base - 0.12 * f64::from(elsewhere)
}

/// How alike two names are: as a whole, and by their words in any order, the smaller set within the larger.
pub(super) fn names(a: &Profile, b: &Profile, weights: &Weights) -> f64 {
    if a.key.is_empty() || b.key.is_empty() {
        return 0.0;
    }
    if a.key == b.key {
        return 1.0;
    }
    let whole = strsim::jaro_winkler(&a.key, &b.key);
    let whole = if whole > 0.9 { whole } else { whole * 0.8 };
    let (contained, together) = words(&a.words, &b.words, weights);
    whole.max(0.6 * contained + 0.4 * together)
}

/// By weight: how much of the smaller set of words the larger one holds, and how much of both they share.
fn words(a: &[String], b: &[String], weights: &Weights) -> (f64, f64) {
    let telling = |words: &[String]| -> Vec<usize> {
        let telling: Vec<usize> = (0..words.len())
            .filter(|at| !LITTLE.contains(&words[*at].as_str()))
            .collect();
        if telling.is_empty() {
            (0..words.len()).collect()
        } else {
            telling
        }
    };
    let a: Vec<&String> = telling(a).into_iter().map(|at| &a[at]).collect();
    let b: Vec<&String> = telling(b).into_iter().map(|at| &b[at]).collect();
    let (sum_a, sum_b) = (weights.sum(&a), weights.sum(&b));
    let (small, large) = if sum_a <= sum_b { (&a, &b) } else { (&b, &a) };
    let mut used = vec![false; large.len()];
    let mut shared = 0.0;
    for word in small {
        let alike = large
            .iter()
            .enumerate()
            .filter(|(at, _)| !used[*at])
            .map(|(at, other)| {
                let alike = if word == other {
                    1.0
                } else {
                    strsim::jaro_winkler(word, other)
                };
                (at, alike)
            });
        if let Some((at, alike)) = alike.max_by(|a, b| a.1.total_cmp(&b.1))
            && alike >= SAME_WORD
        {
            used[at] = true;
            shared += weights.weight(word) * alike;
        }
    }
    (shared / sum_a.min(sum_b), shared / (sum_a + sum_b - shared))
}

/// How alike their addresses are, the best of all pairs; none when one of them has none.
fn place(a: &Profile, b: &Profile) -> Option<f64> {
    let pairs = a
        .places
        .iter()
        .flat_map(|one| b.places.iter().map(move |other| (one, other)))
        .filter(|(one, other)| one.is_precise() && other.is_precise());
    pairs.map(|(one, other)| one.likeness(other)).reduce(f64::max)
}
