//! docs/status.md says exactly what is not built: judged by the services themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use kontor_integration_tests::rpc;
use kontor_integration_tests::suite::Suite;
use kontor_proto::DESCRIPTORS;
use libtest_mimic::Trial;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::Code;

use crate::tenancy::service_of;
use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![trial(
        suite,
        "status::the_page_of_what_is_not_built_lists_exactly_the_routes_that_are_not",
        the_page_is_true,
    )]
}

async fn the_page_is_true(suite: &Suite) {
    let page = include_str!("../../../docs/status.md");
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- `"))
        .filter_map(|line| line.strip_suffix('`'))
        .filter(|route| route.contains(" /"))
        .map(str::to_owned)
        .collect();

    let mut unbuilt = BTreeSet::new();
    let mut routes = 0;
    let mut caller = suite.api().company().await;
    for method in DESCRIPTORS
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let Some(route) = route(&method) else { continue };
        routes += 1;
        let mut code = answer(suite, &method, caller.token.as_deref()).await;
        if code == Some(Code::Unauthenticated) {
            // An rpc before this one ended the session.
            caller = suite.api().company().await;
            code = answer(suite, &method, caller.token.as_deref()).await;
        }
        if code == Some(Code::Unimplemented) {
            unbuilt.insert(route);
        }
    }
    let missing: Vec<_> = unbuilt.difference(&listed).collect();
    let built: Vec<_> = listed.difference(&unbuilt).collect();
    assert!(
        missing.is_empty() && built.is_empty(),
        "docs/status.md leaves out {missing:#?} and lists what is built: {built:#?}"
    );
    let counts = format!(
        "Of {routes} routes\n{} are built; these {} are not.",
        routes - unbuilt.len(),
        unbuilt.len()
    );
    assert!(page.contains(&counts), "docs/status.md should say: {counts}");
}

/// What an rpc says to an empty request; nothing when it does as asked.
async fn answer(suite: &Suite, method: &MethodDescriptor, token: Option<&str>) -> Option<Code> {
    let channel = suite.channel(service_of(method)).await;
    let message = DynamicMessage::new(method.input());
    let outcome = if method.is_client_streaming() || method.is_server_streaming() {
        rpc::begin(&channel, method, token, &message).await
    } else {
        rpc::unary(&channel, method, token, &message).await.map(drop)
    };
    outcome.err().map(|status| status.code())
}

/// `GET /api/v1/leads/{id}`, for an rpc that has a route.
fn route(method: &MethodDescriptor) -> Option<String> {
    let http = DESCRIPTORS.get_extension_by_name("google.api.http")?;
    let options = method.options();
    if !options.has_extension(&http) {
        return None;
    }
    let rule = options.get_extension(&http);
    let rule = rule.as_message()?;
    ["get", "post", "put", "patch", "delete"]
        .into_iter()
        .find(|verb| rule.has_field_by_name(verb))
        .map(|verb| {
            let path = rule.get_field_by_name(verb);
            let path = path.as_deref().and_then(prost_reflect::Value::as_str);
            format!("{} {}", verb.to_uppercase(), path.unwrap_or_default())
        })
}
