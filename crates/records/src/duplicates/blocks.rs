//! Which pairs are worth comparing: those that share something that few others have. Pure.

use std::collections::{HashMap, HashSet};

use super::likeness::Weights;
use super::profile::Profile;

/// What more records share than this says nothing.
const CROWD: usize = 60;

/// Pairs of places among the profiles, each once.
pub(super) fn pairs(profiles: &[Profile], weights: &Weights) -> Vec<(u32, u32)> {
    let mut blocks: HashMap<String, Vec<u32>> = HashMap::new();
    for (at, profile) in (0u32..).zip(profiles) {
        let mut keys = keys(profile, weights);
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            blocks.entry(key).or_default().push(at);
        }
    }
    let mut pairs = HashSet::new();
    for block in blocks.values().filter(|block| (2..=CROWD).contains(&block.len())) {
        for (at, one) in block.iter().enumerate() {
            pairs.extend(block[at + 1..].iter().map(|other| (*one, *other)));
        }
    }
    let mut pairs: Vec<(u32, u32)> = pairs.into_iter().collect();
    pairs.sort_unstable();
    pairs
}

/// What brings a record together with others, each with a letter for what it is.
fn keys(profile: &Profile, weights: &Weights) -> Vec<String> {
    let mut keys = Vec::new();
    let mut add = |kind: char, text: &str| {
        if !text.is_empty() {
            keys.push(format!("{kind}{text}"));
        }
    };
    profile.emails.iter().for_each(|email| add('e', email));
    // The end alone: not everybody writes what is before it.
    for phone in &profile.phones {
        add('p', &phone[phone.len().saturating_sub(7)..]);
    }
    if let Some(domain) = &profile.domain {
        add('d', domain);
    }
    add('n', &profile.key);
    let begins = |text: &str, letters: usize| -> String { text.chars().take(letters).collect() };
    match (profile.person, profile.words.as_slice()) {
        (true, [first, .., last]) => {
            // A typo in either name leaves the other one, and the beginnings.
            add('l', &format!("{last} {}", begins(first, 1)));
            add('f', &format!("{first} {}", begins(last, 2)));
            add('b', &format!("{} {}", begins(first, 3), begins(last, 3)));
            add('s', &format!("{first} {last}"));
            add('s', &format!("{last} {first}"));
        }
        _ => {
            for word in &profile.words {
                if (2..=CROWD).contains(&(weights.count(word) as usize)) {
                    add('w', word);
                }
                // A word with a typo still begins like it.
                if word.chars().count() >= 4 {
                    add('b', &begins(word, 4));
                }
            }
            add('k', &begins(&profile.key, 6));
        }
    }
    for place in &profile.places {
        if let (Some(number), Some(street)) = (&place.number, place.street.first()) {
            add('a', &format!("{number} {}", begins(street, 4)));
        }
        if let Some(code) = &place.postal_code {
            add('z', &format!("{code} {}", begins(&profile.key, 2)));
        }
    }
    keys
}
