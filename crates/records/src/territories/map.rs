//! The territories of a company as a tree, and which of them a record belongs to. Pure.
//!
//! Among territories that are parts of the same one (or of none), the one with the higher priority wins, then the one with
//! more kinds of rule, then the older. Its own parts are looked at next, and only they: a part of a territory that didn't
//! win is not looked at. So the most specific one wins, and a priority says something about brothers alone.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;
use uuid::Uuid;

use super::rules::{Facts, Rules};

/// How a record of a territory gets an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignment {
    /// It gets none.
    #[default]
    None,
    /// Members take turns.
    RoundRobin,
    /// The member with the fewest records of the territory.
    LeastLoaded,
}

impl Assignment {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
        }
    }

    /// The one of a word; none for any other.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "round_robin" => Self::RoundRobin,
            "least_loaded" => Self::LeastLoaded,
            _ => Self::None,
        }
    }
}

/// A part of the market.
#[derive(Clone, Debug, PartialEq)]
pub struct Territory {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The territory it is part of.
    pub parent_id: Option<Uuid>,
    /// The higher one wins.
    pub priority: i32,
    /// What belongs to it.
    pub rules: Rules,
    /// Members who work in it, in the order of their turns.
    pub member_ids: Vec<Uuid>,
    /// How a record without an owner gets one of them.
    pub assignment: Assignment,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// The territories of a company.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    territories: HashMap<Uuid, Territory>,
    /// The parts of each, and of none, the one that wins first.
    parts: HashMap<Option<Uuid>, Vec<Uuid>>,
}

impl Map {
    /// Of these territories.
    #[must_use]
    pub fn of(territories: Vec<Territory>) -> Self {
        let mut parts: HashMap<Option<Uuid>, Vec<Uuid>> = HashMap::new();
        for territory in &territories {
            parts.entry(territory.parent_id).or_default().push(territory.id);
        }
        let territories: HashMap<Uuid, Territory> = territories
            .into_iter()
            .map(|territory| (territory.id, territory))
            .collect();
        for brothers in parts.values_mut() {
            brothers.sort_by_cached_key(|id| {
                let territory = &territories[id];
                let kinds = territory.rules.kinds();
                (
                    std::cmp::Reverse((territory.priority, kinds)),
                    territory.created_at,
                    *id,
                )
            });
        }
        Self { territories, parts }
    }

    /// Whether the company has any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.territories.is_empty()
    }

    /// The territory of an id.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Territory> {
        self.territories.get(&id)
    }

    /// Where a record with these facts belongs.
    #[must_use]
    pub fn place(&self, facts: &Facts<'_>) -> Option<&Territory> {
        let mut place: Option<&Territory> = None;
        // A tree has no loop, but a copy may show one for a moment.
        for _ in 0..=self.territories.len() {
            let parts = self.parts.get(&place.map(|place| place.id));
            let next = parts.into_iter().flatten().map(|id| &self.territories[id]);
            match next.into_iter().find(|territory| territory.rules.hold(facts)) {
                Some(deeper) => place = Some(deeper),
                None => break,
            }
        }
        place
    }

    /// The territories that are part of one.
    #[must_use]
    pub fn parts(&self, id: Uuid) -> Vec<Uuid> {
        self.parts.get(&Some(id)).cloned().unwrap_or_default()
    }

    /// The territory and all below it.
    #[must_use]
    pub fn within(&self, id: Uuid) -> HashSet<Uuid> {
        let mut within = HashSet::new();
        let mut next = vec![id];
        while let Some(id) = next.pop() {
            if within.insert(id) {
                next.extend(self.parts.get(&Some(id)).into_iter().flatten());
            }
        }
        within
    }

    /// The same with another territory, or another form of one.
    #[must_use]
    pub fn with(&self, territory: Territory) -> Self {
        let mut all: Vec<Territory> = self.territories.values().cloned().collect();
        all.retain(|known| known.id != territory.id);
        all.push(territory);
        Self::of(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sketch {
        name: &'static str,
        parent: Option<&'static str>,
        priority: i32,
        rules: Rules,
    }

    fn sketch(name: &'static str, parent: Option<&'static str>, priority: i32, rules: Rules) -> Sketch {
        Sketch {
            name,
            parent,
            priority,
            rules,
        }
    }

    fn countries(codes: &[&str]) -> Rules {
        Rules {
            countries: codes.iter().map(|&code| code.to_owned()).collect(),
            ..Rules::default()
        }
    }

    fn software(mut rules: Rules) -> Rules {
        rules.industries = vec!["Software".to_owned()];
        rules
    }

    /// The first one is the oldest.
    fn map(sketches: Vec<Sketch>) -> Map {
        let byte = |name: &str, at: usize| name.as_bytes().get(at).copied().unwrap_or(0);
        let id = |name: &str| Uuid::from_bytes(std::array::from_fn(|at| byte(name, at)));
        let territories = sketches.into_iter().enumerate().map(|(age, sketch)| Territory {
            id: id(sketch.name),
            name: sketch.name.to_owned(),
            parent_id: sketch.parent.map(id),
            priority: sketch.priority,
            rules: sketch.rules,
            member_ids: Vec::new(),
            assignment: Assignment::None,
            created_at: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(i64::try_from(age).unwrap()),
        });
        Map::of(territories.collect())
    }

    fn german(industry: &'static str) -> Facts<'static> {
        Facts {
            country: Some("DE"),
            industry: Some(industry),
            ..Facts::default()
        }
    }

    fn name(place: Option<&Territory>) -> Option<&str> {
        place.map(|place| place.name.as_str())
    }

    #[test]
    fn of_brothers_the_higher_priority_wins_then_more_kinds_of_rule_then_the_older() {
        let de = || countries(&["DE"]);
        for (sketches, winner, why) in [
            (
                vec![
                    sketch("low", None, 0, software(de())),
                    sketch("high", None, 1, de()),
                ],
                "high",
                "a higher priority beats more kinds of rule",
            ),
            (
                vec![
                    sketch("wide", None, 0, de()),
                    sketch("narrow", None, 0, software(de())),
                ],
                "narrow",
                "more kinds of rule beat age",
            ),
            (
                vec![
                    sketch("older", None, 0, de()),
                    sketch("younger", None, 0, countries(&["DE", "FR"])),
                ],
                "older",
                "two values of one kind are no more kinds",
            ),
        ] {
            assert_eq!(
                name(map(sketches).place(&german("Software"))),
                Some(winner),
                "{why}"
            );
        }
    }

    #[test]
    fn the_most_specific_one_wins_and_a_part_only_with_its_whole() {
        let map = map(vec![
            sketch("emea", None, 5, countries(&["DE", "FR"])),
            sketch("germany", Some("emea"), 0, countries(&["DE"])),
            sketch("software", Some("germany"), 0, software(Rules::default())),
            sketch("americas", None, 0, countries(&["US"])),
            sketch("everything", Some("americas"), 99, Rules::default()),
        ]);
        assert_eq!(
            name(map.place(&german("Software"))),
            Some("software"),
            "whatever the priorities of the wholes"
        );
        assert_eq!(name(map.place(&german("Banking"))), Some("germany"));
        let french = Facts {
            country: Some("FR"),
            ..Facts::default()
        };
        assert_eq!(name(map.place(&french)), Some("emea"));
        assert_eq!(
            name(map.place(&Facts {
                country: Some("JP"),
                ..Facts::default()
            })),
            None,
            "a part that takes everything is not looked at when its whole doesn't match"
        );
    }

    #[test]
    fn a_territory_holds_itself_and_all_below_it() {
        let map = map(vec![
            sketch("a", None, 0, Rules::default()),
            sketch("b", Some("a"), 0, Rules::default()),
            sketch("c", Some("b"), 0, Rules::default()),
            sketch("d", None, 0, Rules::default()),
        ]);
        let id = |wanted: &str| map.territories.values().find(|t| t.name == wanted).unwrap().id;
        assert_eq!(map.within(id("a")), HashSet::from([id("a"), id("b"), id("c")]));
        assert_eq!(map.within(id("d")), HashSet::from([id("d")]));
    }

    #[test]
    fn a_loop_in_a_copy_ends() {
        let map = map(vec![
            sketch("a", Some("b"), 0, Rules::default()),
            sketch("b", Some("a"), 0, Rules::default()),
        ]);
        assert_eq!(map.place(&german("Software")), None);
        assert_eq!(map.within(map.territories.values().next().unwrap().id).len(), 2);
    }

    #[test]
    fn another_form_of_a_territory_takes_its_place() {
        let map = map(vec![sketch("a", None, 0, countries(&["FR"]))]);
        let mut changed = map.territories.values().next().unwrap().clone();
        changed.rules = countries(&["DE"]);
        assert_eq!(map.place(&german("Software")), None);
        assert_eq!(name(map.with(changed).place(&german("Software"))), Some("a"));
    }
}
