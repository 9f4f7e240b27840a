//! What commits leave to be told, and how soon.

use tokio::sync::Notify;

/// How soon what a transaction leaves is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nobody waits for it.
    Whenever,
    /// Somebody waits for it.
    AtOnce,
}

/// What one transaction leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leaves {
    whenever: bool,
    at_once: bool,
}

/// Wakes those who tell, one for each urgency.
#[derive(Debug, Default)]
pub(super) struct Left {
    whenever: Notify,
    at_once: Notify,
}

impl Leaves {
    pub(super) const fn add(&mut self, urgency: Urgency) {
        match urgency {
            Urgency::Whenever => self.whenever = true,
            Urgency::AtOnce => self.at_once = true,
        }
    }
}

impl Left {
    pub(super) fn wake(&self, leaves: Leaves) {
        if leaves.whenever {
            self.whenever.notify_one();
        }
        if leaves.at_once {
            self.at_once.notify_one();
        }
    }

    pub(super) async fn woken(&self, urgency: Urgency) {
        match urgency {
            Urgency::Whenever => self.whenever.notified().await,
            Urgency::AtOnce => self.at_once.notified().await,
        }
    }
}
