//! What there is to be allowed, and what the built-in roles may do, as strings `resource:action:scope`.

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Error, FieldErrors, Scope};

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

/// Reads the permissions of a role or an API key, every bad one named by its place. The scope left out is `all`; what is no
/// record belongs to nobody, so its only scope is `all`.
pub(crate) fn read_all(field: &'static str, texts: &[String], errors: &mut FieldErrors) -> Vec<String> {
    let mut permissions = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(permission) => permissions.push(permission),
            Err(message) => errors.push(format!("{field}[{place}]"), "unknown_permission", message),
        }
    }
    // Sorted, of one resource and action the widest.
    Permissions::parse(&permissions).words()
}

/// Refuses to give what the caller has not: nobody makes a key or a role that may do more than its maker.
pub(crate) fn check_held(caller: &Caller, permissions: &[String]) -> Result<(), Error> {
    let Some(held) = caller.permissions() else {
        return Ok(());
    };
    for permission in permissions {
        let asked = Permissions::parse([permission]);
        if asked.within(held) != asked {
            return Err(Error::forbidden(permission));
        }
    }
    Ok(())
}

fn read(text: &str) -> Result<String, String> {
    let mut parts = text.split(':');
    let (resource, action) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let scope = parts.next().map_or(Some(Scope::All), Scope::parse);
    let is_record = RECORDS.contains(&resource);
    let actions: &[&str] = match is_record {
        true => &RECORD_ACTIONS,
        false if SETUP.contains(&resource) => &SETUP_ACTIONS,
        false => {
            return Err(format!(
                "The resources are {} and {}.",
                RECORDS.join(", "),
                SETUP.join(", ")
            ));
        }
    };
    if !actions.contains(&action) {
        return Err(format!("The actions on {resource} are {}.", actions.join(", ")));
    }
    match scope.filter(|_| parts.next().is_none()) {
        Some(scope) if is_record || scope == Scope::All => {
            Ok(format!("{resource}:{action}:{}", scope.word()))
        }
        Some(_) => Err(format!("{resource} are no records, so their only scope is all.")),
        None => Err("The scopes are own, territory and all.".to_owned()),
    }
}

/// What a sales process works on.
const RECORDS: [&str; 5] = ["accounts", "contacts", "leads", "deals", "activities"];
/// What can be done with records.
const RECORD_ACTIONS: [&str; 8] = [
    "read", "create", "update", "delete", "import", "export", "convert", "merge",
];
/// What can be done with everything else.
const SETUP_ACTIONS: [&str; 2] = ["read", "manage"];
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
mod page;

#[cfg(test)]
mod tests {
    use kontor_chassis::FieldErrors;

    use super::{BuiltIn, read_all};

    fn may(role: BuiltIn, permission: &str) -> bool {
        role.permissions().iter().any(|held| held == permission)
    }

    #[test]
    fn permissions_are_read_with_their_scope_and_every_bad_one_is_named() {
        let read = |texts: &[&str]| {
            let mut errors = FieldErrors::new();
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let permissions = read_all("permissions", &texts, &mut errors);
            errors.into_result().map(|()| permissions)
        };
        assert_eq!(
            read(&[
                "leads:update:own",
                "leads:read",
                "leads:update:territory",
                "company:read:all"
            ])
            .unwrap(),
            ["company:read:all", "leads:read:all", "leads:update:territory"]
        );
        let bad = [
            "leads:read:all",
            "",
            "leads",
            "leads:fly",
            "cats:read",
            "leads:read:mine",
            "leads:read:own:x",
            "company:read:own",
            "company:update",
            "LEADS:read",
        ];
        let error = read(&bad).unwrap_err();
        let places: Vec<String> = error.fields().iter().map(|bad| bad.field.to_string()).collect();
        assert_eq!(
            places,
            (1..bad.len())
                .map(|at| format!("permissions[{at}]"))
                .collect::<Vec<_>>()
        );
        assert!(error.fields().iter().all(|bad| bad.code == "unknown_permission"));
    }

    #[test]
    fn what_the_built_in_roles_hold_can_be_read() {
        for role in BuiltIn::ALL {
            let mut errors = FieldErrors::new();
            let mut held = role.permissions();
            held.sort();
            assert_eq!(read_all("permissions", &role.permissions(), &mut errors), held);
            assert!(errors.into_result().is_ok());
        }
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
