//! What the built-in roles may do, as strings `resource:action:scope`.

/// A role that every company has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    /// Everything.
    Admin,
    /// Every action on records, and the set-up of the sales process.
    Manager,
    /// Works on the own records, sees all.
    Rep,
    /// Sees.
    Viewer,
}

impl BuiltIn {
    /// In the order in which they are listed.
    pub(crate) const ALL: [Self; 4] = [Self::Admin, Self::Manager, Self::Rep, Self::Viewer];

    /// The name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Rep => "rep",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it may do, in the order of the resources.
    pub(crate) fn permissions(self) -> Vec<String> {
        let records = RECORDS.iter().flat_map(|resource| {
            RECORD_ACTIONS.iter().filter_map(move |action| {
                Some(format!("{resource}:{action}:{}", self.scope_on_records(action)?))
            })
        });
        let setup = SETUP.iter().flat_map(|resource| {
            let actions: &[&str] = if self.manages(resource) {
                &["read", "manage"]
            } else if self.reads(resource) {
                &["read"]
            } else {
                &[]
            };
            actions
                .iter()
                .map(move |action| format!("{resource}:{action}:all"))
        });
        records.chain(setup).collect()
    }

    fn scope_on_records(self, action: &str) -> Option<&'static str> {
        match (self, action) {
            (Self::Admin | Self::Manager, _) => Some("all"),
            (Self::Rep, "read" | "create" | "import") => Some("all"),
            (Self::Rep, _) => Some("own"),
            (Self::Viewer, "read") => Some("all"),
            (Self::Viewer, _) => None,
        }
    }

    fn manages(self, resource: &str) -> bool {
        match self {
            Self::Admin => true,
            Self::Manager => matches!(
                resource,
                "territories" | "pipelines" | "scoring" | "fields" | "api_keys"
            ),
            Self::Rep => resource == "api_keys",
            Self::Viewer => false,
        }
    }

    fn reads(self, resource: &str) -> bool {
        self.manages(resource)
            || matches!(
                resource,
                "company" | "members" | "territories" | "pipelines" | "scoring" | "fields"
            )
    }
}

/// What a sales process works on.
const RECORDS: [&str; 5] = ["accounts", "contacts", "leads", "deals", "activities"];
/// What can be done with records.
const RECORD_ACTIONS: [&str; 8] = [
    "read", "create", "update", "delete", "import", "export", "convert", "merge",
];
/// Everything else; it is read and managed.
const SETUP: [&str; 9] = [
    "territories",
    "pipelines",
    "scoring",
    "fields",
    "company",
    "members",
    "roles",
    "api_keys",
    "audit",
];

#[cfg(test)]
mod tests {
    use super::BuiltIn;

    fn may(role: BuiltIn, permission: &str) -> bool {
        role.permissions().iter().any(|held| held == permission)
    }

    #[test]
    fn an_admin_may_everything() {
        assert_eq!(BuiltIn::Admin.permissions().len(), 5 * 8 + 9 * 2);
        assert!(
            BuiltIn::Admin
                .permissions()
                .iter()
                .all(|held| held.ends_with(":all"))
        );
    }

    #[test]
    fn a_manager_sets_up_the_process_but_not_the_company() {
        for held in [
            "leads:merge:all",
            "deals:export:all",
            "scoring:manage:all",
            "api_keys:manage:all",
            "company:read:all",
        ] {
            assert!(may(BuiltIn::Manager, held), "{held}");
        }
        for missing in [
            "company:manage:all",
            "members:manage:all",
            "roles:read:all",
            "audit:read:all",
        ] {
            assert!(!may(BuiltIn::Manager, missing), "{missing}");
        }
    }

    #[test]
    fn a_rep_changes_what_is_the_reps_own() {
        for held in [
            "leads:read:all",
            "leads:create:all",
            "leads:import:all",
            "leads:update:own",
            "leads:convert:own",
        ] {
            assert!(may(BuiltIn::Rep, held), "{held}");
        }
        for missing in ["leads:update:all", "scoring:manage:all", "members:manage:all"] {
            assert!(!may(BuiltIn::Rep, missing), "{missing}");
        }
    }

    #[test]
    fn a_viewer_only_reads() {
        assert!(
            BuiltIn::Viewer
                .permissions()
                .iter()
                .all(|held| held.ends_with(":read:all"))
        );
        assert!(!may(BuiltIn::Viewer, "api_keys:read:all"));
        assert!(may(BuiltIn::Viewer, "activities:read:all"));
    }
}
