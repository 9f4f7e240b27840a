//! Paths to routes. Literal segments win over variables, and a variable may have a suffix: `/calendar/{secret}.ics`.

use std::collections::HashMap;

use http::Method;

use crate::contract::BadContract;

/// A tree of paths, by segments.
#[derive(Debug)]
pub struct Routes<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<String, Node<T>>,
    /// Variables by their suffix, longest first.
    variables: Vec<(String, Node<T>)>,
    verbs: Vec<(Method, T)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            variables: Vec::new(),
            verbs: Vec::new(),
        }
    }
}

/// What stands at a path.
#[derive(Debug)]
pub enum Matched<'r, 'p, T> {
    /// A route, and the variables of the path as they stand in it, still percent-encoded.
    Route(&'r T, Vec<&'p str>),
    /// Other verbs than this one.
    OtherVerbs(Vec<&'r Method>),
    /// Nothing.
    Nothing,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            root: Node::default(),
        }
    }
}

impl<T> Routes<T> {
    /// Adds a route and says the names of its variables, in order.
    pub fn add(&mut self, verb: Method, path: &str, target: T) -> Result<Vec<String>, BadContract> {
        let mut node = &mut self.root;
        let mut names = Vec::new();
        for segment in path
            .strip_prefix('/')
            .ok_or_else(|| BadContract::new(path, "must begin with /"))?
            .split('/')
        {
            node = match segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((name, suffix)) => {
                    names.push(name.split('=').next().unwrap_or(name).to_owned());
                    node.variable(suffix)
                }
                None => node.literals.entry(segment.to_owned()).or_default(),
            };
        }
        if node.verbs.iter().any(|(known, _)| *known == verb) {
            return Err(BadContract::new(path, format!("has two routes for {verb}")));
        }
        node.verbs.push((verb, target));
        Ok(names)
    }

    /// Finds what stands at a path, with or without a slash at its end.
    pub fn find<'r, 'p>(&'r self, verb: &Method, path: &'p str) -> Matched<'r, 'p, T> {
        let Some(path) = path.strip_prefix('/') else {
            return Matched::Nothing;
        };
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let mut variables = Vec::new();
        let Some(node) = self.root.find(&segments, &mut variables) else {
            return Matched::Nothing;
        };
        match node.verbs.iter().find(|(known, _)| known == verb) {
            Some((_, target)) => Matched::Route(target, variables),
            None => Matched::OtherVerbs(node.verbs.iter().map(|(known, _)| known).collect()),
        }
    }
}

impl<T> Routes<T> {
    /// Every route's target.
    pub fn targets(&self) -> Vec<&T> {
        let mut found = Vec::new();
        self.root.targets(&mut found);
        found
    }

    /// The same routes to other targets.
    pub fn try_map<U, E>(self, mut change: impl FnMut(T) -> Result<U, E>) -> Result<Routes<U>, E> {
        Ok(Routes {
            root: self.root.try_map(&mut change)?,
        })
    }
}

impl<T> Node<T> {
    fn targets<'r>(&'r self, found: &mut Vec<&'r T>) {
        found.extend(self.verbs.iter().map(|(_, target)| target));
        let mut literals: Vec<_> = self.literals.iter().collect();
        literals.sort_by_key(|(segment, _)| segment.as_str());
        for (_, node) in literals {
            node.targets(found);
        }
        for (_, node) in &self.variables {
            node.targets(found);
        }
    }

    fn try_map<U, E>(self, change: &mut impl FnMut(T) -> Result<U, E>) -> Result<Node<U>, E> {
        Ok(Node {
            verbs: self
                .verbs
                .into_iter()
                .map(|(verb, target)| Ok((verb, change(target)?)))
                .collect::<Result<_, E>>()?,
            literals: self
                .literals
                .into_iter()
                .map(|(segment, node)| Ok((segment, node.try_map(change)?)))
                .collect::<Result<_, E>>()?,
            variables: self
                .variables
                .into_iter()
                .map(|(suffix, node)| Ok((suffix, node.try_map(change)?)))
                .collect::<Result<_, E>>()?,
        })
    }

    fn variable(&mut self, suffix: &str) -> &mut Self {
        let at = match self.variables.iter().position(|(known, _)| known == suffix) {
            Some(at) => at,
            None => {
                let at = self
                    .variables
                    .partition_point(|(known, _)| known.len() >= suffix.len());
                self.variables.insert(at, (suffix.to_owned(), Self::default()));
                at
            }
        };
        &mut self.variables[at].1
    }

    fn find<'r, 'p>(&'r self, segments: &[&'p str], variables: &mut Vec<&'p str>) -> Option<&'r Self> {
        let Some((segment, rest)) = segments.split_first() else {
            return (!self.verbs.is_empty()).then_some(self);
        };
        if let Some(found) = self
            .literals
            .get(*segment)
            .and_then(|next| next.find(rest, variables))
        {
            return Some(found);
        }
        for (suffix, next) in &self.variables {
            let Some(value) = segment
                .strip_suffix(suffix.as_str())
                .filter(|value| !value.is_empty())
            else {
                continue;
            };
            let known = variables.len();
            variables.push(value);
            if let Some(found) = next.find(rest, variables) {
                return Some(found);
            }
            variables.truncate(known);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes<&'static str> {
        let mut routes = Routes::default();
        for (verb, path, name) in [
            (Method::GET, "/v1/leads", "list"),
            (Method::POST, "/v1/leads", "create"),
            (Method::GET, "/v1/leads/{id}", "get"),
            (Method::DELETE, "/v1/leads/{id}", "delete"),
            (Method::GET, "/v1/leads/stats", "stats"),
            (Method::POST, "/v1/leads/{id}/merge", "merge"),
            (Method::POST, "/v1/leads/duplicates/dismiss", "dismiss"),
            (Method::GET, "/v1/calendar/{secret}.ics", "calendar"),
        ] {
            routes.add(verb, path, name).unwrap();
        }
        routes
    }

    fn found(verb: &Method, path: &str) -> String {
        match routes().find(verb, path) {
            Matched::Route(name, variables) => format!("{name} {variables:?}"),
            Matched::OtherVerbs(verbs) => format!("{verbs:?}"),
            Matched::Nothing => String::new(),
        }
    }

    #[test]
    fn a_path_is_found_with_and_without_its_trailing_slash() {
        assert_eq!(found(&Method::GET, "/v1/leads"), "list []");
        assert_eq!(found(&Method::GET, "/v1/leads/"), "list []");
        assert_eq!(found(&Method::GET, "/v1/leads/7/"), "get [\"7\"]");
        assert_eq!(found(&Method::GET, "/v1/leads//"), "");
    }

    #[test]
    fn literal_segments_win_over_variables_as_far_as_they_lead() {
        assert_eq!(found(&Method::GET, "/v1/leads/stats"), "stats []");
        assert_eq!(found(&Method::POST, "/v1/leads/duplicates/dismiss"), "dismiss []");
        assert_eq!(
            found(&Method::POST, "/v1/leads/duplicates/merge"),
            "merge [\"duplicates\"]"
        );
    }

    #[test]
    fn a_known_path_names_the_verbs_it_takes() {
        assert_eq!(found(&Method::PUT, "/v1/leads"), "[GET, POST]");
        assert_eq!(found(&Method::DELETE, "/v1/leads/stats/"), "[GET]");
    }

    #[test]
    fn a_variable_may_have_a_suffix() {
        assert_eq!(found(&Method::GET, "/v1/calendar/abc.ics"), "calendar [\"abc\"]");
        assert_eq!(found(&Method::GET, "/v1/calendar/.ics"), "");
        assert_eq!(found(&Method::GET, "/v1/calendar/abc"), "");
    }

    #[test]
    fn two_routes_can_not_share_a_verb_and_a_path() {
        assert!(routes().add(Method::GET, "/v1/leads/{other}", "again").is_err());
    }
}
