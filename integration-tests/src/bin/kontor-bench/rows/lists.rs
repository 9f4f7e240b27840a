//! Pages of fifty.

use anyhow::{Context, Result};

use crate::arena::Arena;
use crate::load::Load;
use crate::script::{Pick, Recipe, script};
use crate::sent;
use crate::table::{Demand, Row, number};
use crate::turns::{Runs, in_turn};

/// The list that is asked for.
const LIST: &str = "/api/v1/leads?status=new&page_size=50";
/// How many places in it the requests choose from.
const PAGES: usize = 100;

/// Where a page ends: the token of the next, and the last lead.
struct End {
    token: String,
    id: String,
}

/// Walks through a list.
async fn walk(arena: &Arena<'_>, list: &str, pages: usize) -> Result<Vec<End>> {
    let path = list.trim_start_matches("/api/v1");
    let mut ends: Vec<End> = Vec::new();
    for _ in 0..pages {
        let token = ends.last().map(|end| end.token.as_str()).unwrap_or_default();
        let page = arena
            .api
            .get(&format!("{path}&include_total=false&page_token={token}"))
            .await
            .expect(200);
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let last = page["leads"]
            .as_array()
            .and_then(|leads| leads.last())
            .context("an empty page")?;
        let end = End {
            token: word(&page["next_page_token"]),
            id: word(&last["id"]),
        };
        if end.token.is_empty() {
            break;
        }
        ends.push(end);
    }
    Ok(ends)
}

/// What the service sends for a page behind one of these places.
async fn page_behind(arena: &Arena<'_>, ends: &[End]) -> Result<String> {
    let ids: Vec<&str> = ends.iter().map(|end| end.id.as_str()).collect();
    let times: Vec<String> = sqlx::query_scalar(
        "select l.created_at::text
         from unnest($2::uuid[]) with ordinality as e (id, place)
         join leads.leads l on l.company_id = $1::uuid and l.id = e.id
         order by e.place",
    )
    .bind(arena.api.company_id())
    .bind(&ids)
    .fetch_all(arena.suite.database())
    .await?;
    let (end, time) = ends
        .first()
        .zip(times.first())
        .context("one page is all there is")?;
    let path = format!(
        "/leads?status=new&page_size=50&include_total=false&page_token={}",
        end.token
    );
    let page = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.has(&end.id),
        async || {
            arena.api.get(&path).await.expect(200);
            Ok(())
        },
    )
    .await?;
    let recipe = Recipe {
        picks: vec![
            Pick {
                sent: end.id.clone(),
                kind: "uuid",
                values: ids.iter().map(ToString::to_string).collect(),
            },
            Pick {
                sent: time.clone(),
                kind: "timestamptz",
                values: times.clone(),
            },
        ],
        ..Recipe::default()
    };
    Ok(script(&page, &recipe, 0))
}

pub(super) async fn behind_a_cursor(arena: &Arena<'_>) -> Result<Row> {
    let ends = walk(arena, LIST, PAGES).await?;
    let pages: Vec<String> = ends
        .iter()
        .map(|end| format!("{LIST}&include_total=false&page_token={}", end.token))
        .collect();
    let file = arena.file("pages", &pages)?;
    let limit = arena.limit("leads").await;
    let page = [page_behind(arena, &ends).await?];
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| arena.gets(&file, turn.seconds, turn.number).await,
        async |turn| limit.pgbench(&page, turn.seconds).await,
    )
    .await?;
    Ok(Row {
        workload: "a page of 50, status filter, cursor, no total".to_owned(),
        demands: vec![Demand::share(&measured, 0.40), Demand::p99(&measured, 10.0)],
        measured,
        ..Row::default()
    })
}

pub(super) async fn with_the_total(arena: &Arena<'_>) -> Result<Row> {
    let ends = walk(arena, LIST, PAGES).await?;
    let file = arena.file("first-page", &[LIST.to_owned()])?;
    let limit = arena.limit("leads").await;
    let page = [page_behind(arena, &ends).await?];
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| arena.gets(&file, turn.seconds, turn.number).await,
        async |turn| limit.pgbench(&page, turn.seconds).await,
    )
    .await?;
    Ok(Row {
        workload: "the first page with its total (limit: row 3's)".to_owned(),
        demands: vec![Demand::share(&measured, 0.35)],
        measured,
        ..Row::default()
    })
}

pub(super) async fn deep(arena: &Arena<'_>) -> Result<Row> {
    let depth = if arena.quick { 10_000 } else { 100_000 };
    let steps = "/api/v1/leads?status=new&page_size=200";
    let end = walk(arena, steps, depth / 200)
        .await?
        .pop()
        .context("the list is too short")?;
    // Tokens belong to a filter and an order, not to a size.
    let page = |token: &str| format!("{LIST}&include_total=false&page_token={token}");
    let first = arena.file("shallow", &[page("")])?;
    let last = arena.file("deep", &[page(&end.token)])?;
    arena.gets(&first, 1, 0).await?;
    arena.gets(&last, 1, 0).await?;
    let mut shallow: Vec<Load> = Vec::new();
    let mut runs = Runs::default();
    for seed in 1..=2 {
        shallow.push(arena.gets(&first, arena.seconds, seed).await?);
        runs.add(&arena.meter, async || {
            arena.gets(&last, arena.seconds, seed).await
        })
        .await?;
    }
    let measured = runs.finish();
    let p95 = |load: &Load| load.latency.map_or(f64::NAN, |latency| latency.p95);
    let (shallow, deep) = (p95(&Load::sum(&shallow)), p95(&measured.load));
    let text = format!("p95 ≤ 1.3 × page 1's {} ms", number(shallow));
    Ok(Row {
        workload: format!("the page {depth} rows deep"),
        demands: vec![Demand::that(text, deep <= 1.3 * shallow)],
        measured,
        ..Row::default()
    })
}
