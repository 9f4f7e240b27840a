//! `docs/permissions.md` is written from the code and the contract, and a test fails when it says something else.
//!
//! `KONTOR_WRITE_DOCS=1 cargo test -p kontor-identity --lib permission` writes it anew.

use std::fmt::Write;
use std::path::PathBuf;

use kontor_chassis::caller::Permissions;
use kontor_chassis::methods::Access;
use kontor_proto::DESCRIPTORS;
use prost_reflect::{MethodDescriptor, ReflectMessage};

use super::{BuiltIn, RECORD_ACTIONS, RECORDS, SETUP, SETUP_ACTIONS};

const INTRODUCTION: &str = "\
# Permissions

This page is written from the code: `KONTOR_WRITE_DOCS=1 cargo test -p kontor-identity --lib permission`. A test fails
when it says anything else than what the services do.

A permission is `resource:action:scope`. The scope is `own`, `territory` or `all`, and left out it is `all`. *Own* are the
records one owns or, when nobody owns them, made; *territory* adds those in one's territories and all below them. A record
that one may not read is a 404, one that one may read but not change a 403. What is no record belongs to nobody, so its only
scope is `all`.

The roles `admin`, `manager`, `rep` and `viewer` are built in. A company's own roles are any set of permissions; whoever
makes one can't put more into it than they hold themselves. A change of a role, or of whose it is, holds within a second,
also under access tokens that are about. An API key may do what both its own permissions and its maker's role allow.
";

fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let held = BuiltIn::ALL.map(|role| Permissions::parse(role.permissions()));
    let names = BuiltIn::ALL.map(BuiltIn::name).join(" | ");
    let cells = |permission: &str| {
        held.each_ref()
            .map(|held| held.scope(permission).map_or("", kontor_chassis::Scope::word))
            .join(" | ")
    };

    page.push_str("\n## What the built-in roles hold\n\n");
    let _ = writeln!(page, "| permission | {names} |\n| --- | --- | --- | --- | --- |");
    let groups: [(&[&str], &[&str]); 2] = [(&RECORDS, &RECORD_ACTIONS), (&SETUP, &SETUP_ACTIONS)];
    for (resources, actions) in groups {
        for resource in resources {
            for action in actions {
                let permission = format!("{resource}:{action}");
                let _ = writeln!(page, "| `{permission}` | {} |", cells(&permission));
            }
        }
    }

    page.push_str("\n## Who may call what\n\n");
    page.push_str(
        "How far each built-in role reaches with an rpc; an empty cell is a 403. *anybody* needs no token, ",
    );
    page.push_str("*signed in* no permission, *services* are those of the suite.\n");
    for service in DESCRIPTORS.services() {
        let _ = writeln!(
            page,
            "\n### {}\n\n| rpc | route | permission | {names} |\n| --- | --- | --- | --- | --- | --- | --- |",
            service.full_name()
        );
        for method in service.methods() {
            let access = Access::of(&method).expect("every rpc has a rule");
            let (demands, cells) = match &access {
                Access::Public => ("anybody".to_owned(), ["yes"; 4].join(" | ")),
                Access::SignedIn => ("signed in".to_owned(), ["yes"; 4].join(" | ")),
                Access::Service => ("services".to_owned(), [""; 4].join(" | ")),
                Access::Permission(permission) => (format!("`{permission}`"), cells(permission)),
            };
            let route = route(&method)
                .map(|route| format!("`{route}`"))
                .unwrap_or_default();
            let _ = writeln!(page, "| {} | {route} | {demands} | {cells} |", method.name());
        }
    }
    page
}

/// `GET /api/v1/things/{id}`, as the contract says.
fn route(method: &MethodDescriptor) -> Option<String> {
    let http = DESCRIPTORS.get_extension_by_name("google.api.http")?;
    let options = method.options();
    if !options.has_extension(&http) {
        return None;
    }
    let rule = options.get_extension(&http);
    let rule = rule.as_message()?;
    let pattern = rule
        .descriptor()
        .oneofs()
        .next()?
        .fields()
        .find(|field| rule.has_field(field))?;
    let path = rule.get_field(&pattern).as_str()?.to_owned();
    Some(format!("{} {path}", pattern.name().to_uppercase()))
}

#[test]
fn the_page_of_permissions_says_what_the_code_does() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/permissions.md"));
    let page = page();
    if std::env::var_os("KONTOR_WRITE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/permissions.md is old: KONTOR_WRITE_DOCS=1 cargo test -p kontor-identity --lib permission"
    );
}
