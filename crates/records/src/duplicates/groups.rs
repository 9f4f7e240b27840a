//! From pairs to groups. Pure.

use std::collections::{BTreeMap, HashSet};

use kontor_proto::records::v1::{DuplicateGroup, Reference};
use uuid::Uuid;

use super::blocks;
use super::likeness::{Likeness, Weights, compare};
use super::profile::Profile;

/// From here on two records may be the same.
const LIKELY: f64 = 0.75;

/// Groups of records that may be the same, surest first. Pairs that were dismissed join nothing.
pub(super) fn find(profiles: &[Profile], dismissed: &HashSet<(Uuid, Uuid)>) -> Vec<DuplicateGroup> {
    let weights = Weights::of(profiles);
    let mut joined = Joined::new(profiles.len());
    let mut found: Vec<(u32, Likeness)> = Vec::new();
    for (one, other) in blocks::pairs(profiles, &weights) {
        let (a, b) = (&profiles[one as usize], &profiles[other as usize]);
        if dismissed.contains(&(a.id.min(b.id), a.id.max(b.id))) {
            continue;
        }
        let likeness = compare(a, b, &weights);
        if likeness.score >= LIKELY {
            joined.join(one, other);
            found.push((one, likeness));
        }
    }
    let mut groups: BTreeMap<u32, (Vec<u32>, Vec<&Likeness>)> = BTreeMap::new();
    for at in (0..).zip(profiles).map(|(at, _)| at) {
        groups.entry(joined.root(at)).or_default().0.push(at);
    }
    for (one, likeness) in &found {
        if let Some((_, ways)) = groups.get_mut(&joined.root(*one)) {
            ways.push(likeness);
        }
    }
    let mut groups: Vec<DuplicateGroup> = groups
        .into_values()
        .filter(|(members, _)| members.len() > 1)
        .map(|(members, ways)| group(profiles, &members, &ways))
        .collect();
    groups.sort_by(|a, b| {
        let first = |group: &DuplicateGroup| group.records.first().map(|record| record.id.clone());
        b.score.total_cmp(&a.score).then_with(|| first(a).cmp(&first(b)))
    });
    groups
}

/// A group is as sure as its pairs are on the whole.
fn group(profiles: &[Profile], members: &[u32], ways: &[&Likeness]) -> DuplicateGroup {
    let score = ways.iter().map(|way| way.score).sum::<f64>() / ways.len().max(1) as f64;
    let mut reasons: Vec<String> = Vec::new();
    for reason in ways.iter().flat_map(|way| &way.reasons) {
        if !reasons.iter().any(|known| known == reason) {
            reasons.push((*reason).to_owned());
        }
    }
    let mut records: Vec<Reference> = members
        .iter()
        .map(|at| &profiles[*at as usize])
        .map(|profile| Reference {
            id: profile.id.to_string(),
            name: profile.title.clone(),
        })
        .collect();
    records.sort_by(|a, b| a.id.cmp(&b.id));
    DuplicateGroup {
        score: (score * 100.0).round() / 100.0,
        reasons,
        records,
    }
}

/// Which belong together.
struct Joined(Vec<u32>);

impl Joined {
    fn new(count: usize) -> Self {
        Self((0..).take(count).collect())
    }

    fn root(&mut self, at: u32) -> u32 {
        let mut root = at;
        while self.0[root as usize] != root {
            // Shortens the way for the next one.
            self.0[root as usize] = self.0[self.0[root as usize] as usize];
            root = self.0[root as usize];
        }
        root
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other) as usize] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::place::Place;
    use super::*;
    use crate::names;

    /// 864 restaurants of two guides, of which 112 stand in both (dedupeio/dedupe, MIT; see the folder's NOTICE).
    const RESTAURANTS: &str = include_str!("../../tests/data/restaurants/restaurants.csv");
    const TRUTH: &str = include_str!("../../tests/data/restaurants/restaurants_true_ids.csv");

    fn rows(csv: &str) -> impl Iterator<Item = csv::StringRecord> {
        csv::Reader::from_reader(csv.as_bytes())
            .into_records()
            .map(Result::unwrap)
    }

    fn organisation(id: u128, name: &str) -> Profile {
        let words = names::words(name);
        Profile {
            id: Uuid::from_u128(id),
            title: name.to_owned(),
            key: words.concat(),
            words,
            ..Profile::default()
        }
    }

    fn pairs<T: Copy + Ord + std::hash::Hash>(groups: impl Iterator<Item = Vec<T>>) -> HashSet<(T, T)> {
        let mut pairs = HashSet::new();
        for group in groups {
            for (at, one) in group.iter().enumerate() {
                pairs.extend(
                    group[at + 1..]
                        .iter()
                        .map(|other| (*one.min(other), *one.max(other))),
                );
            }
        }
        pairs
    }

    #[test]
    fn the_restaurants_of_two_guides_are_brought_together() {
        let profiles: Vec<Profile> = (0..)
            .zip(rows(RESTAURANTS))
            .map(|(id, row)| Profile {
                places: vec![Place::of(Some(&row[2]), Some(&row[3]), None, None)],
                ..organisation(id, &row[1])
            })
            .collect();
        let mut entities: HashMap<String, Vec<Uuid>> = HashMap::new();
        for (id, row) in (0..).zip(rows(TRUTH)) {
            entities
                .entry(row[1].to_owned())
                .or_default()
                .push(Uuid::from_u128(id));
        }
        let truth = pairs(entities.into_values());
        let groups = find(&profiles, &HashSet::new());
        let ids = groups.iter().map(|group| -> Vec<Uuid> {
            group
                .records
                .iter()
                .map(|record| record.id.parse().unwrap())
                .collect()
        });
        let found = pairs(ids);
        let right = found.intersection(&truth).count() as f64;
        let (precision, recall) = (right / found.len() as f64, right / truth.len() as f64);
        let f1 = 2.0 * precision * recall / (precision + recall);
        assert_eq!(truth.len(), 112);
        assert!(
            f1 >= 0.92,
            "precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}"
        );
    }

    fn reasons(a: Profile, b: Profile) -> Option<(f64, Vec<String>)> {
        let groups = find(&[a, b], &HashSet::new());
        groups
            .into_iter()
            .next()
            .map(|group| (group.score, group.reasons))
    }

    #[test]
    fn what_makes_two_the_same_is_said() {
        let with = |name: &str, change: fn(&mut Profile)| {
            let mut profile = organisation(name.len() as u128, name);
            change(&mut profile);
            profile
        };
        let (score, why) = reasons(with("Acme GmbH", |_| {}), with("ACME, Inc.", |_| {})).unwrap();
        assert_eq!((score > 0.85, why), (true, vec!["name".to_owned()]));
        let (_, why) = reasons(with("Microsoft", |_| {}), with("Micrsoft", |_| {})).unwrap();
        assert_eq!(why, ["similar_name"]);
        let domain = |profile: &mut Profile| profile.domain = Some("acme.com".into());
        let (_, why) = reasons(with("Acme Germany", domain), with("ACM", domain)).unwrap();
        assert_eq!(why, ["domain"]);
        assert_eq!(reasons(with("Alpha", |_| {}), with("Omega Corp", |_| {})), None);
    }

    #[test]
    fn people_of_one_name_are_the_same_only_with_something_more() {
        let person = |id: u128, change: &dyn Fn(&mut Profile)| {
            let mut profile = Profile {
                person: true,
                ..organisation(id, "John Smith")
            };
            change(&mut profile);
            profile
        };
        let mailed = |mail: &'static str, phone: &'static str| {
            move |profile: &mut Profile| {
                profile.emails = vec![mail.to_owned()];
                profile.phones = vec![phone.to_owned()];
            }
        };
        let apart = reasons(
            person(1, &mailed("a@x.com", "+1")),
            person(2, &mailed("b@y.com", "+2")),
        );
        assert_eq!(apart, None);
        let (score, why) = reasons(
            person(1, &mailed("a@x.com", "+1")),
            person(2, &mailed("a@x.com", "+2")),
        )
        .unwrap();
        assert!(
            score >= 0.9 && why.contains(&"email".to_owned()),
            "{score} {why:?}"
        );
        let (_, why) = reasons(
            person(1, &mailed("a@x.com", "+1")),
            person(2, &mailed("b@y.com", "+1")),
        )
        .unwrap();
        assert!(why.contains(&"phone".to_owned()));
    }

    #[test]
    fn a_dismissed_pair_joins_nothing() {
        let profiles = [
            organisation(1, "Acme"),
            organisation(2, "ACME Inc."),
            organisation(3, "Other"),
        ];
        assert_eq!(find(&profiles, &HashSet::new()).len(), 1);
        let dismissed = HashSet::from([(Uuid::from_u128(1), Uuid::from_u128(2))]);
        assert!(find(&profiles, &dismissed).is_empty());
    }
}
