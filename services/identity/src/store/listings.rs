//! What can be listed, and by what: the columns of each list, as the conventions for every list have it.

use std::sync::LazyLock;

use kontor_records::description::Names;
use kontor_records::implied::MEMBER;
use kontor_records::leaf::{self, Form, Kind, Leaf, Spec};
use kontor_records::query::Listing;

/// Longer than any value that is looked for.
const MOST: usize = 2000;

/// The members of a company.
pub(crate) static MEMBERS: LazyLock<Listing> = LazyLock::new(|| {
    let table = "(
        select m.company_id, m.user_id, u.email, u.first_name, u.last_name, r.name as role, m.active, m.joined_at, m.version,
          identity.folded(concat_ws(' ', u.first_name, u.last_name, u.email)) as search
        from identity.memberships m
        join identity.users u on u.id = m.user_id
        join identity.roles r on r.company_id = m.company_id and r.id = m.role_id
        where m.left_at is null
      ) members";
    let leaves = vec![
        person("user_id", false),
        line("email"),
        line("first_name"),
        line("last_name"),
        line("role"),
        flag("active"),
        moment("joined_at", false),
        inner("version", Kind::Int),
    ];
    Listing::new(names(table, "member", "members"), leaves, "last_name,first_name")
});

/// The invitations that were not accepted yet.
pub(crate) static INVITATIONS: LazyLock<Listing> = LazyLock::new(|| {
    let table = "(
        select i.company_id, i.id, i.email, i.role_id, r.name as role, i.invited_by, i.created_at, i.expires_at,
          identity.folded(concat_ws(' ', i.email, r.name)) as search
        from identity.invitations i
        join identity.roles r on r.company_id = i.company_id and r.id = i.role_id
      ) invitations";
    let leaves = vec![
        id(),
        line("email"),
        line("role"),
        person("invited_by", false),
        moment("created_at", false),
        moment("expires_at", false),
        inner("company_id", Kind::Id),
        inner("role_id", Kind::Id),
    ];
    Listing::new(names(table, "invitation", "invitations"), leaves, "-created_at")
});

/// The roles of a company, the built-in ones first.
pub(crate) static ROLES: LazyLock<Listing> = LazyLock::new(|| {
    let table = "(
        select r.*, identity.folded(concat_ws(' ', r.name, r.description)) as search
        from identity.roles r
      ) roles";
    let leaves = vec![
        id(),
        line("name"),
        Leaf::new("description", Kind::Text(Form::Lines), true, &leaf::lines(MOST)),
        flag("built_in"),
        moment("created_at", false),
        moment("updated_at", false),
        // Those of built-in roles stand in the code.
        inner("permissions", Kind::Words),
        inner("version", Kind::Int),
    ];
    Listing::new(names(table, "role", "roles"), leaves, "-built_in,name")
});

/// The API keys of the caller.
pub(crate) static API_KEYS: LazyLock<Listing> = LazyLock::new(|| {
    let table = "(
        select k.*, identity.folded(concat_ws(' ', k.name, k.prefix)) as search
        from identity.api_keys k
      ) api_keys";
    let leaves = vec![
        id(),
        line("name"),
        Leaf::new("permissions", Kind::Words, false, &leaf::words(MOST)),
        Leaf::new("prefix", Kind::Text(Form::Word), false, &leaf::word(MOST)),
        moment("expires_at", true),
        moment("last_used_at", true),
        moment("created_at", false),
        inner("user_id", Kind::Id),
    ];
    Listing::new(names(table, "API key", "api_keys"), leaves, "-created_at").own("user_id")
});

/// The audit log.
pub(crate) static AUDIT_LOG: LazyLock<Listing> = LazyLock::new(|| {
    let table = "(
        select l.*, identity.folded(concat_ws(' ', l.user_name, l.action, l.resource_name)) as search
        from identity.audit_log l
      ) audit_log";
    let word = |name| Leaf::new(name, Kind::Text(Form::Word), true, &leaf::word(MOST));
    let said = |name| Leaf::new(name, Kind::Text(Form::Line), true, &leaf::text(MOST));
    let leaves = vec![
        id(),
        moment("at", false),
        person("user_id", true),
        said("user_name"),
        Leaf::new("action", Kind::Text(Form::Word), false, &leaf::word(MOST)),
        word("resource"),
        word("resource_id"),
        said("resource_name"),
        word("address"),
        said("device"),
        Leaf::new("fields", Kind::Words, false, &leaf::words(MOST)),
    ];
    Listing::new(names(table, "entry", "audit"), leaves, "-at")
});

const fn names(table: &'static str, one: &'static str, many: &'static str) -> Names {
    Names { table, one, many }
}

fn id() -> Leaf {
    Leaf::new("id", Kind::Id, false, &leaf::text(36))
}

/// Who: also `me`.
fn person(name: &'static str, nullable: bool) -> Leaf {
    Leaf::new(name, Kind::Id, nullable, &leaf::reference(MEMBER))
}

fn line(name: &'static str) -> Leaf {
    Leaf::new(name, Kind::Text(Form::Line), false, &leaf::text(MOST))
}

fn flag(name: &'static str) -> Leaf {
    Leaf::new(name, Kind::Bool, false, &leaf::flag())
}

fn moment(name: &'static str, nullable: bool) -> Leaf {
    Leaf::new(name, Kind::Time, nullable, &leaf::moment())
}

/// What is read with a row and no list is filtered by.
fn inner(name: &'static str, kind: Kind) -> Leaf {
    const INNER: Spec = leaf::text(MOST).internal();
    Leaf::new(name, kind, false, &INNER)
}
