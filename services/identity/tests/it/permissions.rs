//! The guard that stands before every service does what docs/permissions.md says: every rpc, every built-in role.

use http::{HeaderMap, HeaderValue};
use kontor_chassis::guard::Guard;
use kontor_chassis::methods::Method;
use kontor_chassis::{Kind, Scope};

use crate::staff::{boss, hire};
use crate::world::World;

const PAGE: &str = include_str!("../../../../docs/permissions.md");

/// `(path of the rpc, what each role gets)`, from the tables of the page.
fn rows() -> Vec<(String, [String; 4])> {
    let mut rows = Vec::new();
    let mut service = "";
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            service = name;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", rpc, _, _, admin, manager, rep, viewer, ""] = cells[..]
            && !matches!(rpc, "rpc" | "---")
        {
            let roles = [admin, manager, rep, viewer].map(str::to_owned);
            rows.push((format!("/{service}/{rpc}"), roles));
        }
    }
    rows
}

#[tokio::test]
async fn every_rpc_is_open_to_every_built_in_role_as_the_page_says_and_as_far() {
    let world = World::new().await;
    let boss = boss(&world).await;
    let staff = [
        boss.clone(),
        hire(&world, &boss, "manager").await,
        hire(&world, &boss, "rep").await,
        hire(&world, &boss, "viewer").await,
    ];
    let guard = Guard::new(world.verifier());
    let rows = rows();
    let mut refused = 0;
    for (path, cells) in &rows {
        let method = Method::find(path).unwrap_or_else(|| panic!("{path} is not in the contract"));
        for (person, cell) in staff.iter().zip(cells) {
            let mut headers = HeaderMap::new();
            let token = HeaderValue::from_str(&format!("Bearer {}", person.access)).unwrap();
            headers.insert("authorization", token);
            match (guard.admit(&method.access, &headers).await, cell.as_str()) {
                (Ok(Some(_)), "yes") => {}
                (Ok(Some(caller)), scope) => {
                    let kontor_chassis::methods::Access::Permission(permission) = &method.access else {
                        panic!("{path} needs no permission");
                    };
                    assert_eq!(
                        caller.allowed(permission),
                        Scope::parse(scope),
                        "{path} as {}",
                        caller.role()
                    );
                }
                (Err(error), "") => {
                    assert_eq!(error.kind(), Kind::Forbidden, "{path}");
                    refused += 1;
                }
                (outcome, cell) => panic!("{path}: the page says {cell:?}, the guard {outcome:?}"),
            }
        }
    }
    assert!(
        rows.len() > 200 && refused > 200,
        "{} rpcs, {refused} refusals",
        rows.len()
    );
}
