//! One action on five hundred leads.

use anyhow::{Result, bail};
use serde_json::json;

use crate::arena::Arena;
use crate::load::Script;
use crate::script::{Recipe, script};
use crate::sent;
use crate::table::{Demand, Row};
use crate::turns::in_turn;

const LEADS: i64 = 500;

pub(super) async fn five_hundred(arena: &Arena<'_>) -> Result<Row> {
    let ids = arena.leads(LEADS).await?;
    let body = |rating: &str| json!({"action": "set_rating", "ids": ids, "params": {"rating": rating}});
    let answer = arena.api.post("/leads/bulk-action", body("cold")).await;
    if answer.status != 200 {
        bail!("the bulk action of leads answers {}", answer.status);
    }
    let sent = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.text.contains("update leads.leads"),
        async || {
            arena
                .api
                .post("/leads/bulk-action", body("warm"))
                .await
                .expect(200);
            Ok(())
        },
    )
    .await?;
    // The statement that does it, without what judges it before.
    let plain: Vec<_> = sent
        .into_iter()
        .filter(|statement| statement.parameters.is_empty() || statement.text.contains("update leads.leads"))
        .collect();
    let recipe = Recipe {
        known_ids: Some([arena.known_ids(), ids.clone()].concat()),
        ..Recipe::default()
    };
    // Another rating each time, so that there is always something to change.
    let body = body("{hot|warm|cold}").to_string();
    let limit = arena.limit("leads").await;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| {
            arena
                .wrk(
                    Script::Post,
                    turn.seconds,
                    &["/api/v1/leads/bulk-action", &body, arena.token(), "0"],
                )
                .await
        },
        async |turn| {
            arena
                .alone(&limit, script(&plain, &recipe, turn.number), turn.seconds)
                .await
        },
    )
    .await?;
    Ok(Row {
        workload: format!("a bulk action on {LEADS} leads"),
        demands: vec![Demand::share(&measured, 0.90)],
        measured,
        ..Row::default()
    })
}
