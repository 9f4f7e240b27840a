//! Who hears what, also who doesn't run yet.
//!
//! A fact must reach every service that hears it, whichever of them starts first. So each process knows them all, and before
//! it tells anything it makes the queue of each, which then keeps what is told until its service comes.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// Services with the types of messages they hear.
#[derive(Debug, Default)]
pub(crate) struct Audience(RwLock<BTreeMap<String, Vec<String>>>);

impl Audience {
    /// Adds a service.
    pub(crate) fn add(&self, service: &str, kinds: Vec<String>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(service.to_owned(), kinds);
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<String>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who hears messages of a type.
    pub(crate) fn of(&self, kind: &str) -> Vec<String> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let hears = known
            .iter()
            .filter(|(_, kinds)| kinds.iter().any(|one| one == kind));
        hears.map(|(service, _)| service.clone()).collect()
    }

    /// What a service was said to hear.
    pub(crate) fn heard_by(&self, service: &str) -> Option<Vec<String>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(service).cloned()
    }
}
