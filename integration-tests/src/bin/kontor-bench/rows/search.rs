//! Words that few leads have.

use anyhow::{Context, Result};

use crate::arena::Arena;
use crate::people::rare_word;
use crate::script::{Pick, Recipe, script};
use crate::sent;
use crate::table::{Demand, Row};
use crate::turns::in_turn;

/// How many words the requests choose from; pgbench takes at most 128 scripts.
const WORDS: u64 = 100;

pub(super) async fn rare_words(arena: &Arena<'_>) -> Result<Row> {
    let words: Vec<String> = (0..WORDS).map(|n| rare_word(n * 7)).collect();
    let path = |word: &String| format!("/api/v1/leads?search={word}&include_total=false");
    let file = arena.file("words", &words.iter().map(path).collect::<Vec<_>>())?;
    let word = words.first().context("no words")?;
    let pattern = |word: &String| format!("% {}%", word.to_lowercase());
    let one = pattern(word);
    let asked = path(word);
    let sent = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.has(&one),
        async || {
            arena
                .api
                .get(asked.trim_start_matches("/api/v1"))
                .await
                .expect(200);
            Ok(())
        },
    )
    .await?;
    // A script a word: the planner must see the pattern, as it does when the service asks.
    let scripts: Vec<String> = words
        .iter()
        .map(|word| {
            let pick = Pick {
                sent: one.clone(),
                kind: "text",
                values: vec![pattern(word)],
            };
            let recipe = Recipe {
                picks: vec![pick],
                ..Recipe::default()
            };
            script(&sent, &recipe, 0)
        })
        .collect();
    let limit = arena.limit("leads").await;
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| arena.gets(&file, turn.seconds, turn.number).await,
        async |turn| limit.pgbench(&scripts, turn.seconds).await,
    )
    .await?;
    Ok(Row {
        workload: "search for a rare word".to_owned(),
        demands: vec![Demand::share(&measured, 0.60), Demand::p99(&measured, 250.0)],
        measured,
        ..Row::default()
    })
}
